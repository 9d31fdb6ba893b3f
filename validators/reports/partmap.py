"""A disk drawn to scale: its partitions and the space between them, as pieces of one bar."""

from __future__ import annotations

from dataclasses import dataclass

from validators.partition_types import TYPES
from validators.partitions import GAP
from validators.reports.document import DiskFacts

NARROWEST = 1.4  # percent of the bar; a 1 MiB partition must be seen beside one of 30 GiB
OTHER = "other"
NAMELESS = ("unknown", "blank")  # contents that say nothing
COLOURS = {
    "ext": "data", "xfs": "data", "btrfs": "data", "ntfs": "data", "fat": "boot", "swap": "swap",
    "lvm": "opaque", "luks": "opaque", "bitlocker": "opaque", "unreadable": "bad", "outside": "bad",
}  # fmt: skip


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
