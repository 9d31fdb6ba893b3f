"""`vmoffer generate`: the Packer project of a SKU."""

from __future__ import annotations

from pathlib import Path

import click

from vmoffer import outside
from vmoffer.path import FOLDER


@click.command("generate")
@click.argument("skus", nargs=-1, metavar="[SKU]...")
@click.option(
    "--builder",
    type=click.Choice(["qemu", "azure-arm"]),
    help="Only this one. [default: all that have a base]",
)
@click.option(
    "--out", type=FOLDER, default=Path("build"), show_default=True,
    help="Folder of all builds.",
)  # fmt: skip
@outside.option
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the files on disk differ.")
def command(skus: tuple[str, ...], builder: str | None, out: Path, check: bool) -> None:
    """Write the Packer project of every SKU: OUT/<offer>/<plan>/<version>/packer/<builder>/.

    Without a SKU, of all of skus/. The same definition gives the same bytes; files of an earlier run that are
    no longer needed go.

    \b
    Example: vmoffer generate demo/debian-12 --builder qemu
    """
    from generator import catalogue, lint, project, steps
    from generator.errors import NotMet, Unusable
    from generator.model import Builder
    from vmoffer.console import say, show

    definitions = [catalogue.find(name) for name in skus] if skus else catalogue.all()
    if not definitions:
        raise Unusable("there are no definitions in skus/", hint="vmoffer new OFFER/PLAN writes one")
    for warning in lint.require(definitions):
        say(str(warning))
    outside.warn(definitions)
    changes: list[str] = []
    for definition in definitions:
        if missing := steps.uncovered(definition.sku):
            say(f"{definition.sku.id}: no step for this system yet: {', '.join(missing)}; see to it yourself")
        chosen = [Builder(builder)] if builder else definition.sku.builders
        if not skus:  # of all: those that the builder can make
            chosen = [one for one in chosen if one in definition.sku.builders]
        for one in chosen:
            folder = project.folder_for(definition.sku, one, out)
            if check:
                changes += project.differences(project.prepare(definition, one, folder))
                continue
            written = project.write(definition, one, folder)
            say(f"{definition.sku.id} for {one}: {len(written)} files")
            show(folder)
    if changes:
        raise NotMet("the files on disk are not what the definitions say", details=changes)
