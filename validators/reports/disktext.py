"""The facts of `vmoffer disk info` as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from generator.printable import printable
from validators.diskinfo import ContentInfo, DiskInfo, FooterInfo
from validators.partition_types import FIRMWARE
from validators.reports.text import size

HEAD = ("no", "start", "size", "type", "holds", "label", "used", "UUID", "name")
KINDS = {
    "vhd-fixed": "fixed VHD",
    "vhd-dynamic": "dynamic VHD",
    "vhd-differencing": "differencing VHD",
    "vhd-other": "VHD of an unknown type",
    "raw": "raw disk",
    "vhdx": "VHDX",
    "vmdk": "VMDK",
}
BACKUP = {"end": "backup at the end", "elsewhere": "backup not at the end", "missing": "no sound backup"}


def lines(info: DiskInfo) -> Iterator[str]:
    """The document line by line; what an image says is made harmless."""
    for title, text in _facts(info):
        yield f"{title:10} {printable(text)}"
    rows = _rows(info)
    if rows:
        yield ""
        widths = [max(len(row[column]) for row in (HEAD, *rows)) for column in range(len(HEAD))]
        used = [column for column in range(len(HEAD)) if any(row[column] for row in rows)]
        for row in (HEAD, *rows):
            yield "  ".join(row[column].ljust(widths[column]) for column in used).rstrip()


def _facts(info: DiskInfo) -> Iterator[tuple[str, str]]:
    yield "file", info["file"]
    yield "format", KINDS.get(info["kind"], info["kind"]) + (", finished" if info["finished"] else "")
    whole = ", not a whole number of MiB" if info["whole_mib"] is False else ""
    yield "disk", _exact(info["size_bytes"]) + whole
    yield "in file", f"{_exact(info['file_bytes'])}, {size(info['allocated_bytes'])} allocated"
    if data := info["data"]:
        many = f"{size(data['data_bytes'])} in {data['extents']} extents"
        yield "data", f"{many}, {size(data['hole_bytes'])} of holes"
    if info["footer"]:
        yield "footer", _footer(info["footer"])
    backup = f", {BACKUP[info['backup_gpt']]}" if info["backup_gpt"] else ""
    yield "table", f"{info['partition_table'].replace('none', 'no partition table')}{backup}"
    if info["firmware"]:
        yield "starts on", " and ".join(FIRMWARE[each] for each in info["firmware"])
    if info["system"]:
        yield "system", f"{info['system']} on {info['root']}"
    for problem in info["problems"]:
        yield "problem", problem


def _exact(count: int | None) -> str:
    return size(count) if count is None or count < 1 << 10 else f"{size(count)} ({count} bytes)"


def _footer(footer: FooterInfo) -> str:
    right = "right" if footer["checksum_ok"] else "wrong"
    length = {True: ", length right", False: ", length wrong", None: ""}[footer["length_ok"]]
    made = f"made {footer['created']} by {footer['creator']}"
    return f"checksum {right}{length}, {made}, geometry {footer['geometry']}, id {footer['unique_id']}"


def _rows(info: DiskInfo) -> list[Sequence[str]]:
    """Partitions and the room between them by their start, then the volumes inside LVM."""
    found: list[tuple[int, Sequence[str]]] = []
    for part in info["partitions"]:
        type_name = part["type_name"] or part["type"]
        place = (str(part["number"]), size(part["start"]), size(part["size_bytes"]), type_name)
        found.append((part["start"], _row(place, part["content"], part["name"])))
    for gap in info["gaps"]:
        place = ("", size(gap["start"]), size(gap["size_bytes"]), "unallocated")
        found.append((gap["start"], (*place, "", "", "", "", "")))
    rows = [row for _, row in sorted(found, key=lambda each: each[0])]
    for volume in info["volumes"]:
        place = ("", "", size(volume["size_bytes"]), "LVM volume")
        rows.append(_row(place, volume["content"], volume["name"]))
    return rows


def _row(place: Sequence[str], content: ContentInfo, name: str) -> Sequence[str]:
    total, free = content["size_bytes"], content["free_bytes"]
    used = f"{size(total - free)} of {size(total)}" if total is not None and free is not None else ""
    holds = content["version"] or content["kind"]
    return [printable(cell) for cell in (*place, holds, content["label"], used, content["uuid"], name)]
