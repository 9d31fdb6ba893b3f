"""`vmoffer disk`: make data disks, and say what a disk file is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmoffer.size import Size

if TYPE_CHECKING:
    from validators.vhd import Container

WORDS = {True: "yes", False: "no", None: "unknown"}


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
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def info(file: Path, form: str) -> None:
    """Show what a disk file is and what is wrong with it as a container.

    `finished` says that it is a fixed VHD Azure can read: footer, checksum, length and whole MiB. Whether
    the disk in it meets the rules is for `vmoffer validate`.

    \b
    Examples:
      vmoffer disk info data.vhd
      vmoffer disk info data.vhd --format json
    """
    from validators.vhd import inspect

    facts = _facts(inspect(file))
    if form == "json":
        click.echo(json.dumps(facts, indent=2))
        return
    problems = facts.pop("problems")
    assert isinstance(problems, list)
    for name, value in facts.items():
        shown = WORDS[value] if value is None or isinstance(value, bool) else value
        click.echo(f"{name.replace('_', ' '):18} {shown}")
    for problem in problems:
        click.echo(f"{'problem':18} {problem}")


def _facts(found: Container) -> dict[str, object]:
    """What there is to say, in the order and the words of both formats."""
    from validators.convert import is_finished

    facts: dict[str, object] = {
        "file": str(found.path),
        "kind": found.kind,
        "size_bytes": found.size_bytes,
        "file_bytes": found.file_bytes,
        "allocated_bytes": found.allocated_bytes,
        "whole_mib": found.whole_mib,
    }
    if found.footer is not None:
        footer = found.footer
        facts |= {
            "checksum_ok": found.checksum_ok,
            "length_ok": found.length_ok,
            "geometry": "/".join(map(str, footer.geometry)),
            "creator": footer.creator.decode("ascii", errors="backslashreplace").strip(" \0"),
            "created": footer.created,
            "unique_id": footer.unique_id.hex(),
        }
    return facts | {"finished": is_finished(found), "problems": list(found.problems)}
