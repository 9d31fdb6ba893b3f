"""The partition table of a disk: GPT or MBR, with what lies in each partition."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from validators.blocks import Blocks
from validators.filesystems import Content, probe
from validators.guest import Undecidable

SECTOR = 512
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
LINUX_SWAP = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
LINUX_LVM = "E6D6D379-F507-44C2-A23C-238F2A3DF928"
ROOT_TYPES = {  # Discoverable Partitions Specification: root for x86-64 and arm64
    "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
}
MBR_SWAP, MBR_LVM, MBR_PROTECTIVE, MBR_ESP = "0x82", "0x8E", "0xEE", "0xEF"
MBR_EXTENDED = (0x05, 0x0F, 0x85)
LOGICAL = "logical"  # the type of a volume inside LVM, which no partition table names
MAX_PARTITIONS = 128
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
    id: str = ""  # what PARTUUID= means, in small letters

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
    """`scheme` none: no table, and one partition 0 if the whole disk holds a file system."""

    scheme: Literal["gpt", "mbr", "none"]
    partitions: tuple[Partition, ...] = ()
    boot_code: bool = False
    problems: tuple[str, ...] = ()
    entries: tuple[int, int] = (2, 34)  # LBAs of the GPT entry array: first, and the one after the last


def read_table(blocks: Blocks) -> Table:
    """The table on `blocks`. A broken one is described in `problems`; Undecidable if nothing can be read."""
    first = blocks.read(0, SECTOR)
    code = any(first[:BOOT_CODE])
    header = _gpt_header(blocks)
    if header is not None:
        return _gpt(blocks, header, code)
    whole = probe(blocks, 0, blocks.size)
    bare = whole.kind not in ("unknown", "blank", "iso9660")
    if first[510:512] == b"\x55\xaa" and not bare:
        entries, problems = _mbr_entries(blocks, first)
        return Table("mbr", tuple(_partitions(blocks, entries)), code, tuple(problems))
    if bare:
        return Table("none", (Partition(0, 0, blocks.size, "", "", whole),))
    return Table("none", boot_code=code)


def _gpt_header(blocks: Blocks) -> tuple[bytes, list[str]] | None:
    """The primary header, or the backup at the end of the disk where the primary is broken."""
    problems: list[str] = []
    for lba, name in ((1, "primary"), (blocks.size // SECTOR - 1, "backup")):
        header = blocks.read(lba * SECTOR, SECTOR)
        if len(header) < 92 or not header.startswith(b"EFI PART"):
            continue
        length, stored = struct.unpack_from("<II", header, 12)
        if 92 <= length <= SECTOR:
            blanked = header[:16] + bytes(4) + header[20:length]
            if zlib.crc32(blanked) == stored:
                return header, problems
        problems.append(f"the checksum of the {name} GPT header is wrong")
    return None


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
    return Table("gpt", found, code, tuple(problems), (array_lba, last))


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
