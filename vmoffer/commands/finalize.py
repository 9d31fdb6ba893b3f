"""`vmoffer finalize`: a builder's raw output to the VHDs of a SKU."""

from __future__ import annotations

from pathlib import Path

import click

from generator.model import Generation
from vmoffer import outside
from vmoffer.path import FOLDER


@click.command()
@click.argument("sku", metavar="SKU")
@click.option(
    "--generation", type=click.Choice([each.value for each in Generation]), required=True, help="Which image."
)
@click.option(
    "--raw",
    type=FOLDER,
    required=True,
    help="Folder with the builder's os.raw, os.raw-1 …; they become the VHDs.",
)
@click.option(
    "--out",
    type=FOLDER,
    required=True,
    help="Folder for the VHDs.",
)
@click.option("--data-only", is_flag=True, help="Leave the OS disk out.")
@outside.option
def command(sku: str, generation: str, raw: Path, out: Path, data_only: bool) -> None:
    """Turn a builder's raw disks into the VHDs of SKU, and make its filled data disks.

    Fails if a disk holds the value of a secret of the steps; their variables have to be set.
    Prints the VHDs, one per line. A second run keeps what is finished. The Packer project that
    `vmoffer generate` writes calls this.

    \b
    Example:
      vmoffer finalize demo/debian-12 --generation gen2 --raw out/gen2/raw --out out
    """
    import os

    from generator import catalogue, lint
    from validators.finalize import finalize
    from vmoffer import secrets
    from vmoffer.console import say, show

    definition = catalogue.find(sku)
    lint.require_sources(definition)
    made = finalize(
        definition.sku,
        Generation(generation),
        raw,
        out,
        definition.root,
        data_only=data_only,
        definition=definition.path,
        secrets={} if data_only else secrets.values(definition, os.environ),
    )
    for each in made:
        say(f"{each.vhd.path.name}: {each.how}, {each.vhd.allocated_bytes / (1 << 20):.1f} MiB on disk")
        show(each.vhd.path)
