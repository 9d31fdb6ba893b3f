"""Install GRUB for BIOS on a GPT disk image, as grub-bios-setup would, without root or loop devices.

`boot.img` goes to LBA 0 and loads one sector, the first of `core.img`, which loads the rest. Each
holds the address of what it loads; GRUB's own assembly sources (boot.S, diskboot.S) name the places.
"""

from __future__ import annotations

import struct
from pathlib import Path

from generator.errors import Unusable

SECTOR = 512
CODE_AREA = 440  # bytes of LBA 0 before the disk signature and the protective MBR
KERNEL_SECTOR = 0x5C  # boot.img: 8 bytes, LBA of core.img
BOOT_DRIVE_CHECK = 0x66  # boot.img: a 2-byte jump that trusts the BIOS's drive number; see below
BLOCKLIST = SECTOR - 12  # core.img: 8 bytes LBA of its second sector, 2 bytes count, 2 bytes segment
LOAD_SEGMENT = 0x820  # where the rest of core.img is loaded: 0x8000 + one sector
NOP = b"\x90\x90"


def patched_boot(boot: bytes, core_lba: int) -> bytes:
    """The 440 bytes for LBA 0.

    The jump at BOOT_DRIVE_CHECK is taken out, as grub-bios-setup does for hard disks: without it
    boot.img falls back to the first hard disk if a BIOS passes something that is not one.
    """
    if len(boot) != SECTOR or boot[-2:] != b"\x55\xaa":
        raise Unusable("boot.img is not a boot sector of 512 bytes")
    code = bytearray(boot[:CODE_AREA])
    struct.pack_into("<Q", code, KERNEL_SECTOR, core_lba)
    code[BOOT_DRIVE_CHECK : BOOT_DRIVE_CHECK + 2] = NOP
    return bytes(code)


def patched_core(core: bytes, core_lba: int) -> bytes:
    """core.img, padded to sectors, whose first sector loads all the others from right behind it."""
    sectors = -(-len(core) // SECTOR)
    if sectors < 2:
        raise Unusable("core.img is shorter than two sectors")
    padded = bytearray(core.ljust(sectors * SECTOR, b"\0"))
    struct.pack_into("<QHH", padded, BLOCKLIST, core_lba + 1, sectors - 1, LOAD_SEGMENT)
    return bytes(padded)


def install(disk: Path, boot: bytes, core: bytes, *, start: int, size: int) -> None:
    """Write both into `disk`; `start` and `size` of the BIOS boot partition in bytes.

    Raises Unusable if core.img does not fit into the partition.
    """
    body = patched_core(core, start // SECTOR)
    if len(body) > size:
        raise Unusable(f"core.img has {len(body)} bytes, the BIOS boot partition {size}", where=str(disk))
    with disk.open("r+b") as file:
        file.write(patched_boot(boot, start // SECTOR))
        file.seek(start)
        file.write(body)
