"""FAT32 with fewer clusters than Microsoft counts for it, as on the EFI system partition of Azure Linux."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from images import need, run

from validators.disk import open_disk

SECTOR, START = 512, 1 << 20
LOADER = b"MZ" * 600


def write(path: Path, kib: int) -> None:
    """A GPT disk with FAT32 of `kib` KiB as its EFI system partition, and a loader; mtools refuses it."""
    with path.open("wb") as file:
        file.truncate(64 << 20)
    run("sfdisk", "--quiet", path, text=f"label: gpt\nstart=2048, size={kib * 2}, type=uefi\n")
    run(
        "mkfs.vfat", "-F", "32", "-s", "1", "-i", "12345678", "--offset", str(START // SECTOR), path, str(kib)
    )
    chain = {2: 0x0FFFFFFF, 3: 0x0FFFFFFF, 4: 0x0FFFFFFF, 5: 6, 6: 7, 7: 0x0FFFFFFF}
    with path.open("r+b") as file:
        file.seek(START)
        head = file.read(SECTOR)
        (reserved, fats), (of_fat,) = struct.unpack_from("<HB", head, 14), struct.unpack_from("<I", head, 36)
        for copy in range(fats):
            for cluster, following in chain.items():
                file.seek(START + (reserved + copy * of_fat) * SECTOR + 4 * cluster)
                file.write(struct.pack("<I", following))
        contents = {
            2: _entry("EFI", 3),
            3: _entry(".", 3) + _entry("..", 0) + _entry("BOOT", 4),
            4: _entry(".", 4) + _entry("..", 3) + _entry("BOOTX64 EFI", 5, len(LOADER)),
            5: LOADER,
        }
        for cluster, content in contents.items():
            file.seek(START + (reserved + fats * of_fat + cluster - 2) * SECTOR)
            file.write(content)


def _entry(name: str, cluster: int, size: int = -1) -> bytes:
    """A file of `size` bytes, or a folder."""
    kind = 0x10 if size < 0 else 0x20
    return (
        name.ljust(11).encode()
        + bytes([kind])
        + bytes(8)
        + struct.pack("<HHHHI", 0, 0, 0, cluster, max(size, 0))
    )


@pytest.mark.parametrize("kib", [8 * 1024, 30 * 1024, 34 * 1024])
def test_the_loader_on_a_small_fat32_is_read(tmp_path: Path, kib: int) -> None:
    need("sfdisk", "mkfs.vfat")
    path = tmp_path / "disk.raw"
    write(path, kib)
    volume = open_disk(path).volumes[1]
    facts = volume.lstat("/EFI/BOOT/BOOTX64.EFI")
    assert facts is not None and facts.size == len(LOADER)
    assert volume.read("/EFI/BOOT/BOOTX64.EFI", 4096) == LOADER
    assert volume.listdir("/") == ["EFI"]
