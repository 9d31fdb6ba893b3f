"""The transaction logs of a registry hive, applied in memory as Windows does before it opens the hive.

Both formats, as M. Suhanov's "Windows registry file format specification" has them: `DIRT`, one bitmap of
512-byte pages (until Windows 8), and `HvLE`, entries with hashes (since Windows 8.1).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

START = 4096  # bytes; offsets in a hive count from here
SECTOR = 512  # bytes of a page, whatever the sectors of the disk are
LOG_LIMIT = 256 << 20  # bytes of one log that are looked at
PAGES_LIMIT = 128 << 20  # bytes of changes that are kept
TYPES_OLD, TYPE_NEW = (1, 2), 6
SEED = 0xC5554E7A884DEF82
MASK = 0xFFFFFFFF
Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Log:
    """One log file of `size` bytes beside the hive."""

    name: str
    read: Read
    size: int


@dataclass
class Recovered:
    """What the logs make of a hive: its base block, its size in bytes, and the pages that change."""

    head: bytes
    size: int
    pages: dict[int, bytes] = field(default_factory=dict)  # offset in the hive → 512 bytes

    def put(self, offset: int, data: bytes) -> None:
        for at in range(0, len(data), SECTOR):
            self.pages[offset + at] = data[at : at + SECTOR]

    def patch(self, offset: int, data: bytes, count: int) -> bytes:
        """The `count` bytes at `offset`, where `data` is what the file holds of them."""
        count = max(min(count, self.size - offset), 0)
        whole = bytearray(data[:count].ljust(count, b"\0"))
        for at in range(0, count, SECTOR):
            page = self.pages.get(offset + at)
            if page is not None:
                whole[at : at + SECTOR] = page[: count - at]
        return bytes(whole)


class NotRecovered(Exception):
    """The logs cannot be applied, with the reason."""


def checksum(head: bytes) -> int:
    """The XOR of the first 508 bytes of a base block; 0 and -1 are written as 1 and -2."""
    total = 0
    for (number,) in struct.iter_unpack("<I", head[:508]):
        total ^= number
    return {0: 1, MASK: MASK - 1}.get(total, total)


def intact(head: bytes) -> bool:
    return (
        len(head) >= 512 and head[:4] == b"regf" and checksum(head) == struct.unpack_from("<I", head, 508)[0]
    )


def recover(head: bytes, first_bin: bytes, size: int, logs: Sequence[Log]) -> Recovered:
    """Apply the logs to a dirty hive. Raises NotRecovered if there is nothing that can be applied.

    `head` is the hive's base block, `first_bin` what follows it, `size` the file's.
    """
    if not logs:
        raise NotRecovered("there is no log beside it")
    reasons: list[str] = []
    usable: list[tuple[Log, bytes]] = []
    for log in logs:
        base = log.read(0, SECTOR)
        if intact(base):
            usable.append((log, base))
        else:
            reasons.append(
                f"{log.name} is empty" if not base.strip(b"\0") else f"{log.name} has no valid base block"
            )
    new = [(log, base) for log, base in usable if _type(base) == TYPE_NEW]
    old = [(log, base) for log, base in usable if _type(base) in TYPES_OLD]
    found = _from_entries(head, size, new, reasons) if new else None
    found = found or (_from_vector(head, first_bin, size, old, reasons) if old else None)
    if found is None:
        raise NotRecovered("; ".join(reasons) or "its logs are of an unknown kind")
    return found


def _from_entries(
    head: bytes, size: int, logs: list[tuple[Log, bytes]], reasons: list[str]
) -> Recovered | None:
    """The new format: entries that follow one another, from the hive's own sequence number on."""
    if intact(head):
        base = head
    else:  # the newest log's copy; only its first sector is one
        newest = max(logs, key=lambda pair: _sequence(pair[1]))[1]
        base = newest + head[len(newest) :]
    expected = _sequence(base) if intact(head) else 0
    result = Recovered(base, size)
    applied = 0
    read = [(log, list(_entries(log, expected, reasons))) for log, _ in logs]
    ordered = sorted((pair for pair in read if pair[1]), key=lambda pair: pair[1][0].sequence)
    for log, entries in ordered:
        for entry in entries:
            if applied and entry.sequence != expected:
                reasons.append(f"{log.name}: entry {entry.sequence} does not follow {expected - 1}")
                break
            for offset, data in entry.pages:
                result.put(START + offset, data)
            result.size = START + entry.bins
            expected = entry.sequence + 1
            applied += 1
    if not applied:
        reasons.append(f"no log entry follows the sequence number {expected}")
        return None
    result.head = _rewritten(base, expected - 1, result.size - START)
    result.size = max(result.size, size)
    return result


@dataclass(frozen=True, slots=True)
class _Entry:
    sequence: int
    bins: int
    pages: tuple[tuple[int, bytes], ...]


def _entries(log: Log, least: int, reasons: list[str]) -> Iterator[_Entry]:
    """The entries of one log from the sequence number `least` on, until one is not what it says."""
    at, kept, previous = SECTOR, 0, -1
    while at + 40 <= min(log.size, LOG_LIMIT):
        head = log.read(at, 40)
        if head[:4] != b"HvLE" or len(head) < 40:
            return  # the end, or what is left of older entries
        length, _, sequence, bins, count, first, second = struct.unpack("<IIIIIQQ", head[4:])
        if length < 40 + count * 8 or length % SECTOR or at + length > log.size or bins % START:
            reasons.append(f"{log.name}: the entry at {at:#x} is broken")
            return
        if previous >= 0 and sequence != previous + 1:
            return  # what is left of older entries
        wanted = sequence >= least  # what was applied before is passed over
        rest = log.read(at + 40, length - 40) if wanted else b""
        if marvin32(head[:32]) != second or (wanted and marvin32(rest) != first):
            reasons.append(f"{log.name}: the hashes of the entry at {at:#x} are wrong")
            return
        pages, place = [], count * 8
        for number in range(count if wanted else 0):
            offset, size = struct.unpack_from("<II", rest, number * 8)
            if offset % SECTOR or size % SECTOR or place + size > len(rest) or offset + size > bins:
                reasons.append(f"{log.name}: page {number} of the entry at {at:#x} is broken")
                return
            pages.append((offset, rest[place : place + size]))
            place += size
        if wanted:
            kept += place
            if kept > PAGES_LIMIT:
                raise NotRecovered(f"{log.name} holds more than {PAGES_LIMIT >> 20} MiB of changes")
            yield _Entry(sequence, bins, tuple(pages))
        previous = sequence
        at += length


def _from_vector(
    head: bytes, first_bin: bytes, size: int, logs: list[tuple[Log, bytes]], reasons: list[str]
) -> Recovered | None:
    """The old format: the log that was written for this state of the hive, as its time stamp says."""
    written = head[12:20] if intact(head) else first_bin[20:28]
    for log, base in logs:
        if base[4:8] != base[8:12]:
            reasons.append(f"{log.name} was not written to its end")
            continue
        if base[12:20] != written:
            reasons.append(f"{log.name} belongs to another state of the hive")
            continue
        found = _vector(log, base, head, size)
        if isinstance(found, Recovered):
            return found
        reasons.append(found)
    return None


def _vector(log: Log, base: bytes, head: bytes, size: int) -> Recovered | str:
    bins, factor = struct.unpack_from("<II", base, 40)
    sector = SECTOR * factor if 1 <= factor <= 8 else SECTOR
    count = bins // SECTOR
    bitmap = log.read(sector, 4 + -(-count // 8))
    if bitmap[:4] != b"DIRT" or len(bitmap) < 4 + count // 8 or bins % START:
        return f"{log.name} has no dirty vector"
    dirty = [at for at in range(count) if bitmap[4 + at // 8] >> at % 8 & 1]
    if len(dirty) * SECTOR > PAGES_LIMIT:
        return f"{log.name} holds more than {PAGES_LIMIT >> 20} MiB of changes"
    place = sector + -(-len(bitmap) // sector) * sector
    result = Recovered(head, max(size, START + bins))
    for number, at in enumerate(dirty):
        page = log.read(place + number * SECTOR, SECTOR)
        if len(page) != SECTOR:
            return f"{log.name} ends before its dirty pages do"
        result.put(START + at * SECTOR, page)
    first = result.pages.get(START)
    if first is not None and first[:8] != b"hbin\0\0\0\0":
        return f"{log.name} holds a page that is no hive bin"
    result.head = _rewritten(base + head[len(base) :], _sequence(base), bins)
    return result


def _rewritten(base: bytes, sequence: int, bins: int) -> bytes:
    """The base block of a primary file with these numbers."""
    head = bytearray(base.ljust(START, b"\0"))
    struct.pack_into("<II", head, 4, sequence, sequence)
    struct.pack_into("<I", head, 28, 0)
    struct.pack_into("<I", head, 40, bins)
    struct.pack_into("<I", head, 508, checksum(bytes(head)))
    return bytes(head)


def _sequence(head: bytes) -> int:
    return int(struct.unpack_from("<I", head, 4)[0])


def _type(head: bytes) -> int:
    return int(struct.unpack_from("<I", head, 28)[0])


def marvin32(data: bytes, seed: int = SEED) -> int:
    """Microsoft's Marvin32 hash, 64 bits."""
    low, high = seed & MASK, seed >> 32
    whole = len(data) & ~3
    padded = data[whole:] + b"\x80"
    for (word,) in struct.iter_unpack("<I", data[:whole] + padded.ljust(4, b"\0") + b"\0\0\0\0"):
        low = low + word & MASK
        high ^= low
        low = (low << 20 | low >> 12) + high & MASK
        high = (high << 9 | high >> 23) & MASK
        high ^= low
        low = (low << 27 | low >> 5) & MASK
        low = low + high & MASK
        high = (high << 19 | high >> 13) & MASK
    return high << 32 | low
