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
    from generator.printable import to_json
    from validators import catalogue, explain
    from vmoffer.console import show, show_document

    chosen = [catalogue.find(rule)] if rule else list(catalogue.rules().values())
    if form == "json":
        documents = [explain.as_json(one) for one in chosen]
        show_document(to_json(documents[0] if rule else documents))
    elif form == "markdown":
        show_document(explain.markdown(chosen))
    elif rule:
        show(*explain.text(chosen[0]).splitlines())
    else:
        show(*explain.table(chosen).splitlines())
