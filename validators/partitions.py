"""The partition table of a disk: GPT or MBR, with what lies in each partition."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from validators.blocks import Blocks
from validators.filesystems import READABLE, UNREAD, Content, probe
from validators.guest import Undecidable
from validators.partition_types import (
    ESP,
    LINUX_LVM,
    LINUX_SWAP,
    MBR_ESP,
    MBR_EXTENDED,
    MBR_LVM,
    MBR_SWAP,
)

SECTOR = 512
LARGE_SECTOR = 4096  # of disks with native 4K sectors, which Azure does not have for OS and VHD disks
LOGICAL = "logical"  # the type of a volume inside LVM, which no partition table names
MAX_PARTITIONS = 128
GAP = 2 << 20  # bytes; less room between partitions is alignment and tables
KNOWN = (*READABLE, *UNREAD, "swap", "lvm", "luks", "bitlocker")  # what somebody put there
BOOT_CODE = 440  # bytes of LBA 0 before the disk signature


@dataclass(frozen=True, slots=True)
class Partition:
    """`start` and `size` in bytes; `type` a GPT GUID in capitals, an MBR byte like `0x83`, or LOGICAL."""

    number: int
    start: int
    size: int
    type: str
    name: str
    content: Content
    id: str = ""  # what PARTUUID= means, in small letters; of a logical volume, what dm-uuid-LVM- means

    @property
    def title(self) -> str:
        if self.type == LOGICAL:
            return f"logical volume {self.name}"
        return f"partition {self.number}" if self.number else "the whole disk"

    @property
    def is_swap(self) -> bool:
        return self.content.kind == "swap" or self.type in (LINUX_SWAP, MBR_SWAP)

    @property
    def is_lvm(self) -> bool:
        return self.content.kind == "lvm" or self.type in (LINUX_LVM, MBR_LVM)

    @property
    def is_esp(self) -> bool:
        return self.type in (ESP, MBR_ESP)


class _Entry(NamedTuple):
    """One slot of a table as it is written; `start` and `sectors` in sectors."""

    number: int
    start: int
    sectors: int
    type: str
    name: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`scheme` none: no table, and one partition 0 if the whole disk holds a file system.

    `backup`: the LBA of the GPT's second header, None where it is not sound.
    """

    scheme: Literal["gpt", "mbr", "none"]
    partitions: tuple[Partition, ...] = ()
    boot_code: bool = False
    problems: tuple[str, ...] = ()
    entries: tuple[int, int] = (2, 34)  # LBAs of the GPT entry array: first, and the one after the last
    backup: int | None = None


def read_table(blocks: Blocks) -> Table:
    """The table on `blocks`. A broken one is described in `problems`; Undecidable if nothing can be read."""
    first = blocks.read(0, SECTOR)
    code = any(first[:BOOT_CODE])
    header = _gpt_header(blocks)
    if header is not None:
        return _gpt(blocks, header, code)
    if _is_sound(blocks.read(LARGE_SECTOR, SECTOR)):
        return Table("none", boot_code=code, problems=(_large("GPT"),))
    whole = probe(blocks, 0, blocks.size)
    bare = whole.kind not in ("unknown", "blank", "iso9660")
    if first[510:512] == b"\x55\xaa" and not bare:
        entries, problems = _mbr_entries(blocks, first)
        partitions = tuple(_partitions(blocks, entries))
        if partitions and not any(part.content.kind in KNOWN for part in partitions):
            moved = [entry._replace(start=entry.start * 8, sectors=entry.sectors * 8) for entry in entries]
            if any(part.content.kind in KNOWN for part in _partitions(blocks, moved)):
                problems.append(_large("MBR"))
        return Table("mbr", partitions, code, tuple(problems))
    if bare:
        return Table("none", (Partition(0, 0, blocks.size, "", "", whole),))
    return Table("none", boot_code=code)


def _large(scheme: str) -> str:
    return f"the {scheme} counts in sectors of {LARGE_SECTOR} bytes; those of Azure's disks have {SECTOR}"


def _gpt_header(blocks: Blocks) -> tuple[bytes, list[str]] | None:
    """The primary header, or the backup at the end of the disk where the primary is broken."""
    problems: list[str] = []
    for lba, name in ((1, "primary"), (blocks.size // SECTOR - 1, "backup")):
        header = blocks.read(lba * SECTOR, SECTOR)
        if not header.startswith(b"EFI PART"):
            continue
        if _is_sound(header):
            return header, problems
        problems.append(f"the checksum of the {name} GPT header is wrong")
    return None


def _is_sound(header: bytes) -> bool:
    if len(header) < 92 or not header.startswith(b"EFI PART"):
        return False
    length, stored = struct.unpack_from("<II", header, 12)
    return bool(92 <= length <= SECTOR and zlib.crc32(header[:16] + bytes(4) + header[20:length]) == stored)


def _backup(blocks: Blocks, header: bytes) -> int | None:
    """Where the second header is: the first one says so. Without a sound first one, it is `header` itself."""
    own, other = struct.unpack_from("<QQ", header, 24)
    place = int(other if own == 1 else own)
    found = blocks.read(place * SECTOR, SECTOR)
    return place if _is_sound(found) and struct.unpack_from("<Q", found, 24)[0] == place > 1 else None


def _gpt(blocks: Blocks, header: tuple[bytes, list[str]], code: bool) -> Table:
    raw, problems = header
    array_lba, count, entry_bytes, stored = struct.unpack_from("<QIII", raw, 72)
    if not 128 <= entry_bytes <= 4096 or entry_bytes % 8:
        return Table("gpt", boot_code=code, problems=(*problems, f"GPT entries of {entry_bytes} bytes"))
    if count > MAX_PARTITIONS:
        problems.append(f"the GPT has {count} entries; {MAX_PARTITIONS} were read")
    array = blocks.read(array_lba * SECTOR, min(count, MAX_PARTITIONS) * entry_bytes)
    if count <= MAX_PARTITIONS and zlib.crc32(array) != stored:
        problems.append("the checksum of the GPT entries is wrong")
    entries: list[_Entry] = []
    for index in range(len(array) // entry_bytes):
        entry = array[index * entry_bytes : (index + 1) * entry_bytes]
        if not any(entry[:16]):
            continue
        start, end = struct.unpack_from("<QQ", entry, 32)
        kind = str(uuid.UUID(bytes_le=entry[:16])).upper()
        name = entry[56:128].decode("utf-16-le", "replace").split("\0", 1)[0]
        own = str(uuid.UUID(bytes_le=entry[16:32]))
        entries.append(_Entry(index + 1, start, end - start + 1, kind, name, own))
    last = array_lba + -(-min(count, 1 << 16) * entry_bytes // SECTOR)
    found = tuple(_partitions(blocks, entries))
    return Table("gpt", found, code, tuple(problems), (array_lba, last), _backup(blocks, raw))


def _mbr_entries(blocks: Blocks, first: bytes) -> tuple[list[_Entry], list[str]]:
    entries: list[_Entry] = []
    problems: list[str] = []
    (signature,) = struct.unpack_from("<I", first, BOOT_CODE)
    for number in range(1, 5):
        kind, start, count = _mbr_entry(first, number - 1)
        if kind in MBR_EXTENDED:
            entries.extend(_logical(blocks, start, problems))
        elif kind:
            entries.append(_Entry(number, start, count, f"0x{kind:02X}"))
    return [entry._replace(id=f"{signature:08x}-{entry.number:02x}") for entry in entries], problems


def _logical(blocks: Blocks, base: int, problems: list[str]) -> Iterator[_Entry]:
    here, seen = base, set[int]()
    while here not in seen and len(seen) < MAX_PARTITIONS:
        seen.add(here)
        sector = blocks.read(here * SECTOR, SECTOR)
        if sector[510:512] != b"\x55\xaa":
            problems.append(f"the chain of logical partitions breaks at LBA {here}")
            return
        kind, start, count = _mbr_entry(sector, 0)
        if kind:
            yield _Entry(4 + len(seen), here + start, count, f"0x{kind:02X}")
        following, offset, _ = _mbr_entry(sector, 1)
        if following not in MBR_EXTENDED:
            return
        here = base + offset
    problems.append("the chain of logical partitions does not end")


def _mbr_entry(sector: bytes, index: int) -> tuple[int, int, int]:
    at = 446 + 16 * index
    start, count = struct.unpack_from("<II", sector, at + 8)
    return sector[at + 4], start, count


def _partitions(blocks: Blocks, entries: list[_Entry]) -> Iterator[Partition]:
    """The entries with their content; one that lies outside the disk has content `outside`."""
    for number, start, count, kind, name, own in entries:
        offset, size = start * SECTOR, count * SECTOR
        if size <= 0 or offset + size > blocks.size:
            content = Content("outside")
        else:
            try:
                content = probe(blocks, offset, size)
            except Undecidable:
                content = Content("unreadable")
        yield Partition(number, offset, size, kind, name, content, own)
