"""`vmoffer generate`: the Packer project of a SKU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from generator.model import Builder
    from generator.plugin_lock import Plugin

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
@click.option(
    "--locked/--unlocked", "locked", default=None,
    help="Pin the plugins to what is installed, or not. [default: as it is]",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the files on disk differ.")
def command(skus: tuple[str, ...], builder: str | None, out: Path, locked: bool | None, check: bool) -> None:
    """Write the Packer project of every SKU: OUT/<offer>/<plan>/<version>/packer/<builder>/.

    Without a SKU, of all of skus/. The same definition gives the same bytes; files of an earlier run that are
    no longer needed go. With --locked a project asks for the very versions of its plugins that Packer has
    here, and plugins.sha256 holds their digests, which every build compares.

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
            written = project.write(definition, one, folder, None if locked is None else ())
            if locked:
                written = project.write(definition, one, folder, _installed(one, folder))
            say(f"{definition.sku.id} for {one}: {len(written)} files")
            show(folder)
    if changes:
        raise NotMet("the files on disk are not what the definitions say", details=changes)


def _installed(builder: Builder, folder: Path) -> tuple[Plugin, ...]:
    """The plugins of this machine that the project in `folder` gets; they are brought in first."""
    from generator.model import Builder
    from generator.project import PLUGINS
    from tools import packer, plugins
    from vmoffer.console import say

    ready = packer.ensure(["qemu"] if builder is Builder.QEMU else [], say)
    packer.init(ready, folder, say)
    return plugins.installed(ready, (folder / PLUGINS).read_text(encoding="utf-8"))
