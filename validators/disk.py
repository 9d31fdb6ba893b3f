"""One disk file opened for judgment: its container, its partitions, and the system on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Literal

from generator.errors import Unusable
from generator.generation import Generation
from validators import devices, lvm, vhd
from validators.blocks import Blocks, Joined
from validators.filesystems import UNREAD, Content, probe
from validators.guest import Guest, Kind, Undecidable, exists, text
from validators.linux import fstab
from validators.offline import open_blocks, open_volume
from validators.partition_types import BIOS_BOOT
from validators.partitions import LOGICAL, Partition, Table, read_table
from validators.remote import Place
from validators.tree import Tree, Unreadable, Volume
from validators.windows.system import CONFIG, System

ROOT_KINDS = ("ext", "xfs")
WINDOWS = f"{CONFIG}/SYSTEM"  # only an installed Windows has it; rescue systems do not
OPAQUE = (*UNREAD, "luks", "lvm", "bitlocker", "unreadable")  # may hold a system; not read offline
FIRST_LOGICAL = 1000  # numbers of volumes inside LVM, above those of partitions
Role = Literal["os", "data"]
Firmware = Literal["bios", "uefi"]


@dataclass(frozen=True)
class Disk:
    """`guest` is None where no system can be read, and `reason` says why."""

    path: Place
    container: vhd.Container
    table: Table
    blocks: Blocks | None
    volumes: Mapping[int, Volume] = field(default_factory=dict)  # by partition number
    logical: tuple[Partition, ...] = ()  # the volumes inside LVM
    roots: tuple[Partition, ...] = ()
    os: Literal["linux", "windows"] | None = None
    guest: Guest | None = None
    reason: str = ""
    role: Role = "data"
    lun: int | None = None
    generation: Generation | None = None

    @property
    def places(self) -> tuple[Partition, ...]:
        """Everything that may hold a file system: partitions, and volumes inside LVM."""
        return (*self.table.partitions, *self.logical)

    @property
    def firmware(self) -> tuple[Firmware, ...]:
        """What can start the disk, by its table; whether a loader is there is for the rules."""
        table = self.table
        bios_boot = any(part.type == BIOS_BOOT for part in table.partitions)
        esp = any(part.is_esp and part.content.kind == "fat" for part in table.partitions)
        found: list[Firmware] = []
        if table.boot_code and (table.scheme == "mbr" or bios_boot):
            found.append("bios")
        if table.scheme == "gpt" and esp:
            found.append("uefi")
        return tuple(found)

    @property
    def looks_bootable(self) -> bool:
        """Whether the disk was meant to hold a system, readable or not."""
        parts = self.table.partitions
        return bool(self.os or self.roots or self.table.problems) or any(
            part.is_esp or part.type == BIOS_BOOT or part.content.kind in OPAQUE for part in parts
        )


def unopened(path: Place) -> Disk:
    """What the file at `path` is by its head and tail. Raises Unusable when there is no disk file."""
    container = vhd.inspect(path)
    if container.kind == "empty":
        raise Unusable("the file is empty; a disk is needed", where=str(path))
    return Disk(path, container, Table("none"), None)


def open_disk(path: Place) -> Disk:
    """Open the file at `path`. Raises Unusable when there is no disk file; broken content never raises."""
    container = unopened(path).container
    try:
        blocks = open_blocks(container)
        table = read_table(blocks)
    except Undecidable as reason:
        return Disk(path, container, Table("none"), None, reason=str(reason))
    disk = Disk(path, container, table, blocks)
    volumes: dict[int, Volume] = {}
    logical: list[Partition] = []
    for part in table.partitions:
        try:
            volumes[part.number] = open_volume(container, part, blocks)
        except Undecidable as reason:
            volumes[part.number] = Unreadable(str(reason))
        if part.content.kind == "lvm":
            logical += _logical(container, blocks, part, volumes)
    return _with_system(replace(disk, volumes=volumes, logical=tuple(logical)))


def _logical(
    container: vhd.Container, blocks: Blocks, part: Partition, volumes: dict[int, Volume]
) -> Iterator[Partition]:
    """The volumes inside LVM on `part`, each put into `volumes`; one that stands for all if it is broken."""
    try:
        found = lvm.volumes(blocks, part.start, part.size)
    except Undecidable as reason:
        found = [lvm.Logical(f"on {part.title}", reason=str(reason))]
    for each in found:
        number = FIRST_LOGICAL + len(volumes)
        inner = Joined(blocks, each.pieces)
        content = Content("unreadable") if each.reason else probe(inner, 0, inner.size)
        place = Partition(number, 0, inner.size, LOGICAL, each.name, content, each.id)
        try:
            if each.reason:
                raise Undecidable(f"{place.title} is not read: {each.reason}")
            volumes[number] = open_volume(container, place, blocks, inner)
        except Undecidable as reason:
            volumes[number] = Unreadable(str(reason))
        yield place


def _with_system(disk: Disk) -> Disk:
    """Find the root file system by what it holds; never by its place on the disk."""
    parts = disk.places
    roots = tuple(part for part in parts if part.content.kind in ROOT_KINDS and _is_root(disk, part))
    windows = tuple(part for part in parts if part.content.kind == "ntfs" and _has(disk, part, WINDOWS))
    if len(roots) + len(windows) > 1:
        named = [f"{part.title} ({'Windows' if part in windows else 'Linux'})" for part in (*roots, *windows)]
        reason = f"two or more root file systems: {', '.join(named)}"
        return replace(disk, os="linux" if roots else "windows", roots=(*roots, *windows), reason=reason)
    if roots:
        return replace(disk, os="linux", roots=roots, guest=Tree(_mounts(disk, roots[0])))
    if windows:
        others = {part.title: disk.volumes[part.number] for part in parts if part not in windows}
        guest = System(disk.volumes[windows[0].number], others)
        return replace(disk, os="windows", roots=windows, guest=guest)
    kinds = [kind for kind in OPAQUE if kind != "lvm" or not disk.logical]
    closed = {part.number: part for part in parts if isinstance(disk.volumes.get(part.number), Unreadable)}
    opaque = [number for number, part in closed.items() if part.content.kind in kinds]
    volumes = [disk.volumes[number] for number in opaque or closed]
    reasons = [volume.reason for volume in volumes[:3] if isinstance(volume, Unreadable)]
    why = "; ".join([*disk.table.problems, *reasons])
    return replace(disk, reason="no root file system was found" + (f" ({why})" if why else ""))


def _is_root(disk: Disk, part: Partition) -> bool:
    named = any(_has(disk, part, path) for path in ("/etc/os-release", "/usr/lib/os-release", "/etc/fstab"))
    return named and _has(disk, part, "/usr", Kind.DIRECTORY)


def _has(disk: Disk, part: Partition, path: str, kind: Kind | None = None) -> bool:
    tree = Tree({"/": disk.volumes[part.number]})
    try:
        # A link is proof enough: its target may lie on another partition.
        facts = tree.stat(path, follow=False)
    except Undecidable:
        return False
    return facts is not None and (kind is None or facts.kind is kind)


def _mounts(disk: Disk, root: Partition) -> dict[str, Volume]:
    """The mounts that fstab asks for. What is not on this disk stands there as Unreadable."""
    mounts: dict[str, Volume] = {"/": disk.volumes[root.number]}
    try:
        entries = fstab.parse(text(Tree(mounts), "/etc/fstab") or "")
    except Undecidable:
        return mounts
    for entry in entries:
        point = "/" + "/".join(part for part in PurePosixPath(entry.point).parts[1:] if part != "..")
        if point == "/" or not entry.is_local:
            continue
        part = devices.find(disk.places, entry.source)
        if part is not None:
            mounts[point] = disk.volumes[part.number]
        elif _may_exist(Tree(mounts), point):
            mounts[point] = Unreadable(f"{point} is mounted from {entry.source}, which is not on this disk")
    return mounts


def _may_exist(tree: Tree, point: str) -> bool:
    """A mount point on a file system that cannot be read hides what is mounted on it, too."""
    try:
        return exists(tree, point)
    except Undecidable:
        return True
