"""Data disks: blank, filled from a file or folder, or taken from an image; fixed VHDs, sparse on disk."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

from generator.errors import NotMet, Surroundings
from validators import ext4, xfs
from validators.content import GPT_BYTES, Format, Ids, check_label, measure, too_small
from validators.convert import append_footer, disk_size, to_vhd
from validators.footer import MIB
from validators.native import run
from validators.partfile import check_target, part_beside, put_in_place, room_for
from validators.partition_types import LINUX_DATA
from validators.vhd import Container, inspect

PARTITION_OFFSET = MIB
FILESYSTEMS = {"ext4": ext4, "xfs": xfs}
SIZE_RULE = "DSK-SIZE-005"


def blank(target: Path, size: int, *, force: bool = False) -> Container:
    """Write a fixed VHD of `size` bytes of zeros; it takes almost no room.

    Raises Unusable when `target` exists (unless `force`), Surroundings when there is no room.
    """
    check_target(None, target, force=force)
    with part_beside(target) as part, room_for(target):
        _finish(part, target, size)
    return inspect(target)


def room_for_content(content: Path, filesystem: str = "ext4") -> int:
    """Bytes of a disk that surely holds `content`, by `validators.content.Format.disk`.

    Raises Unusable when `content` is missing or holds something else than files, folders and links.
    """
    form: Format = FILESYSTEMS[filesystem].FORMAT
    return form.disk(measure(content, holes=filesystem != "xfs"))


def filled(
    target: Path,
    size: int,
    content: Path,
    label: str = "data",
    *,
    filesystem: str = "ext4",
    system_id: uuid.UUID | None = None,
    force: bool = False,
) -> Container:
    """Write a fixed VHD of `size` bytes with one partition that holds `content`.

    A folder's entries, or the one file, come into the root of the file system. Everything belongs to
    root:root; modes and symlinks (as links) stay, on ext4 times and extended attributes too. `label` is the
    file system's, at most 16 characters on ext4 and 12 on xfs; `system_id` is its UUID. With
    SOURCE_DATE_EPOCH in the environment the ids follow from the names and sizes, and on ext4 the times from
    it, so that the same content gives the same disk.

    Raises Unusable when `content` is missing, holds what the file system cannot be given, does not fit, or
    `target` exists (unless `force`); Surroundings when a tool or room is missing.
    """
    check_target(None, target, force=force)
    maker = FILESYSTEMS[filesystem]
    check_label(label, maker.FORMAT)
    partition = size // MIB * MIB - GPT_BYTES
    if partition < maker.FORMAT.least:
        too_small(content, partition, measure(content), maker.FORMAT)
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    seed = f"{target.name} {size} {label}" if epoch.isdecimal() else None
    with part_beside(target) as part, room_for(target):
        os.truncate(part, size)
        _write_table(part, partition, label, seed)
        ids = Ids(system_id or _id(seed, "file system"), _id(seed, "hash"), int(epoch) if seed else None)
        maker.make(part, PARTITION_OFFSET, partition, content, label, ids)
        _finish(part, target, size, int(epoch) if seed else None, _id(seed, "disk"))
    return inspect(target)


def image(
    target: Path,
    size: int,
    source: Path,
    *,
    force: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> Container:
    """Write a fixed VHD from the existing disk image `source`, whose disk must have `size` bytes.

    Raises NotMet (DSK-SIZE-005) when the size differs, and what `validators.convert.to_vhd` raises.
    """
    check_size(disk_size(inspect(source)), size, source, SIZE_RULE)
    return to_vhd(source, target, force=force, advance=advance)


def check_size(found: int, declared: int, where: Path, rule: str) -> None:
    """Raise NotMet when a disk of `found` bytes, padded to whole MiB, is not what the SKU declares."""
    padded = -(-found // MIB) * MIB
    if padded != declared:
        what = f"the disk has {padded / (1 << 30):g} GiB, the SKU declares {declared / (1 << 30):g} GiB"
        hint = "make the definition's size_gib and the image agree"
        raise NotMet(what, where=str(where), rule=rule, hint=hint)


def _write_table(disk: Path, partition: int, label: str, seed: str | None) -> None:
    """Write a GPT with one partition of `partition` bytes, starting and ending on a MiB."""
    script = (
        f"label: gpt\nlabel-id: {_id(seed, 'table')}\nfirst-lba: 2048\n"
        f"start={PARTITION_OFFSET // 512}, size={partition // 512}, type={LINUX_DATA}, "
        f'uuid={_id(seed, "partition")}, name="{label}"\n'
    )
    done = run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(disk)], script, package="fdisk")
    if done.returncode != 0:
        raise Surroundings(f"sfdisk failed: {done.stderr.strip()}", where=str(disk))


def _finish(
    part: Path, target: Path, size: int, epoch: int | None = None, unique_id: uuid.UUID | None = None
) -> None:
    os.truncate(part, size)
    append_footer(part, size, epoch, unique_id)
    put_in_place(part, target)


def _id(seed: str | None, what: str) -> uuid.UUID:
    return uuid.uuid4() if seed is None else uuid.uuid5(uuid.NAMESPACE_OID, f"vmoffer {seed} {what}")
