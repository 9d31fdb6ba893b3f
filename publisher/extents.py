"""The parts of a sparse file that hold data, in pieces of the size that one page write takes."""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

PAGE = 512  # bytes; the unit of a page blob
CHUNK = 4 * 1024 * 1024  # bytes; the most that one page write takes


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


def chunks(ranges: Iterator[Range]) -> Iterator[Range]:
    """`ranges` cut at multiples of CHUNK, so that a file is cut alike however its holes lie."""
    for part in merged(ranges):
        start = part.start
        while start < part.end:
            end = min(part.end, start // CHUNK * CHUNK + CHUNK)
            yield Range(start, end)
            start = end


def merged(ranges: Iterator[Range]) -> Iterator[Range]:
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

    def __init__(self, ranges: Iterator[Range]) -> None:
        self.ranges = list(merged(iter(sorted(ranges))))

    def covers(self, part: Range) -> bool:
        """Whether every byte of `part` is covered."""
        return not any(True for _ in self.gaps(part))

    def touches(self, part: Range) -> bool:
        """Whether any byte of `part` is covered."""
        return sum(gap.length for gap in self.gaps(part)) < part.length

    def gaps(self, part: Range) -> Iterator[Range]:
        """What of `part` is not covered."""
        start = part.start
        first = max(0, bisect_right(self.ranges, Range(part.start, part.start)) - 1)
        for known in self.ranges[first:]:
            if known.start >= part.end:
                break
            if known.start > start:
                yield Range(start, known.start)
            start = max(start, known.end)
        if start < part.end:
            yield Range(start, part.end)
