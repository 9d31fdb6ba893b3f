"""A disk drawn to scale: its partitions and the space between them, as pieces of one bar."""

from __future__ import annotations

from dataclasses import dataclass

from validators.partitions import (
    BIOS_BOOT,
    ESP,
    LINUX_LVM,
    LINUX_SWAP,
    MBR_ESP,
    MBR_LVM,
    MBR_SWAP,
    ROOT_TYPES,
)
from validators.reports.document import DiskFacts

GAP = 2 << 20  # bytes; what is smaller is alignment and tables, and not worth a piece
NARROWEST = 1.4  # percent of the bar; a 1 MiB partition must be seen beside one of 30 GiB
OTHER = "other"
NAMELESS = ("unknown", "blank")  # contents that say nothing
COLOURS = {
    "ext": "data", "xfs": "data", "btrfs": "data", "ntfs": "data", "fat": "boot", "swap": "swap",
    "lvm": "opaque", "luks": "opaque", "bitlocker": "opaque", "unreadable": "bad", "outside": "bad",
}  # fmt: skip
# What a type in the partition table means; a GUID of GPT, a byte of an MBR.
TYPES = {
    ESP: "EFI system",
    BIOS_BOOT: "BIOS boot",
    LINUX_SWAP: "Linux swap",
    LINUX_LVM: "Linux LVM",
    **dict.fromkeys(ROOT_TYPES, "Linux root"),
    "0FC63DAF-8483-4772-8E79-3D69D8477DE4": "Linux data",
    "E3C9E316-0B5C-4DB8-817D-F92DF00215AE": "Microsoft reserved",
    "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7": "Basic data",
    "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC": "Windows recovery",
    "0x07": "NTFS or exFAT",
    "0x0C": "FAT32",
    "0x27": "Windows recovery",
    "0x83": "Linux",
    MBR_SWAP: "Linux swap",
    MBR_LVM: "Linux LVM",
    MBR_ESP: "EFI system",
}


@dataclass(frozen=True)
class Piece:
    """`x` and `width` in percent of the bar; `colour` a class of the page's style."""

    title: str
    label: str
    size: int
    colour: str
    x: float = 0.0
    width: float = 0.0


def pieces(disk: DiskFacts) -> list[Piece]:
    """The bar from left to right; empty for a disk of unknown size. Overlaps are drawn side by side."""
    total = disk["size_bytes"] or 0
    found: list[Piece] = []
    at = 0
    for part in sorted(disk["partitions"], key=lambda one: one["start"]):
        if part["content"] == "outside" or part["start"] >= total:
            continue
        if part["start"] - at >= GAP:
            found.append(_free(part["start"] - at))
        title = f"partition {part['number']}" if part["number"] else "whole disk"
        colour = COLOURS.get(part["content"], OTHER)
        holds = part["content"]
        if holds in NAMELESS:  # the table may still say what it is for
            holds = TYPES.get(part["type"], holds)
        found.append(Piece(title, f"{part['number']} {holds}", part["size_bytes"], colour))
        at = max(at, part["start"] + part["size_bytes"])
    if total - at >= GAP:
        found.append(_free(total - at))
    return _placed(found)


def _free(size: int) -> Piece:
    return Piece("unallocated", "unallocated", size, "free")


def _placed(found: list[Piece]) -> list[Piece]:
    """Widths by size, each at least NARROWEST; the wide ones pay for the narrow ones."""
    total = sum(piece.size for piece in found)
    if not total:
        return []
    narrowest = min(NARROWEST, 100 / len(found))
    narrow = {id(piece) for piece in found if 100 * piece.size / total < narrowest}
    wide = sum(piece.size for piece in found if id(piece) not in narrow)
    room = 100 - narrowest * len(narrow)
    result, x = [], 0.0
    for piece in found:
        width = narrowest if id(piece) in narrow else room * piece.size / wide
        result.append(Piece(piece.title, piece.label, piece.size, piece.colour, round(x, 3), round(width, 3)))
        x += width
    return result
