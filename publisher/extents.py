"""The parts of a sparse file that hold data, in pieces of a size that one page write takes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from validators import sparse
from validators.sparse import CELL

PAGE = 512  # bytes; the unit of a page blob
BLOCK = 4 * 1024 * 1024  # bytes; the most that one page write takes
JOIN = 64 * 1024  # bytes; a shorter stretch of zeros costs less to send than one more request


@dataclass(frozen=True, order=True)
class Range:
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Block:
    """BLOCK bytes of the disk, or the rest of it, and the parts of them that are no hole."""

    whole: Range
    extents: tuple[Range, ...]

    @property
    def held(self) -> int:
        """The bytes that are no hole."""
        return sum(part.length for part in self.extents)


@dataclass(frozen=True)
class Piece:
    """Data that is worth a page write, at byte `start` of the disk."""

    start: int
    data: bytes

    @property
    def range(self) -> Range:
        return Range(self.start, self.start + len(self.data))


def extents(descriptor: int, size: int) -> Iterator[Range]:
    """The data of an open file, holes left out, in whole cells; all of it where holes are unknown."""
    for start, end in sparse.extents(descriptor, size):
        yield Range(start // CELL * CELL, min(size, -(-end // CELL) * CELL))


def blocks(ranges: Iterable[Range], size: int) -> Iterator[Block]:
    """The blocks that hold any of the ascending `ranges`."""
    at, parts = 0, list[Range]()
    for part in merged(ranges):
        for number in range(part.start // BLOCK, -(-part.end // BLOCK)):
            if number != at and parts:
                yield Block(_block(at, size), tuple(parts))
                parts = []
            at = number
            parts.append(Range(max(part.start, at * BLOCK), min(part.end, (at + 1) * BLOCK)))
    if parts:
        yield Block(_block(at, size), tuple(parts))


def _block(number: int, size: int) -> Range:
    return Range(number * BLOCK, min(size, (number + 1) * BLOCK))


def pieces(parts: Iterable[Piece]) -> list[Piece]:
    """What is worth sending of ascending `parts` of a block: the stretches without zeros.

    Depends on the bytes only, not on where the file has holes.
    """
    found: list[list[Piece]] = []
    for part in parts:
        for run in filled(part.data):
            piece = Piece(part.start + run.start, part.data[run.start : run.end])
            if found and piece.start - found[-1][-1].range.end < JOIN:
                found[-1].append(piece)
            else:
                found.append([piece])
    return [_joined(group) for group in found]


def filled(data: bytes) -> list[Range]:
    """The stretches of `data` without zeros, by their place in it."""
    found: list[Range] = []
    for start, end in sparse.stretches(data):
        if found and start - found[-1].end < JOIN:
            found[-1] = Range(found[-1].start, end)
        else:
            found.append(Range(start, end))
    return found


def _joined(group: list[Piece]) -> Piece:
    """One piece of neighbours, with the zeros between them."""
    data = [group[0].data]
    for before, piece in pairwise(group):
        data += [bytes(piece.start - before.range.end), piece.data]
    return Piece(group[0].start, data[0] if len(data) == 1 else b"".join(data))


def merged(ranges: Iterable[Range]) -> Iterator[Range]:
    """Ascending `ranges` with neighbours and overlaps joined."""
    last: Range | None = None
    for part in ranges:
        if last and part.start <= last.end:
            last = Range(last.start, max(last.end, part.end))
            continue
        if last:
            yield last
        last = part
    if last:
        yield last


class Coverage:
    """Which bytes a set of ranges covers."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self.ranges = list(merged(sorted(ranges)))

    def covers(self, part: Range) -> bool:
        """Whether every byte of `part` is covered."""
        return not any(True for _ in self.gaps(part))

    def within(self, part: Range) -> Iterator[Range]:
        """What of `part` is covered."""
        for number in range(self._first(part), len(self.ranges)):
            known = self.ranges[number]
            if known.start >= part.end:
                break
            common = Range(max(part.start, known.start), min(part.end, known.end))
            if common.length > 0:
                yield common

    def gaps(self, part: Range) -> Iterator[Range]:
        """What of `part` is not covered."""
        start = part.start
        for known in self.within(part):
            if known.start > start:
                yield Range(start, known.start)
            start = known.end
        if start < part.end:
            yield Range(start, part.end)

    def _first(self, part: Range) -> int:
        return max(0, bisect_right(self.ranges, Range(part.start, part.start)) - 1)
