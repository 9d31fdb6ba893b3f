"""Names of block devices: what a name in fstab, in a unit or on the kernel command line leads to.

The forms are those of udev's rules (systemd's 60-persistent-storage.rules, the 13-dm and 66-azure rules of
lvm2, the agent, cloud-init and azure-vm-utils) and of libblkid's tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from posixpath import normpath

from validators.partitions import LOGICAL, Partition

TAGS = ("UUID", "LABEL", "PARTUUID", "PARTLABEL")
LINKS = {"by-uuid": "UUID", "by-label": "LABEL", "by-partuuid": "PARTUUID", "by-partlabel": "PARTLABEL"}
# By number: the first disk of its kind, a link that tells a disk by its hardware, and Azure's own links.
FIRST_DISK = re.compile(r"/dev/(?:sda|vda|xvda|hda|nvme0n1p|mmcblk0p)(\d+)")
HARDWARE = r"disk/(?:by-id|by-path|by-diskseq)/(?!dm-|lvm-|md-)"
HARDWARE_LINK = re.compile(rf"/dev/{HARDWARE}.*-part(\d+)")
AZURE_OS = re.compile(r"/dev/disk/(?:azure/(?:root|os)|cloud/azure_root)(?:-part(\d+))?")
AZURE_RESOURCE = re.compile(r"/dev/disk/(?:azure/(?:resource|local/.+)|cloud/azure_resource)(?:-part\d+)?")
AZURE_DATA = re.compile(r"/dev/disk/azure/(?:scsi\d+/|data/|BEK).*")
# What the kernel counts anew at every boot, and what names the hardware of the machine that built the image.
UNSTABLE = re.compile(
    r"/dev/(?:(?:sd|vd|hd|xvd|nvme|mmcblk)\w+|disk/(?:by-id|by-path|by-diskseq)/(?!dm-|lvm-|md-).*)"
)
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")
_OFFSET = re.compile(r"(.+)/PARTNROFF=(-?\d{1,3})")  # of the kernel's root=


class Where(StrEnum):
    """On which of a machine's disks a device is."""

    HERE = "this disk"
    RESOURCE = "the resource disk"
    DATA = "a data disk"
    MEMORY = "memory"
    UNKNOWN = "a device that this disk does not hold"


def where(places: Iterable[Partition], source: str) -> Where:
    """On which disk the device `source` is, where `places` are those of the OS disk."""
    path = plain(source)
    if AZURE_RESOURCE.fullmatch(path):
        return Where.RESOURCE
    if AZURE_DATA.fullmatch(path):
        return Where.DATA
    if re.fullmatch(r"/dev/zram\d+", path):
        return Where.MEMORY
    return Where.HERE if AZURE_OS.fullmatch(path) or find(places, source) else Where.UNKNOWN


def find(places: Iterable[Partition], source: str) -> Partition | None:
    """The one of `places` that `source` means; the first disk's names are matched by their number."""
    every = tuple(places)
    moved = _OFFSET.fullmatch(source)
    if moved:
        part = find(every, moved[1])
        wanted = None if part is None else part.number + int(moved[2])
        return next((each for each in every if each.number == wanted and each.type != LOGICAL), None)
    path = plain(source)
    tag = tag_of(path)
    if tag:
        return next((part for part in every if _has(part, *tag)), None)
    for form in (FIRST_DISK, HARDWARE_LINK, AZURE_OS):
        number = form.fullmatch(path)
        if number:
            return next((p for p in every if p.type != LOGICAL and str(p.number) == (number[1] or "0")), None)
    return next((part for part in every if part.type == LOGICAL and path in _mapped(part)), None)


def plain(source: str) -> str:
    """`source` without quotes, or as a path without `//`, `.` and `..`."""
    source = source.strip(" \t").removeprefix("block:")  # as dracut writes a tag
    key, equals, value = source.partition("=")
    if equals and key in TAGS:
        quoted = len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]
        return f"{key}={value[1:-1] if quoted else value}"
    return "/" + normpath(source).lstrip("/") if source.startswith("/") else source


def tag_of(path: str) -> tuple[str, str] | None:
    """The tag and its value that `UUID=…` or a link below /dev/disk stands for."""
    key, equals, value = path.partition("=")
    if equals and key in TAGS:
        return key, value
    parts = path.split("/")
    if len(parts) == 5 and path.startswith("/dev/disk/") and parts[3] in LINKS:
        return LINKS[parts[3]], _unescaped(parts[4])
    return None


def _has(part: Partition, key: str, value: str) -> bool:
    """Whether it is tagged so. Ids are the same in capitals, labels are not."""
    if not value or (part.type == LOGICAL and key.startswith("PART")):
        return False
    if key == "UUID":
        return part.content.uuid.casefold() == value.casefold()
    if key == "PARTUUID":
        return part.id.casefold() == value.casefold()
    return value == (part.content.label if key == "LABEL" else part.name)


def _mapped(part: Partition) -> tuple[str, ...]:
    """The paths of a logical volume: of LVM, of the device mapper, and its links by name and id."""
    group, _, name = part.name.partition("/")
    mapped = f"{group.replace('-', '--')}-{name.replace('-', '--')}"
    links = (f"/dev/{part.name}", f"/dev/mapper/{mapped}", f"/dev/disk/by-id/dm-name-{mapped}")
    return (*links, f"/dev/disk/by-id/dm-uuid-LVM-{part.id}") if part.id else links


def _unescaped(name: str) -> str:
    """udev writes what may not stand in a file name as `\\x20`, byte by byte."""
    raw = name.encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(lambda code: bytes([int(code[1], 16)]), raw).decode("utf-8", "replace")
