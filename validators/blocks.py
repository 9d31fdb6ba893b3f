"""Bytes of a disk by offset, from whatever container holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from validators.guest import Undecidable


class Blocks(Protocol):
    """A disk; `size` in bytes."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset`; fewer at the end of the disk, none outside. Raises Undecidable."""
        ...


class PlainFile:
    """A raw disk, or a fixed VHD without looking at its footer."""

    def __init__(self, path: Path, size: int) -> None:
        self.size = size
        self._file = path.open("rb")

    def read(self, offset: int, count: int) -> bytes:
        if not 0 <= offset < self.size:
            return b""
        try:
            self._file.seek(offset)
            return self._file.read(min(count, self.size - offset))
        except OSError as error:
            raise Undecidable(f"the disk file cannot be read at {offset}: {error.strerror}") from None


class Joined:
    """Pieces of a disk one after another, as a disk of its own; a piece is (offset, length) in bytes."""

    def __init__(self, disk: Blocks, pieces: Sequence[tuple[int, int]]) -> None:
        self._disk = disk
        self._pieces = tuple(pieces)
        self.size = sum(length for _, length in pieces)

    def read(self, offset: int, count: int) -> bytes:
        if offset < 0:
            return b""
        found = b""
        for start, length in self._pieces:
            if offset < length and count > len(found):
                wanted = min(length - offset, count - len(found))
                piece = self._disk.read(start + offset, wanted)
                found += piece
                if len(piece) < wanted:  # the disk ends here
                    break
            offset = max(0, offset - length)
        return found


class Converted:
    """A disk inside a format that dfvfs reads; `file` is its file object."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.size = int(file.get_size())

    def read(self, offset: int, count: int) -> bytes:
        if not 0 <= offset < self.size:
            return b""
        try:
            self._file.seek(offset)
            return bytes(self._file.read(min(count, self.size - offset)))
        except Exception as error:  # native readers raise what they like on broken input
            raise Undecidable(f"the disk cannot be read at {offset}: {error}") from None
