"""Any disk image to a fixed VHD: the raw disk is made sparse, and the footer appended in place."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.errors import Surroundings, Unusable
from validators import gpt, qemu_img, sparse
from validators.footer import FOOTER_BYTES, MIB, make_footer
from validators.partfile import check_target, part_beside, put_in_place, room_for
from validators.vhd import Container, inspect


def in_place(
    raw: Path,
    vhd: Path,
    *,
    force: bool = False,
    grow: int | None = None,
    holes: bool = False,
    timestamp: int | None = None,
    unique_id: uuid.UUID | None = None,
) -> Container:
    """Turn the raw disk `raw` into the fixed VHD `vhd` without copying its data.

    Pads to a whole MiB (DSK-ALIGN-001) or to `grow` bytes, appends the footer, waits until both are on
    the medium, and only then renames: `vhd` never exists half done. A call that was cut short is
    repeated as it was. A file that already ends in a good footer is only renamed; a footer with a
    wrong checksum, of 511 bytes, or after a disk of odd size is written anew. `holes` reads the whole
    disk and makes holes of its zeros. `timestamp` (Unix seconds) and `unique_id` make the footer
    repeatable.

    Raises Unusable when `raw` is another format, larger than `grow`, or `vhd` exists (unless `force`),
    Surroundings when the two are on different file systems or the disk is full.
    """
    if not raw.exists() and vhd.is_file() and is_finished(done := inspect(vhd)):
        if grow in (None, done.size_bytes):
            return done
        raise Unusable("there is no such file", where=str(raw), hint=f"{vhd} is finished, with another size")
    found = inspect(raw)
    size = _plain_size(found)
    goal = _goal(found, size, grow)
    if not (vhd.exists() and raw.samefile(vhd)):
        check_target(raw, vhd, force=force)
    if raw.stat().st_dev != vhd.parent.stat().st_dev:
        raise Surroundings(
            "a disk cannot go to another file system without being copied",
            where=f"{raw} → {vhd}",
            hint="convert without --in-place, or choose a folder on the same file system",
        )
    with room_for(vhd):
        if goal != size or not is_finished(found):
            _finish(raw, size, goal, required=grow is not None, timestamp=timestamp, unique_id=unique_id)
        if holes:
            sparse.dig(raw, goal)
        put_in_place(raw, vhd)
    return inspect(vhd)


def to_vhd(
    source: Path,
    target: Path,
    *,
    force: bool = False,
    grow: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Container:
    """Copy the disk image `source` (raw, qcow2, VHDX, VMDK, fixed or dynamic VHD) to a fixed VHD.

    `grow` is the size of the result in bytes (default: the disk's own, padded to a whole MiB).
    `advance` is told how many bytes of the disk were done since its last call. An interrupted or
    failed copy leaves nothing behind, and an existing `target` as it was.

    Raises Unusable when the source cannot be read, refers to other files, is larger than `grow`, or
    `target` exists (unless `force`); Surroundings when qemu-img is missing, the disk is full, or the
    source changes meanwhile.
    """
    found = inspect(source)
    check_target(source, target, force=force)
    size = disk_size(found)
    goal = _goal(found, size, grow)
    # Never `-O vpc`: QEMU rounds the disk up to its cylinder geometry, which is rarely whole MiB, and
    # with force_size it still copies what appending a footer need not. Raw is exact and sparse.
    with part_beside(target) as part, room_for(target):
        with _unchanged(source):
            if found.kind in qemu_img.DRIVERS:
                qemu_img.copy_to_raw(found, part, size, advance)
            else:
                sparse.copy(source, part, size, advance)
        _finish(part, size, goal, required=grow is not None)
        put_in_place(part, target)
    return inspect(target)


def disk_size(found: Container) -> int:
    """Bytes of the disk in `found`, asking qemu-img for the formats it has to read.

    Raises Unusable for files that do not hold a whole disk of their own.
    """
    if found.kind == "vhd-differencing":
        raise Unusable(
            "a differencing VHD holds only the changes to its parent",
            where=str(found.path),
            rule="DSK-FMT-002",
            hint="merge it into its parent first",
        )
    if found.kind in qemu_img.DRIVERS:
        return qemu_img.virtual_size(found)
    return _plain_size(found)


def is_finished(found: Container) -> bool:
    """Whether this is a fixed VHD that needs nothing: footer, checksum, length and alignment are right."""
    return bool(found.kind == "vhd-fixed" and found.checksum_ok and found.length_ok and found.whole_mib)


def append_footer(
    raw: Path, size: int, timestamp: int | None = None, unique_id: uuid.UUID | None = None
) -> None:
    """Make the file its first `size` bytes, a hole up to the next whole MiB, and the footer; flushed."""
    padded = -(-size // MIB) * MIB
    footer = make_footer(padded, timestamp, unique_id).pack()
    with raw.open("r+b", buffering=0) as file:
        file.truncate(size)  # an old footer must not become a part of the disk
        file.truncate(padded)
        try:
            if os.pwrite(file.fileno(), footer, padded) != FOOTER_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(raw))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(padded)  # a torn footer would be taken for data by the next run
            raise


def _goal(found: Container, size: int, grow: int | None) -> int:
    """Bytes of the finished disk. Raises Unusable when it would have to shrink."""
    padded = -(-(size if grow is None else grow) // MIB) * MIB
    if padded < size:
        what = f"the disk has {size / MIB:g} MiB; it cannot be made {padded / MIB:g} MiB"
        hint = "disks grow only; shrink the file system and the partitions where they are used"
        raise Unusable(what, where=str(found.path), hint=hint)
    return padded


def _finish(
    raw: Path,
    size: int,
    goal: int,
    *,
    required: bool,
    timestamp: int | None = None,
    unique_id: uuid.UUID | None = None,
) -> None:
    """Grow the raw disk from `size` to `goal` bytes with its backup GPT, and append the footer.

    `required`: somebody asked for the new size, so a GPT that cannot follow is an error. A disk that is
    only padded keeps a broken one as it is, for the rules to judge.
    """
    table = None
    try:
        table = gpt.to_move(raw, goal)
    except gpt.Damaged as problem:
        if required:
            raise gpt.refusal(raw, problem) from None
    os.truncate(raw, size)  # an old footer must not become a part of the disk
    os.truncate(raw, goal)
    if table:
        gpt.move_backup(raw, table, goal)
    append_footer(raw, goal, timestamp, unique_id)


@contextmanager
def _unchanged(source: Path) -> Iterator[None]:
    """Raise Surroundings when `source` was written to meanwhile: half of one disk and half of another."""
    before = source.stat()
    yield
    after = source.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        hint = "stop what writes to it (a running guest?), then run this again"
        raise Surroundings("it changed while it was read", where=str(source), hint=hint)


def _plain_size(found: Container) -> int:
    """Bytes of disk in a raw file or a fixed VHD; Unusable for anything else."""
    where = str(found.path)
    if found.kind == "empty":
        raise Unusable("the file is empty; a disk image is needed", where=where)
    if found.kind == "raw" and found.misplaced_footer:
        hint = "fetch or make the VHD again"
        raise Unusable(found.problems[0], where=where, rule="DSK-FMT-001", hint=hint)
    if found.kind == "raw":
        return found.file_bytes
    if found.kind != "vhd-fixed" or found.footer is None:
        hint = "convert it without --in-place"
        raise Unusable(f"this is {found.kind}, not a raw disk", where=where, hint=hint)
    size, there = found.footer.current_size, found.file_bytes - found.footer_bytes
    if size != there:
        raise Unusable(
            f"the footer tells of {size} bytes, before it are {there}; which is right cannot be known",
            where=where,
            rule="DSK-FMT-004",
            hint="fetch or make the VHD again",
        )
    return size
