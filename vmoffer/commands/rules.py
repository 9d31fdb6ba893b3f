"""`vmoffer rules`: the catalogue of certification rules, or one rule explained."""

from __future__ import annotations

import click


@click.command()
@click.argument("rule", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text")
def command(rule: str | None, form: str) -> None:
    """List the rules, or explain RULE: what, why, who checks it, how to fix it.

    \b
    Example:
      vmoffer rules LNX-SSH-001
    """
    from validators import catalogue, explain

    chosen = [catalogue.find(rule)] if rule else list(catalogue.rules().values())
    if form == "json":
        import json

        documents = [explain.as_json(one) for one in chosen]
        click.echo(json.dumps(documents[0] if rule else documents, indent=2, ensure_ascii=False))
    elif form == "markdown":
        click.echo(explain.markdown(chosen), nl=False)
    elif rule:
        click.echo(explain.text(chosen[0]))
    else:
        click.echo(explain.table(chosen))
