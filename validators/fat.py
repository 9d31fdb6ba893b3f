"""FAT32 of any size, for a reader that tells the kinds of FAT apart by the number of clusters.

Microsoft's specification does so too, and has no FAT32 below 65,525 clusters. Those who read an EFI system
partition do not: Linux (fs/fat/inode.c) and EDK2 (FatPkg/EnhancedFatDxe/Init.c) take it for FAT32 where the
16-bit size of the FAT is 0. Azure Linux's own images have FAT32 on an EFI system partition of 8 MiB.
"""

from __future__ import annotations

import struct

LEAST_CLUSTERS = 65_525  # of FAT32, by the number of clusters
HEAD = 512  # bytes of the boot sector
FEW_AT, MANY_AT = 19, 32  # the number of all sectors, in 2 bytes or in 4


def wider(head: bytes) -> list[tuple[int, bytes, bytes]]:
    """What to replace in the boot sector, so that FAT32 with few clusters seems to have enough."""
    if len(head) < HEAD:
        return []
    sector, cluster, reserved, fats = struct.unpack_from("<HBHB", head, 11)
    roots, few, _, of_fat16 = struct.unpack_from("<HHBH", head, 17)
    many, of_fat32 = struct.unpack_from("<II", head, MANY_AT)
    if of_fat16 or roots or not (of_fat32 and sector and cluster):
        return []
    before = reserved + fats * of_fat32
    if ((few or many) - before) // cluster >= LEAST_CLUSTERS:
        return []
    sectors = struct.pack("<I", before + (LEAST_CLUSTERS + 1) * cluster)
    return [
        (FEW_AT, head[FEW_AT : FEW_AT + 2], b"\0\0"),
        (MANY_AT, head[MANY_AT : MANY_AT + 4], sectors),
    ]
