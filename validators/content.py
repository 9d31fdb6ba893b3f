"""What is to be put on a data disk: how much room it needs, and what its file system is called."""

from __future__ import annotations

import re
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from generator.errors import Unusable

BLOCK = 4096
MIB, GIB = 1 << 20, 1 << 30
GPT_BYTES = 2 * MIB  # one MiB before the partition, and the backup table with its alignment after it


@dataclass(frozen=True)
class Ids:
    """What would differ between two file systems of the same content; `epoch` in Unix seconds."""

    system: uuid.UUID
    hash_seed: uuid.UUID
    epoch: int | None = None


@dataclass(frozen=True)
class Extent:
    """What a content needs: bytes in whole blocks, of it the largest file's, and files, folders and links."""

    size: int
    entries: int
    largest: int


@dataclass(frozen=True)
class Format:
    """What a kind of file system asks for: bytes at least, bytes of its own besides the content, letters.

    `whole`: each file has to find room in one piece.
    """

    name: str
    least: int
    own: int
    per_entry: int
    label: int
    whole: bool = False

    def disk(self, need: Extent) -> int:
        """Bytes of a disk that surely holds the content, a sixteenth to spare: whole GiB, small ones MiB."""
        used = need.size + need.entries * self.per_entry + self.whole * need.largest
        wanted = max(self.least, used + used // 16 + self.own) + GPT_BYTES
        unit = GIB if wanted > GIB else MIB
        return -(-wanted // unit) * unit


def check_label(label: str, form: Format) -> None:
    """Raise Unusable for what is no label of such a file system, or needs quoting anywhere."""
    if not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{form.label}}}", label):
        allowed = f"1-{form.label} letters, digits, '.', '_', '-'"
        raise Unusable(f"{label!r} is no label of {form.name}: {allowed}")


def measure(content: Path, *, holes: bool = True) -> Extent:
    """What `content` needs; links are not followed, files with several names count once.

    Without `holes`, those of files are filled, and every name of a file is a file.
    """
    if not content.exists():
        raise Unusable("there is no such file or folder", where=str(content))
    seen: set[tuple[int, int]] = set()
    blocks = entries = largest = 0
    pending = [content.resolve()]
    while pending:
        path = pending.pop()
        facts = path.lstat()
        if stat.S_ISDIR(facts.st_mode):
            pending.extend(path.iterdir())
        elif not (stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode)):
            raise Unusable("content may hold files, folders and links only", where=str(path))
        if holes and (facts.st_dev, facts.st_ino) in seen:
            continue
        seen.add((facts.st_dev, facts.st_ino))
        entries += 1
        used = min(facts.st_size, facts.st_blocks * 512) if holes else facts.st_size
        length = -(-used // BLOCK) if stat.S_ISREG(facts.st_mode) else 1
        blocks, largest = blocks + length, max(largest, length)
    return Extent(blocks * BLOCK, entries, largest * BLOCK)


def too_small(content: Path, size: int, need: Extent, form: Format) -> NoReturn:
    """Raise the error for a partition of `size` bytes that cannot hold the content."""
    least = f"{-(-max(need.size, form.least) // MIB)} MiB in {need.entries} entries"
    enough = form.disk(need) // MIB
    hint = f"a disk of {enough} MiB is enough ({form.name} itself takes a part); or give it less content"
    what = f"the content does not fit: it needs {least}, the partition has {max(0, size >> 20)} MiB"
    raise Unusable(what, where=str(content), hint=hint)
