"""The partition table of a base image: BIOS boot, ESP, and the root last so that it can grow."""

from __future__ import annotations

import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Surroundings

MIB = 1 << 20
SECTOR = 512


@dataclass(frozen=True)
class Partition:
    """One entry; `start` and `size` in MiB, so that everything is aligned to 1 MiB."""

    number: int
    kind: str  # GPT type GUID
    start: int
    size: int

    @property
    def offset(self) -> int:
        """First byte on the disk."""
        return self.start * MIB

    @property
    def bytes(self) -> int:
        return self.size * MIB


@dataclass(frozen=True)
class Layout:
    """Numbers as Debian's cloud images have them: the root is partition 1 though it lies last."""

    bios: Partition
    esp: Partition
    root: Partition


def layout(size_mib: int) -> Layout:
    """The layout of a disk of `size_mib` MiB; its last MiB is for the second GPT."""
    bios = Partition(14, "21686148-6449-6E6F-744E-656564454649", 1, 1)
    esp = Partition(15, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", 2, 126)
    start = esp.start + esp.size
    return Layout(
        bios, esp, Partition(1, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", start, size_mib - start - 1)
    )


def script(table: Layout, disk_guid: str) -> str:
    """Input for sfdisk; the partitions' own GUIDs follow from the disk's."""
    lines = ["label: gpt", f"label-id: {disk_guid}", "unit: sectors", "first-lba: 34"]
    for part in (table.root, table.bios, table.esp):
        start, size = part.offset // SECTOR, part.bytes // SECTOR
        own = uuid.uuid5(uuid.UUID(disk_guid), str(part.number))
        lines.append(f"{part.number} : start={start}, size={size}, type={part.kind}, uuid={own}")
    return "\n".join(lines) + "\n"


def write(disk: Path, size_mib: int, disk_guid: str, sfdisk: Path) -> Layout:
    """Create `disk`, sparse, with the table on it. Raises Surroundings with sfdisk's own words."""
    with disk.open("wb") as file:
        file.truncate(size_mib * MIB)
    table = layout(size_mib)
    done = subprocess.run(
        [sfdisk, "--quiet", disk], input=script(table, disk_guid), capture_output=True, text=True
    )
    if done.returncode:
        raise Surroundings(f"sfdisk: {done.stderr.strip()}", where=str(disk))
    return table
