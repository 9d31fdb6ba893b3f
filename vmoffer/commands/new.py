"""`vmoffer new`: a commented definition to start from."""

from __future__ import annotations

from pathlib import Path

import click


def known(ctx: click.Context, option: click.Parameter, name: str) -> str:
    """`name`, when generator/systems.yaml has it; the table is read only when it is needed."""
    from generator.starter import systems

    if name not in systems():
        raise click.BadParameter(f"{name!r} is not one of {', '.join(systems())}")
    return name


@click.command("new")
@click.argument("sku", metavar="OFFER/PLAN")
@click.option(
    "--os", "system", required=True, metavar="NAME", callback=known,
    help="What the OS disk holds: debian-12, ubuntu-24.04, rhel-9, windows-server-2022 …",
)  # fmt: skip
@click.option("--publisher", default="contoso", show_default=True, help="Your id in Partner Center.")
def command(sku: str, system: str, publisher: str) -> None:
    """Write skus/OFFER/PLAN.yaml: a commented definition that passes lint. An existing file stays.

    \b
    Example: vmoffer new shop/basic --os debian-12
    """
    from generator.starter import definition, place
    from vmoffer.console import say

    path = place(sku, Path("skus"))
    text = definition(sku, system, publisher)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as out:  # "x": never over a file that is there
        out.write(text)
    click.echo(path)
    say(f"next: edit it, then vmoffer lint {sku}")
