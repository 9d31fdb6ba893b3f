"""Packages, a hash of Berkeley DB, as rpm kept it up to RHEL 8 and SLES 12.

Page 0 says how large pages are and where the buckets begin. A page of a bucket has offsets, in pairs, to the
number of a package and to its header; a header that does not fit lies in a chain of overflow pages. Only the
buckets and the first pages of each chain are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from validators.guest import Guest, Undecidable
from validators.linux import rpmheader
from validators.linux.package import Package
from validators.linux.window import Window

MAGIC = 0x061561
META, OVERFLOW, BUCKETS, UNUSED = 8, 7, (2, 13), 0  # types of pages
INLINE, CHAINED = 1, 3  # types of items
VERSIONS = range(7, 11)
HEAD = 26  # bytes at the start of every page


class _Page(NamedTuple):
    """`following` is the next page, 0 for none; `used` the bytes that a page of a chain holds."""

    data: bytes
    following: int
    items: int
    used: int
    kind: int


class _File:
    """The pages of one database."""

    def __init__(self, guest: Guest, path: str) -> None:
        self.file = Window(guest, path)
        self.path = path
        head = self.file.read(0, 224)
        self.order = next((o for o in "<>" if struct.unpack_from(f"{o}I", head, 12)[0] == MAGIC), "")
        if not self.order:
            raise Undecidable(f"{path} is no hash of Berkeley DB")
        version, self.size, cipher, kind, flags = struct.unpack_from(f"{self.order}IIBBB", head, 16)
        if version not in VERSIONS or kind != META or cipher or flags:
            raise Undecidable(f"{path} has version {version}, type {kind}, flags {flags}, which are not read")
        if self.size not in [1 << power for power in range(9, 17)]:
            raise Undecidable(f"{path} claims pages of {self.size} bytes")
        (self.last_bucket,) = struct.unpack_from(f"{self.order}I", head, 72)
        self.spares = struct.unpack_from(f"{self.order}32I", head, 96)
        if self.last_bucket > self.file.size // self.size:
            raise Undecidable(f"{path} claims {self.last_bucket + 1} buckets, more than it has pages")

    def page(self, number: int) -> _Page:
        data = self.file.read(number * self.size, self.size)
        itself, _, following, items, used, _, kind = struct.unpack_from(f"{self.order}IIIHHBB", data, 8)
        if itself != number and kind != UNUSED:
            raise Undecidable(f"{self.path} has another page than {number} at {number * self.size:#x}")
        return _Page(data, following, items, used, kind)


def packages(guest: Guest, path: str) -> Iterator[Package]:
    """Every package. Raises Undecidable with the offset where the file is broken."""
    file = _File(guest, path)
    for number, page in _pages_of_buckets(file):
        where = f"{path} at {number * file.size:#x}"
        if HEAD + 2 * page.items > file.size:
            raise Undecidable(f"{where}: a page with {page.items} items")
        ends = struct.unpack_from(f"{file.order}{page.items}H", page.data, HEAD)
        for key in range(0, page.items - 1, 2):
            # Items are laid from the end of the page downwards: one ends where the one before begins.
            name = page.data[ends[key] + 1 : ends[key - 1] if key else file.size]
            if len(name) != 4:
                raise Undecidable(f"{where}: a key of {len(name)} bytes")
            if any(name):  # 0 is not a package: under it is the last number given
                yield rpmheader.read(_blob(file, page.data, ends[key + 1], ends[key], where), where)


def _pages_of_buckets(file: _File) -> Iterator[tuple[int, _Page]]:
    """Every page of every bucket, with its number."""
    seen: set[int] = set()
    for bucket in range(file.last_bucket + 1):
        # The table grows by doubling; each doubling has an offset of its own from bucket to page.
        number = bucket + file.spares[bucket.bit_length()]
        while number:
            page = file.page(number)
            if number in seen or page.kind not in (*BUCKETS, UNUSED):
                raise Undecidable(f"{file.path} has no page of a bucket at {number * file.size:#x}")
            seen.add(number)
            if page.kind == UNUSED:
                break
            yield number, page
            number = page.following


def _blob(file: _File, page: bytes, start: int, end: int, where: str) -> rpmheader.Blob:
    """What the item between `start` and `end` of a page holds, or leads to."""
    kind = page[start : start + 1]
    if kind == bytes([INLINE]):
        return lambda offset, count: page[start + 1 : end][offset : offset + count]
    if kind != bytes([CHAINED]) or start + 12 > end:
        raise Undecidable(f"{where}: an item that is no header at {start:#x} of the page")
    first, length = struct.unpack_from(f"{file.order}II", page, start + 4)
    return _Chain(file, first, length).read


class _Chain:
    """A header in overflow pages, followed as far as it is asked for."""

    def __init__(self, file: _File, first: int, length: int) -> None:
        self.file = file
        self.following = first
        self.length = length
        self.data = bytearray()

    def read(self, offset: int, count: int) -> bytes:
        end = min(offset + count, self.length)
        while len(self.data) < end:
            at = self.following * self.file.size
            page = self.file.page(self.following)
            if page.kind != OVERFLOW or not 0 < page.used <= self.file.size - HEAD:
                raise Undecidable(f"{self.file.path} has no rest of a header at {at:#x}")
            self.data += page.data[HEAD : HEAD + page.used]
            self.following = page.following
        return bytes(self.data[offset:end])
