"""`vmoffer disk`: make data disks, and say what a disk file is."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from vmoffer.path import PATH
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
@click.argument("target", metavar="OUT.vhd", type=PATH)
@click.option("--size", type=Size(), help="Of the disk: 32G, 512M, 1T. [default: what --content needs]")
@click.option("--content", type=PATH, help="Folder or file to put on the disk.")
@click.option(
    "--filesystem",
    type=click.Choice(["ext4", "xfs"]),
    default="ext4",
    show_default=True,
    help="For --content.",
)
@click.option("--label", default="data", show_default=True, help="Of the file system, with --content.")
@click.option("--uuid", "system_id", type=click.UUID, help="Of the file system. [default: a new one]")
@click.option("--force", is_flag=True, help="Replace OUT.vhd if it exists.")
def create(
    target: Path,
    size: int | None,
    content: Path | None,
    filesystem: str,
    label: str,
    system_id: UUID | None,
    force: bool,
) -> None:
    """Make a data disk: blank, or with one partition that holds --content.

    XFS takes no names with spaces or colons, no files of 2 GiB, no extended attributes, and does not keep
    times; ext4 takes and keeps all of it.

    \b
    Examples:
      vmoffer disk create data.vhd --size 32G
      vmoffer disk create data.vhd --content ./seed --label seed
      vmoffer disk create data.vhd --size 32G --content ./seed --filesystem xfs
    """
    from validators import datadisk
    from vmoffer.console import say

    if content is None:
        if size is None:
            raise click.UsageError("a blank disk needs --size")
        done = datadisk.blank(target, size, force=force)
    else:
        size = size or datadisk.room_for_content(content, filesystem)
        say(f"filling {target.name}, {size >> 20} MiB, from {content}")
        done = datadisk.filled(
            target, size, content, label, filesystem=filesystem, system_id=system_id, force=force
        )
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
    from generator.printable import to_json
    from validators import diskinfo, workers
    from validators.remote import place
    from vmoffer.console import show, show_document

    with workers.reading([place(file)], diskinfo.SECONDS) as reading:
        found = diskinfo.build(reading.disks()[0])
    if form == "json":
        show_document(to_json(found))
    else:
        from validators.reports import disktext

        show(*disktext.lines(found))
    if found["unusable"]:
        raise Unusable(found["unusable"], where=found["file"])
