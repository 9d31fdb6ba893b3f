"""A cache in front of ranged reads: what is near is read along, and nothing twice."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from generator.errors import VmofferError
from validators.guest import Undecidable
from validators.rangehttp import Blob

if TYPE_CHECKING:
    from validators.remote import RemoteDisk

CELL = 128 << 10  # bytes; what is read at least, and what the cache holds
AHEAD = 16  # cells; the most that one request asks for, when reading goes on where it was
CACHE = 1024  # cells; 128 MiB


class Reader:
    """Bytes of one blob of `size` bytes. `failure` is why nothing can be read any more.

    Raises what `validators.rangehttp.Blob` raises.
    """

    def __init__(self, disk: RemoteDisk, url: str) -> None:
        self.failure: VmofferError | None = None
        self.blob = Blob(disk, url)
        self._cells: OrderedDict[int, bytes] = OrderedDict()
        self._next, self._step = -1, 1  # the cell after the last request, and how many that one got
        self._fetch(0, 1)
        assert self.blob.size is not None
        self.size = self.blob.size

    def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset`, fewer at the end. Raises Undecidable, and then `failure` says more."""
        end = min(self.size, offset + count)
        pieces = []
        while offset < end:
            number, start = divmod(offset, CELL)
            pieces.append(self._cell(number)[start : start + end - offset])
            offset += len(pieces[-1])
        return b"".join(pieces)

    def _cell(self, number: int) -> bytes:
        if number not in self._cells:
            # Where reading goes on from the last request, more of it will be wanted.
            self._step = min(AHEAD, CACHE, self._step * 2) if number == self._next else 1
            last = min(-(-self.size // CELL), number + self._step)
            known = next((each for each in range(number + 1, last) if each in self._cells), last)
            try:
                if self.failure:
                    raise self.failure
                self._fetch(number, known - number)
            except VmofferError as error:
                self.failure = error
                raise Undecidable(error.what) from None
        self._cells.move_to_end(number)
        return self._cells[number]

    def _fetch(self, number: int, count: int) -> None:
        data = self.blob.range(number * CELL, (number + count) * CELL)
        for at in range(0, len(data), CELL):
            self._cells[number + at // CELL] = data[at : at + CELL]
        self._next = number + count
        while len(self._cells) > CACHE:
            self._cells.popitem(last=False)
