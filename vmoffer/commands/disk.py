"""`vmoffer disk`: make data disks, and say what a disk file is."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vmoffer.size import Size


@click.group()
def command() -> None:
    """Create a data disk, or show what a disk file is.

    \b
    Examples:
      vmoffer disk create data.vhd --size 32G
      vmoffer disk info data.vhd
    """


@command.command()
@click.argument("target", metavar="OUT.vhd", type=click.Path(path_type=Path))
@click.option("--size", type=Size(), required=True, help="Size of the disk: 32G, 512M, 1T.")
@click.option("--content", type=click.Path(path_type=Path), help="Folder or file to put on the disk.")
@click.option("--label", default="data", show_default=True, help="File system label, with --content.")
@click.option("--force", is_flag=True, help="Replace OUT.vhd if it exists.")
def create(target: Path, size: int, content: Path | None, label: str, force: bool) -> None:
    """Make a data disk: blank, or with one ext4 partition that holds --content.

    \b
    Examples:
      vmoffer disk create data.vhd --size 32G
      vmoffer disk create data.vhd --size 32G --content ./seed --label seed
    """
    from validators import datadisk
    from vmoffer.console import say

    if content is None:
        done = datadisk.blank(target, size, force=force)
    else:
        say(f"filling {target.name} from {content}")
        done = datadisk.filled(target, size, content, label, force=force)
    say(
        f"{target}: fixed VHD of {size / (1 << 30):g} GiB, {done.allocated_bytes / (1 << 20):.1f} MiB on disk"
    )


@command.command()
@click.argument("file")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def info(file: str, form: str) -> None:
    """Show what a disk file is: its format, sizes and holes, partitions, file systems and volumes.

    FILE is a VHD, raw, qcow2, VHDX or VMDK disk, or the URL of a blob with its SAS. Whether the disk
    meets the rules is for `vmoffer validate`.

    \b
    Exit status 2 if it cannot be used as a disk; what can be said is said. Examples:
      vmoffer disk info data.vhd
      vmoffer disk info data.vhd --format json
    """
    from generator.errors import Unusable
    from validators import diskinfo, workers
    from validators.remote import place

    with workers.reading([place(file)], diskinfo.SECONDS) as reading:
        found = diskinfo.build(reading.disks()[0])
    if form == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        from validators.reports import disktext

        click.echo("\n".join(disktext.lines(found)))
    if found["unusable"]:
        raise Unusable(found["unusable"], where=found["file"])
