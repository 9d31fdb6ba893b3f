"""The logical volumes on one LVM2 physical volume, and where their bytes lie on the disk.

No library: libvslvm refuses a volume in two pieces, which is what growing one makes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from validators.blocks import Blocks
from validators.guest import Undecidable

SECTOR = 512
LABEL_SECTORS = 4  # the label lies in one of the first four
INITIAL_CRC = 0xF597A6CF
MAGIC = b" LVM2 x[5A%r0N*>"
HEADER_BYTES = 512  # of the metadata area; its text comes after, and goes round at the end
TEXT_LIMIT = 4 << 20  # bytes; a volume group with hundreds of volumes has some hundred thousand
DEPTH_LIMIT = 8
TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\]|\\.)*"|[\w.+:/-]+|[{}\[\]=,]|(\S)')


@dataclass(frozen=True)
class Logical:
    """`name` is `group/volume`; `pieces` are (offset on the disk, length), both in bytes, in their order.

    `reason` says why the pieces are not known; `id` is that of the group and its own, as in dm-uuid.
    """

    name: str
    pieces: tuple[tuple[int, int], ...] = ()
    reason: str = ""
    id: str = ""


def volumes(blocks: Blocks, start: int, size: int) -> list[Logical]:
    """The logical volumes of the physical volume in `size` bytes at `start` of the disk.

    A volume that is striped, mirrored, thin, or partly on another disk is named, with the reason. Raises
    Undecidable, with the place, when the metadata is broken.
    """
    name, own = _label(blocks, start)
    tree = _parse(_text(blocks, start, size, *name))
    groups = [(key, value) for key, value in tree.items() if isinstance(value, dict)]
    if len(groups) != 1:
        raise Undecidable(f"LVM metadata at {start} names {len(groups)} volume groups")
    title, group = groups[0]
    return [
        replace(_volume(f"{title}/{key}", entry, group, own, start, size), id=_id(group) + _id(entry))
        for key, entry in _section(group, "logical_volumes").items()
        if isinstance(entry, dict) and "VISIBLE" in entry.get("status", [])
    ]


def _label(blocks: Blocks, start: int) -> tuple[tuple[int, int], str]:
    """Offset and size of the metadata area in the physical volume, and the id of the volume."""
    for number in range(LABEL_SECTORS):
        sector = blocks.read(start + number * SECTOR, SECTOR)
        if len(sector) == SECTOR and sector.startswith(b"LABELONE"):
            break
    else:
        raise Undecidable(f"no LVM label at {start}")
    if _crc(sector[20:]) != struct.unpack_from("<I", sector, 16)[0]:
        raise Undecidable(f"the checksum of the LVM label at {start + number * SECTOR} is wrong")
    at = struct.unpack_from("<I", sector, 20)[0]
    if not 32 <= at <= SECTOR - 40:
        raise Undecidable(f"the LVM label at {start} is broken")
    pairs = struct.iter_unpack("<QQ", sector[at + 40 : at + 40 + (SECTOR - at - 40) // 16 * 16])
    # Two lists, each ended by zeros: data areas, then metadata areas.
    for first, _ in pairs:
        if not first:
            break
    offset, length = next(pairs, (0, 0))
    if not offset or length <= HEADER_BYTES:
        raise Undecidable(f"the LVM physical volume at {start} holds no metadata")
    return (offset, length), sector[at : at + 32].decode("ascii", "replace")


def _text(blocks: Blocks, start: int, size: int, offset: int, length: int) -> str:
    """The current metadata of the area at `offset` of the physical volume."""
    head = blocks.read(start + offset, HEADER_BYTES)
    where = f"LVM metadata at {start + offset}"
    if len(head) < HEADER_BYTES or head[4:20] != MAGIC or offset + length > size:
        raise Undecidable(f"{where} is broken")
    if _crc(head[4:]) != struct.unpack_from("<I", head)[0]:
        raise Undecidable(f"{where}: the checksum of the header is wrong")
    at, count, stored, flags = struct.unpack_from("<QQII", head, 40)
    if not HEADER_BYTES <= at < length or not 0 < count <= min(TEXT_LIMIT, length) or flags & 1:
        raise Undecidable(f"{where} names no text")
    data = blocks.read(start + offset + at, min(count, length - at))
    if len(data) < count:
        data += blocks.read(start + offset + HEADER_BYTES, count - len(data))
    if _crc(data) != stored:
        raise Undecidable(f"{where}: the checksum of the text is wrong")
    return data.rstrip(b"\0").decode("utf-8", "replace")


def _volume(
    name: str, entry: dict[str, Any], group: dict[str, Any], own: str, start: int, size: int
) -> Logical:
    try:
        extent = int(group["extent_size"]) * SECTOR
        mine = {
            key: int(value["pe_start"]) * SECTOR
            for key, value in _section(group, "physical_volumes").items()
            if value["id"].replace("-", "") == own
        }
        pieces: list[tuple[int, int]] = []
        for number in range(1, int(entry["segment_count"]) + 1):
            segment = entry[f"segment{number}"]
            if segment["type"] != "striped" or segment["stripe_count"] != "1":
                return Logical(name, reason=f"it is {segment['type']}, which is not read offline")
            disk, first = segment["stripes"]
            if disk not in mine:
                return Logical(name, reason="a part of it is on another disk")
            place = mine[disk] + int(first) * extent
            length = int(segment["extent_count"]) * extent
            if length <= 0 or place < 0 or place + length > size:
                return Logical(name, reason="it reaches beyond its physical volume")
            pieces.append((start + place, length))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        return Logical(name, reason=f"its metadata is broken: {type(error).__name__} {error}")
    return Logical(name, tuple(pieces)) if pieces else Logical(name, reason="it has no segments")


def _id(section: dict[str, Any]) -> str:
    found = section.get("id", "")
    return found.replace("-", "") if isinstance(found, str) else ""


def _section(tree: dict[str, Any], name: str) -> dict[str, Any]:
    found = tree.get(name, {})
    return found if isinstance(found, dict) else {}


def _crc(data: bytes) -> int:
    return zlib.crc32(data, INITIAL_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def _parse(content: str) -> dict[str, Any]:
    """LVM's text: `name { … }`, `name = value`, lists in brackets; every value a text."""
    tree, _ = _section_of(_tokens(content), 0)
    return tree


def _tokens(content: str) -> Iterator[str]:
    for found in TOKEN.finditer(content):
        if found[1]:
            raise Undecidable(f"LVM metadata cannot be read at its character {found.start()}")
        if not found[0].startswith("#"):
            yield found[0]


def _section_of(tokens: Iterator[str], depth: int) -> tuple[dict[str, Any], bool]:
    """The entries up to the end or the closing brace, and whether there was one."""
    if depth > DEPTH_LIMIT:
        raise Undecidable("LVM metadata is nested too deeply")
    found: dict[str, Any] = {}
    for name in tokens:
        if name == "}":
            return found, True
        sign = next(tokens, "")
        if sign == "{":
            found[name], closed = _section_of(tokens, depth + 1)
            if not closed:
                raise Undecidable("LVM metadata ends in the middle")
        elif sign == "=":
            value = next(tokens, "")
            found[name] = _list(tokens) if value == "[" else value.strip('"')
        else:
            raise Undecidable(f"LVM metadata has {sign[:20]!r} after {name[:40]!r}")
    return found, False


def _list(tokens: Iterator[str]) -> list[str]:
    found: list[str] = []
    for word in tokens:
        if word == "]":
            return found
        if word != ",":
            found.append(word.strip('"'))
    raise Undecidable("LVM metadata ends in the middle of a list")
