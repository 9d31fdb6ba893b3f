"""Which file system, swap area or encrypted volume starts at an offset, by its signature."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from validators import superblock
from validators.blocks import Blocks

HEAD_BYTES = 4096
PAGE_SIZES = (4096, 8192, 16384, 65536)  # bytes; a swap signature ends the first page
BTRFS_BLOCK_AT, BTRFS_BLOCK_BYTES, BTRFS_MAGIC_AT = 0x10000, 0x22B, 0x10040
READABLE = ("ext", "xfs", "fat", "ntfs")
# Signatures of what is named and not read: offset in bytes, magic (linux/magic.h, md_p.h, bcachefs_format.h).
SIGNATURES = (
    (0, b"hsqs", "squashfs"),
    (1024, b"\xe2\xe1\xf5\xe0", "erofs"),
    (1024, b"\x10\x20\xf5\xf2", "f2fs"),
    (0, b"\xfc\x4e\x2b\xa9", "mdraid"),
    (4096, b"\xfc\x4e\x2b\xa9", "mdraid"),
    (4096 + 24, bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"), "bcachefs"),
    (4096 + 24, bytes.fromhex("c68573f666ce90a9d96a60cf803df7ef"), "bcachefs"),
)
UNREAD = ("btrfs", *sorted({kind for _, _, kind in SIGNATURES}))


@dataclass(frozen=True, slots=True)
class Content:
    """`kind`: ext, xfs, fat, ntfs, btrfs, swap, lvm, luks, bitlocker, iso9660, or `unknown`/`blank`.

    Or one of SIGNATURES, which are named alone.

    `version` is the one of the format in its own words, as ext4. `size` and `free` are what it says of
    itself, in bytes; None where its head does not tell.
    """

    kind: str
    uuid: str = ""
    label: str = ""
    version: str = ""
    size: int | None = None
    free: int | None = None


def probe(blocks: Blocks, offset: int, size: int) -> Content:
    """What lies in `size` bytes at `offset`. Raises Undecidable if the disk cannot be read there."""
    head = blocks.read(offset, min(HEAD_BYTES, size)).ljust(HEAD_BYTES, b"\0")
    found = _encrypted(head) or _linux(head) or _microsoft(head)
    if found:
        return found
    for page in PAGE_SIZES:
        if size >= page and blocks.read(offset + page - 10, 10) in (b"SWAPSPACE2", b"SWAP-SPACE"):
            return _content("swap", head, _dashed(head[1036:1052]), _label(head[1052:1068]), unit=page)
    if size > BTRFS_MAGIC_AT + 8:
        block = blocks.read(offset + BTRFS_BLOCK_AT, BTRFS_BLOCK_BYTES).ljust(BTRFS_BLOCK_BYTES, b"\0")
        if block[0x40:0x48] == b"_BHRfS_M":
            return _content("btrfs", block, _dashed(block[0x20:0x30]), _label(block[0x12B:]))
    for at, magic, kind in SIGNATURES:
        if size > at + len(magic) and blocks.read(offset + at, len(magic)) == magic:
            return Content(kind)
    if size > 0x8006 and blocks.read(offset + 0x8001, 5) == b"CD001":
        return Content("iso9660")
    return Content("unknown" if any(head) else "blank")


def _content(kind: str, head: bytes, uuid: str, label: str = "", unit: int = 1) -> Content:
    version, size, free = superblock.READERS[kind](head, unit)
    return Content(kind, uuid, label, version, size, free)


def _encrypted(head: bytes) -> Content | None:
    if head.startswith(b"LUKS\xba\xbe"):
        return Content("luks", _label(head[168:208]))
    return Content("bitlocker") if head[3:11] == b"-FVE-FS-" else None


def _linux(head: bytes) -> Content | None:
    if head[0x438:0x43A] == b"\x53\xef":
        return _content("ext", head, _dashed(head[0x468:0x478]), _label(head[0x478:0x488]))
    if head.startswith(b"XFSB"):
        return _content("xfs", head, _dashed(head[32:48]), _label(head[108:120]))
    for sector in range(0, 2048, 512):
        if head[sector : sector + 8] == b"LABELONE" and head[sector + 24 : sector + 32] == b"LVM2 001":
            return Content("lvm")
    return None


def _microsoft(head: bytes) -> Content | None:
    if head[3:11] == b"NTFS    ":
        return _content("ntfs", head, f"{int.from_bytes(head[72:80], 'little'):016X}")
    if head[510:512] != b"\x55\xaa":
        return None
    for mark, serial, label in ((82, 67, 71), (54, 39, 43)):
        if head[mark : mark + 3] == b"FAT":
            number = int.from_bytes(head[serial : serial + 4], "little")
            name = _label(head[label : label + 11])
            return _content("fat", head, f"{number >> 16:04X}-{number & 0xFFFF:04X}", name, unit=mark)
    return None


def _dashed(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else ""


def _label(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
