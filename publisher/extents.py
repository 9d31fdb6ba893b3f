"""The parts of a sparse file that hold data, in pieces of a size that one page write takes."""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PAGE = 512  # bytes; the unit of a page blob
BLOCK = 4 * 1024 * 1024  # bytes; the most that one page write takes
CELL = 64 * 1024  # bytes; zeros are looked for in units of this
JOIN = 4 * CELL  # bytes; a shorter stretch of zeros costs less to send than one more request
ZEROS = bytes(CELL)


@dataclass(frozen=True, order=True)
class Range:
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


def extents(descriptor: int, size: int) -> Iterator[Range]:
    """The data of an open file, holes left out, in whole pages; all of it where holes are unknown."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole follows
                return
            raise
        end = min(size, os.lseek(descriptor, start, os.SEEK_HOLE))
        yield Range(start // PAGE * PAGE, min(size, -(-end // PAGE) * PAGE))


def blocks(ranges: Iterable[Range], size: int) -> Iterator[tuple[Range, int]]:
    """The blocks of BLOCK bytes that hold any of the ascending `ranges`, and how much of them."""
    at, held = -1, 0
    for part in merged(ranges):
        for number in range(part.start // BLOCK, -(-part.end // BLOCK)):
            if number != at and held:
                yield Range(at * BLOCK, min(size, (at + 1) * BLOCK)), held
                held = 0
            at = number
            held += min(part.end, (at + 1) * BLOCK) - max(part.start, at * BLOCK)
    if held:
        yield Range(at * BLOCK, min(size, (at + 1) * BLOCK)), held


def pieces(data: bytes, start: int) -> list[Range]:
    """What is worth sending of a block that begins at byte `start` of the disk: the stretches without zeros.

    Depends on the bytes only, not on where the file has holes.
    """
    found: list[Range] = []
    for at in range(0, len(data), CELL):
        end = min(len(data), at + CELL)
        if data.startswith(ZEROS[: end - at], at):
            continue
        if found and start + at - found[-1].end < JOIN:
            found[-1] = Range(found[-1].start, start + end)
        else:
            found.append(Range(start + at, start + end))
    return found


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
        for known in self.ranges[self._first(part) :]:
            if known.start >= part.end:
                break
            if known.end > part.start:
                yield Range(max(part.start, known.start), min(part.end, known.end))

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
