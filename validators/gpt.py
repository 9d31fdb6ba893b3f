"""The backup GPT of a disk that grew, moved to where it belongs: the last sectors."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Unusable

SECTOR = 512
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
MAGIC = b"EFI PART"
MAX_ENTRIES = 1 << 20  # bytes of an entry array that is believed; the usual one has 16 KiB
PROTECTIVE = 0xEE  # MBR type of the one entry that covers a GPT disk
MBR_TABLE, MBR_ENTRY = 446, 16


@dataclass(frozen=True)
class Header:
    """One header and its array; places in sectors, `size` in bytes."""

    size: int
    own: int
    other: int
    first_usable: int
    last_usable: int
    disk: bytes
    array: int
    count: int
    entry_bytes: int
    entries: bytes

    @property
    def array_sectors(self) -> int:
        return -(-len(self.entries) // SECTOR)

    @property
    def last_used(self) -> int:
        """The last sector of any partition."""
        starts = range(0, len(self.entries), self.entry_bytes)
        used = (at for at in starts if any(self.entries[at : at + 16]))
        return max((struct.unpack_from("<Q", self.entries, at + 40)[0] for at in used), default=0)


class Damaged(ValueError):
    """There is a GPT, and it is not sound."""


def to_move(disk: Path, size: int) -> Header | None:
    """The first header of the disk in the file, if its backup must move for the disk to have `size` bytes.

    None where there is no GPT, or its backup is in the last sector already. Changes nothing.
    Raises Damaged when the header or its entries are broken, or do not fit.
    """
    with disk.open("rb", buffering=0) as file:
        header = _read(file.fileno(), 1)
    last = size // SECTOR - 1
    if header is None or header.other == last:
        return None
    usable = last - header.array_sectors - 1
    if header.other > last or header.last_usable > usable or header.last_used > usable:
        raise Damaged("the GPT is of a larger disk")
    return header


def move_backup(disk: Path, header: Header, size: int) -> None:
    """Move the backup of `header` to the end of the raw disk in the file, which has `size` bytes; flushed.

    Partitions stay as they are; the room after the last one becomes usable. A call that was cut short
    is repeated as it was: the first header is written last.
    """
    last = size // SECTOR - 1
    backup = last - header.array_sectors
    with disk.open("r+b", buffering=0) as file:
        descriptor = file.fileno()
        os.pwrite(descriptor, header.entries, backup * SECTOR)
        os.pwrite(descriptor, _packed(header, last, 1, backup - 1, backup), last * SECTOR)
        os.fsync(descriptor)
        _protect(descriptor, last)
        if header.other < backup:  # a disk that grew by less than that has the new one in its place
            _forget(descriptor, header)
        os.fsync(descriptor)
        os.pwrite(descriptor, _packed(header, 1, last, backup - 1, header.array), SECTOR)
        os.fsync(descriptor)


def refusal(disk: Path, problem: Damaged) -> Unusable:
    """The error for a disk that was to grow and has a GPT that cannot be moved."""
    hint = "mend the partition table first: sgdisk --verify, sgdisk --move-second-header"
    return Unusable(f"the disk cannot grow: {problem}", where=str(disk), hint=hint)


def _read(descriptor: int, lba: int) -> Header | None:
    """The header at `lba`, None where none begins. Raises Damaged."""
    raw = os.pread(descriptor, SECTOR, lba * SECTOR)
    if len(raw) < SECTOR or not raw.startswith(MAGIC):
        return None
    _, _, size, stored, _, own, other, first, last, disk, array, count, entry_bytes, entries_sum = (
        HEADER.unpack_from(raw)
    )
    if not HEADER.size <= size <= SECTOR or zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) != stored:
        raise Damaged("the checksum of the GPT header is wrong")
    if own != lba or not 128 <= entry_bytes <= 4096 or count * entry_bytes > MAX_ENTRIES:
        raise Damaged("the GPT header contradicts itself")
    entries = os.pread(descriptor, count * entry_bytes, array * SECTOR) if array < 1 << 54 else b""
    if len(entries) != count * entry_bytes or zlib.crc32(entries) != entries_sum:
        raise Damaged("the checksum of the GPT entries is wrong")
    return Header(size, own, other, first, last, disk, array, count, entry_bytes, entries)


def _packed(header: Header, own: int, other: int, usable: int, array: int) -> bytes:
    """A sector with the header at `own`, its checksum made anew."""

    def packed(checksum: int) -> bytes:
        return HEADER.pack(
            MAGIC, 0x10000, HEADER.size, checksum, 0, own, other, header.first_usable, usable, header.disk,
            array, header.count, header.entry_bytes, zlib.crc32(header.entries),
        )  # fmt: skip

    return packed(zlib.crc32(packed(0))).ljust(SECTOR, b"\0")


def _protect(descriptor: int, last: int) -> None:
    """Have the protective MBR cover the whole disk; a hybrid MBR is left as somebody made it."""
    mbr = bytearray(os.pread(descriptor, SECTOR, 0))
    table = memoryview(mbr)[MBR_TABLE : MBR_TABLE + 4 * MBR_ENTRY]
    if mbr[510:] != b"\x55\xaa" or table[4] != PROTECTIVE or any(table[MBR_ENTRY:]):
        return
    struct.pack_into("<I", table, 12, min(last, 0xFFFFFFFF))
    os.pwrite(descriptor, mbr, 0)


def _forget(descriptor: int, header: Header) -> None:
    """Make zeros of the old backup, so that nobody takes it for the table of this disk."""
    try:
        old = _read(descriptor, header.other)
    except Damaged:
        return
    if old is None or old.disk != header.disk:
        return
    os.pwrite(descriptor, bytes(SECTOR), header.other * SECTOR)
    if header.last_usable < old.array and old.array + old.array_sectors <= header.other:
        os.pwrite(descriptor, bytes(old.array_sectors * SECTOR), old.array * SECTOR)
