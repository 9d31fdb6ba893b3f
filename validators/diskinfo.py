"""What there is to say about one disk file, outside and inside, as one JSON document of a published shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from validators import sparse
from validators.convert import is_finished
from validators.disk import Disk
from validators.filesystems import Content
from validators.footer import SECTOR
from validators.partition_types import TYPES
from validators.partitions import GAP, Partition
from validators.vhd import Container

SECONDS = 30.0  # for a disk to be opened; more than that is broken


class FooterInfo(TypedDict):
    """The footer of a VHD; `created` in UTC, `length_ok` null where the disk is not a fixed VHD."""

    checksum_ok: bool
    length_ok: bool | None
    geometry: str
    creator: str
    created: str
    unique_id: str


class DataInfo(TypedDict):
    """Where the file holds data, as its file system knows it; zeros that were written count as data."""

    extents: int
    data_bytes: int
    hole_bytes: int


class ContentInfo(TypedDict):
    """`kind`: ext, xfs, fat, ntfs, btrfs, swap, lvm, luks, bitlocker, blank, unknown, outside, unreadable.

    Sizes in bytes as the file system tells them; null where its head does not.
    """

    kind: str
    version: str
    uuid: str
    label: str
    size_bytes: int | None
    free_bytes: int | None


class PartitionInfo(TypedDict):
    """`start` in bytes; `type` a GPT GUID or an MBR byte like `0x83`, `type_name` the same in words."""

    number: int
    start: int
    size_bytes: int
    type: str
    type_name: str
    name: str
    id: str
    content: ContentInfo


class VolumeInfo(TypedDict):
    """A logical volume of LVM; `name` is group and volume."""

    name: str
    size_bytes: int
    content: ContentInfo


class GapInfo(TypedDict):
    """Room of 2 MiB or more that no partition has; `start` in bytes."""

    start: int
    size_bytes: int


class DiskInfo(TypedDict):
    """`size_bytes` is the disk, `file_bytes` the file, `allocated_bytes` what it takes on its file system.

    `finished`: a fixed VHD that Azure can read. `backup_gpt`: where the second header of a GPT is.
    `firmware`: what can start the disk, by its table. `unusable`: why it is no disk to be used, if so.
    """

    file: str
    kind: str
    finished: bool
    size_bytes: int | None
    file_bytes: int
    allocated_bytes: int
    whole_mib: bool | None
    footer: FooterInfo | None
    data: DataInfo | None
    partition_table: Literal["gpt", "mbr", "none"]
    backup_gpt: Literal["end", "elsewhere", "missing"] | None
    firmware: list[Literal["bios", "uefi"]]
    system: Literal["linux", "windows"] | None
    root: str | None
    partitions: list[PartitionInfo]
    volumes: list[VolumeInfo]
    gaps: list[GapInfo]
    problems: list[str]
    unusable: str


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    from pydantic import TypeAdapter

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(DiskInfo).json_schema(),
        "title": "Facts of vmoffer disk info",
    }


def build(disk: Disk) -> DiskInfo:
    """The document of a disk as a worker sends it. Reads nothing of the disk but where its file has holes."""
    container, table = disk.container, disk.table
    size = disk.blocks.size if disk.blocks else container.size_bytes
    parts = sorted(table.partitions, key=lambda part: part.start)
    backup = _backup(disk, size)
    problems = [*container.problems, *table.problems, *_overlaps(parts)]
    problems += [f"{part.title} is not inside the disk" for part in parts if part.content.kind == "outside"]
    if backup in ("elsewhere", "missing"):
        problems.append(f"the backup GPT is {'not at the end of the disk' if table.backup else 'missing'}")
    return {
        "file": str(container.path),
        "kind": container.kind,
        "finished": is_finished(container),
        "size_bytes": size,
        "file_bytes": container.file_bytes,
        "allocated_bytes": container.allocated_bytes,
        "whole_mib": container.whole_mib,
        "footer": _footer(container),
        "data": _data(container.path, container.file_bytes) if isinstance(container.path, Path) else None,
        "partition_table": table.scheme,
        "backup_gpt": backup,
        "firmware": list(disk.firmware),
        "system": disk.os,
        "root": disk.roots[0].title if disk.roots else None,
        "partitions": [_partition(part) for part in parts],
        "volumes": [
            {"name": part.name, "size_bytes": part.size, "content": _content(part.content)}
            for part in disk.logical
        ],
        "gaps": _gaps(parts, size or 0) if table.scheme != "none" else [],
        "problems": problems,
        "unusable": _unusable(disk),
    }


def _unusable(disk: Disk) -> str:
    container = disk.container
    if disk.blocks is None:
        return disk.reason
    needed = (container.size_bytes or 0) + container.footer_bytes
    if container.kind == "vhd-fixed" and container.file_bytes < needed:
        return "the file is shorter than the disk in it: a part is missing"
    if any(part.content.kind == "outside" for part in disk.table.partitions):
        return "the disk ends before its partitions do: it was cut off, or its partition table is wrong"
    if container.kind == "raw" and container.file_bytes % SECTOR and not disk.table.partitions:
        return "this is no disk: no known format, no whole sectors, and nothing known in it"
    return ""


def _footer(container: Container) -> FooterInfo | None:
    footer = container.footer
    if footer is None:
        return None
    return {
        "checksum_ok": footer.checksum_ok,
        "length_ok": container.length_ok,
        "geometry": "/".join(map(str, footer.geometry)),
        "creator": footer.creator.decode("ascii", errors="backslashreplace").strip(" \0"),
        "created": footer.created,
        "unique_id": footer.unique_id.hex(),
    }


def _data(path: Path, size: int) -> DataInfo:
    with path.open("rb") as file:
        lengths = [end - start for start, end in sparse.extents(file.fileno(), size)]
    return {"extents": len(lengths), "data_bytes": sum(lengths), "hole_bytes": size - sum(lengths)}


def _backup(disk: Disk, size: int | None) -> Literal["end", "elsewhere", "missing"] | None:
    if disk.table.scheme != "gpt" or size is None:
        return None
    if disk.table.backup is None:
        return "missing"
    return "end" if disk.table.backup == size // SECTOR - 1 else "elsewhere"


def _partition(part: Partition) -> PartitionInfo:
    return {
        "number": part.number,
        "start": part.start,
        "size_bytes": part.size,
        "type": part.type,
        "type_name": TYPES.get(part.type, ""),
        "name": part.name,
        "id": part.id,
        "content": _content(part.content),
    }


def _content(found: Content) -> ContentInfo:
    return {
        "kind": found.kind,
        "version": found.version,
        "uuid": found.uuid,
        "label": found.label,
        "size_bytes": found.size,
        "free_bytes": found.free,
    }


def _overlaps(parts: list[Partition]) -> list[str]:
    """A sentence for each partition that begins inside one before it; `parts` by their start."""
    found: list[str] = []
    furthest: Partition | None = None
    for part in parts:
        if furthest and part.start < furthest.start + furthest.size:
            found.append(f"{part.title} begins inside {furthest.title}")
        if not furthest or part.start + part.size > furthest.start + furthest.size:
            furthest = part
    return found


def _gaps(parts: list[Partition], size: int) -> list[GapInfo]:
    found: list[GapInfo] = []
    at = 0
    for start, end in [*((part.start, part.start + part.size) for part in parts), (size, size)]:
        if min(start, size) - at >= GAP:
            found.append({"start": at, "size_bytes": min(start, size) - at})
        at = max(at, end)
    return found
