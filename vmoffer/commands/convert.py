"""`vmoffer convert`: any disk image to a fixed VHD."""

from __future__ import annotations

from pathlib import Path

import click

from vmoffer.path import PATH
from vmoffer.size import Size


@click.command()
@click.argument("source", metavar="IN", type=PATH)
@click.argument("target", metavar="OUT.vhd", type=PATH)
@click.option("--in-place", is_flag=True, help="IN is raw: append the footer and rename it, copying nothing.")
@click.option("--size", type=Size(), help="Grow the disk to this: 32G, 512M, 1T. Its backup GPT moves along.")
@click.option(
    "--punch-holes", is_flag=True, help="With --in-place: read the whole disk and make holes of its zeros."
)
@click.option("--force", is_flag=True, help="Replace OUT.vhd if it exists.")
def command(
    source: Path, target: Path, in_place: bool, size: int | None, punch_holes: bool, force: bool
) -> None:
    """Make a fixed VHD of whole MiB from a raw, qcow2, VHDX, VMDK or VHD disk image.

    The result takes only the room of what is in it. IN stays as it is, except with --in-place.

    \b
    Examples:
      vmoffer convert server.qcow2 server.vhd
      vmoffer convert --in-place os.raw os.vhd
      vmoffer convert --size 64G small.raw large.vhd
    """
    from generator.errors import Unusable
    from validators import convert
    from validators.vhd import inspect
    from vmoffer.console import byte_progress, say

    if in_place:
        done = convert.in_place(source, target, force=force, grow=size, holes=punch_holes)
    elif punch_holes:
        raise Unusable("--punch-holes is for --in-place", hint="a copy leaves zeros out by itself")
    else:
        total = convert.disk_size(inspect(source))
        with byte_progress(f"converting {source.name}", total) as advance:
            done = convert.to_vhd(source, target, force=force, grow=size, advance=advance)
    mib, taken = (done.size_bytes or 0) / (1 << 20), done.allocated_bytes / (1 << 20)
    say(f"{target}: fixed VHD of {mib:g} MiB, {taken:.1f} MiB on disk")
