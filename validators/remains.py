"""What deleted files leave behind on ext file systems: free blocks and the journal, emptied without mounting.

A guest cannot do this for itself: its last writes come after its last clean-up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Surroundings
from validators import sparse
from validators.blocks import PlainFile
from validators.ext4 import PACKAGE
from validators.native import run
from validators.partitions import Partition, read_table

STEP = 1 << 20  # bytes of zeros written at once where holes cannot be made
FREE = re.compile(r"^  Free blocks: (.*)$", re.MULTILINE)
RANGE = re.compile(r"(\d+)(?:-(\d+))?")
# (logical):physical; what maps the blocks has a name in its place, as (IND) or (ETB0)
MAPPED = re.compile(r"\((\d+)(?:-(\d+))?\):(\d+)(?:-(\d+))?")


@dataclass(frozen=True)
class Emptied:
    """`size`: bytes that the file lost on disk. `kept`: file systems left as they are, with the reason."""

    size: int
    kept: tuple[str, ...] = ()


def empty(raw: Path, size: int) -> Emptied:
    """Make holes of all that is deleted on the ext file systems of the raw disk `raw` of `size` bytes.

    Neither a file nor a structure of the file system changes: only blocks that its bitmaps call free,
    and the journal of one that was unmounted cleanly, but for the journal's own superblock. A file
    system with anything left to replay or repair is left as it is and named.

    Raises Surroundings when e2fsprogs is missing or the disk cannot be written.
    """
    before = raw.stat().st_blocks
    kept = []
    for part in read_table(PlainFile(raw, size)).partitions:
        if part.content.kind == "ext":
            reason = _empty_partition(raw, part)
            if reason:
                kept.append(f"{part.title}: {reason}")
    return Emptied(max(0, before - raw.stat().st_blocks) * 512, tuple(kept))


def _empty_partition(raw: Path, part: Partition) -> str:
    """Why nothing was emptied; empty when it was."""
    image = f"{raw.name}?offset={part.start}"  # its folder is the tool's: a `?` in a path starts options
    shown = run(["dumpe2fs", image], package=PACKAGE, cwd=raw.parent)
    if shown.returncode != 0:
        return f"dumpe2fs cannot read it: {shown.stderr.strip().splitlines()[-1:]}"
    facts = dict(re.findall(r"^([A-Z][^:\n]*):[ \t]+(.*)$", shown.stdout, re.MULTILINE))
    if facts.get("Filesystem state") != "clean" or "needs_recovery" in facts["Filesystem features"]:
        return "it was not unmounted cleanly"
    block, count = int(facts["Block size"]), int(facts["Block count"])
    holes = [_range(found) for line in FREE.findall(shown.stdout) for found in RANGE.finditer(line)]
    journal = facts.get("Journal inode")
    if journal and facts.get("Journal start") == "0":
        holes += _journal(raw, image, int(journal))
    if count * block > part.size or any(not 0 < first <= last < count for first, last in holes):
        return "its superblock and bitmaps do not fit the partition"
    with raw.open("r+b", buffering=0) as file:
        for first, last in _joined(holes):
            _clear(file.fileno(), part.start + first * block, (last - first + 1) * block, raw)
        os.fsync(file.fileno())
    return ""


def _journal(raw: Path, image: str, inode: int) -> Iterator[tuple[int, int]]:
    """The blocks of the journal after its superblock, which is its first."""
    shown = run(["debugfs", "-R", f"stat <{inode}>", image], package=PACKAGE, cwd=raw.parent)
    for found in MAPPED.finditer(shown.stdout):
        first, last = int(found[3]), int(found[4] or found[3])
        if int(found[1]) == 0:
            first += 1
        if first <= last:
            yield first, last


def _range(found: re.Match[str]) -> tuple[int, int]:
    return int(found[1]), int(found[2] or found[1])


def _joined(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbours joined, so that one call frees a stretch that crosses block groups."""
    start, end = 0, -1
    for first, last in sorted(ranges):
        if first == end + 1:
            end = last
            continue
        if end >= start:
            yield start, end
        start, end = first, last
    if end >= start:
        yield start, end


def _clear(descriptor: int, start: int, length: int, path: Path) -> None:
    """Make `length` bytes from `start` of an open file zeros: a hole if possible, written otherwise."""
    try:
        if sparse.punch(descriptor, start, length):
            return
        for offset in range(start, start + length, STEP):
            os.pwrite(descriptor, bytes(min(STEP, start + length - offset)), offset)
    except OSError as error:
        raise Surroundings(f"cannot be written: {error.strerror}", where=str(path)) from None
