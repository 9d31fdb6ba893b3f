"""Packages.db, rpm's own format, which SUSE uses: a table of slots, each leading to a header.

Little-endian. 32 bytes at the start (`RpmP`, version, generation, pages of slots), then slots of 16 bytes up
to the end of those pages (`Slot`, number of the package, first block, blocks; a block has 16 bytes). Before a
header are 16 bytes: `BlbS`, the number of the package again, a time stamp, the length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from validators.guest import Guest, Undecidable
from validators.linux import rpmheader
from validators.linux.package import Package
from validators.linux.window import Window

MAGIC, SLOT, BLOB = b"RpmP", b"Slot", b"BlbS"
PAGE, UNIT = 4096, 16  # bytes
PAGES_LIMIT = 400  # of slots: 102,400 packages; the largest distributions have fewer


def packages(guest: Guest, path: str) -> Iterator[Package]:
    """Every package. Raises Undecidable with the offset where the file is broken."""
    file = Window(guest, path)
    magic, version, _, pages = struct.unpack("<4sIII", file.read(0, 16))
    if magic != MAGIC or version != 0:
        raise Undecidable(f"{path} does not begin like an rpm database, or has version {version}")
    if not 0 < pages <= PAGES_LIMIT:
        raise Undecidable(f"{path} claims {pages} pages of slots; at most {PAGES_LIMIT} are read")
    for at in range(2 * UNIT, pages * PAGE, UNIT):
        magic, number, block, blocks = struct.unpack("<4sIII", file.read(at, UNIT))
        if magic != SLOT:
            raise Undecidable(f"{path} has no slot at {at:#x}")
        if block:
            yield _package(file, number, block * UNIT, blocks * UNIT)


def _package(file: Window, number: int, start: int, size: int) -> Package:
    magic, again, _, length = struct.unpack("<4sIII", file.read(start, UNIT))
    if magic != BLOB or again != number or length + UNIT > size:
        raise Undecidable(f"{file.path} has no header of package {number} at {start:#x}")

    def blob(offset: int, count: int) -> bytes:
        return file.upto(start + UNIT + offset, min(count, max(0, length - offset)))

    return rpmheader.read(blob, f"{file.path} at {start:#x}")
