"""The offline guest: file systems inside a disk file, read with dfvfs; no root, no mount, no boot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from validators import features, xfslog
from validators.blocks import Blocks, Converted, PlainFile
from validators.filesystems import HEAD_BYTES
from validators.guest import Kind, Stat, Undecidable
from validators.inodes import Inodes
from validators.partitions import Partition
from validators.remote import RemoteBlocks, RemoteDisk
from validators.vhd import Container

# Formats that need a reader; all others are the disk itself, byte for byte, perhaps with a footer.
READERS = {
    "vhd-dynamic": "VHDI",
    "vhd-differencing": "VHDI",
    "vhdx": "VHDI",
    "qcow2": "QCOW",
    "vmdk": "VMDK",
}
FILE_SYSTEMS = {"ext": "EXT", "xfs": "XFS", "fat": "FAT", "ntfs": "NTFS"}
PIECE = 1 << 20  # bytes per read
KEPT_NAMES = 5000  # of one folder; rules look into the same folders again and again
MODE_FORMATS = {0o040000: Kind.DIRECTORY, 0o100000: Kind.FILE, 0o120000: Kind.LINK}

_T = TypeVar("_T")


def open_blocks(container: Container) -> Blocks:
    """The disk inside `container`. Raises Undecidable if its format cannot be read."""
    if container.kind not in READERS:
        virtual = container.file_bytes if container.size_bytes is None else container.size_bytes
        size = min(virtual, container.file_bytes)
        if isinstance(container.path, RemoteDisk):
            return RemoteBlocks(container.path, size)
        return PlainFile(container.path, size)
    from dfvfs.resolver import resolver

    def opened() -> Any:
        return resolver.Resolver.OpenFileObject(_disk_spec(container))

    return Converted(_guarded(f"the {container.kind} file", opened))


def load_readers() -> None:
    """Import the readers of file systems, for all processes that are forked from this one."""
    import dfvfs.resolver_helpers  # noqa: F401 - which imports every reader there is


def open_volume(
    container: Container, partition: Partition, blocks: Blocks, inner: Blocks | None = None
) -> OfflineVolume:
    """The file system in `partition` of `blocks`, or in `inner` where that is not one piece of the disk.

    Raises Undecidable, naming what lies there, if it cannot be read.
    """
    kind = partition.content.kind
    if kind not in FILE_SYSTEMS:
        raise Undecidable(f"{partition.title} holds {kind}, which is not read offline")
    from dfvfs.path import factory
    from dfvfs.resolver import resolver

    title = f"{partition.title} ({kind})"
    whole, start = (inner, 0) if inner else (blocks, partition.start)
    try:
        head = whole.read(start, HEAD_BYTES)
        patches, inline = features.unread(kind, head)
        if kind == "xfs" and not xfslog.is_clean(whole, start, head):
            raise Undecidable("it was not unmounted, and its log holds changes")
    except Undecidable as reason:
        raise Undecidable(f"{title} is not read: {reason}") from None
    if patches:
        inner = features.Patched(whole, start, partition.size, patches)
    place = _blocks_spec(inner) if inner else _disk_spec(container)
    if inner is None and partition.start:  # dfvfs has no range that starts at 0; the whole disk needs none
        place = factory.Factory.NewPathSpec(
            "DATA_RANGE", range_offset=partition.start, range_size=partition.size, parent=place
        )
    spec = factory.Factory.NewPathSpec(FILE_SYSTEMS[kind], location="/", parent=place)

    def opened() -> Any:
        return resolver.Resolver.OpenFileSystem(spec)

    return OfflineVolume(_guarded(title, opened), spec, kind, title, Inodes(whole, start) if inline else None)


class OfflineVolume:
    """One file system, as `tree.Volume` wants it."""

    def __init__(
        self, file_system: Any, root: Any, kind: str, title: str, inodes: Inodes | None = None
    ) -> None:
        self._file_system = file_system
        self._root = root
        self._separator = "\\" if kind in ("fat", "ntfs") else "/"
        self._any_case = kind == "fat"  # the reader of NTFS looks names up as Windows does
        self._windows_links = kind == "ntfs"
        self._title = title
        self._inodes = inodes  # None where no file lies in its inode
        self._names: dict[str, dict[str, str]] = {}  # folder → casefolded name → name
        self._entries: dict[str, Any] = {}
        self._listed: dict[str, list[str]] = {}

    def lstat(self, path: str) -> Stat | None:
        entry = self._entry(path)
        if entry is None:
            return None
        return _guarded(f"{self._title}: {path}", lambda: _stat(entry))

    def readlink(self, path: str) -> str:
        entry = self._entry(path)
        target = None if entry is None else _guarded(f"{self._title}: {path}", lambda: entry.link)
        if not target:
            raise Undecidable(f"{self._title}: the symbolic link {path} cannot be read")
        inline = self._inline(entry, path)
        if inline is not None:
            return inline.decode("utf-8", "replace")
        return self._inside(path, str(target)) if self._windows_links else str(target)

    def _inside(self, path: str, target: str) -> str:
        """Where a link of Windows leads, as a path; C: is the volume itself, and nothing else is on it."""
        inner = target.replace("\\", "/").removeprefix("/??")
        drive, colon, rest = inner.lstrip("/").partition(":")
        if not colon:
            if inner.startswith("/") and inner.casefold().startswith(("//", "/volume{")):
                raise Undecidable(f"{self._title}: {path} leads to {target}, which is not on this volume")
            return inner
        if drive.casefold() != "c":
            raise Undecidable(f"{self._title}: {path} leads to {target}, which is not on this volume")
        return rest if rest.startswith("/") else f"/{rest}"

    def listdir(self, path: str) -> list[str]:
        if path in self._listed:
            return list(self._listed[path])
        entry = self._entry(path)
        if entry is None:
            return []
        found = _guarded(f"{self._title}: {path}", lambda: [sub.name for sub in entry.sub_file_entries])
        if len(found) <= KEPT_NAMES:
            self._listed[path] = found
        return list(found)

    def read(self, path: str, count: int, offset: int = 0) -> bytes:
        entry = self._entry(path)
        if entry is None:
            return b""
        inline = self._inline(entry, path)
        if inline is not None:
            return inline[offset : offset + count]
        return _guarded(f"{self._title}: {path}", lambda: _content(entry, count, offset))

    def _inline(self, entry: Any, path: str) -> bytes | None:
        """What lies in the inode itself, where files may."""
        inodes = self._inodes
        if inodes is None:
            return None
        return _guarded(
            f"{self._title}: {path}", lambda: inodes.inline(entry.GetStatAttribute().inode_number)
        )

    def _entry(self, path: str) -> Any:
        """The dfvfs entry, or None; paths never hold links here, `tree.Tree` has resolved them."""
        if path not in self._entries:
            self._entries[path] = _guarded(f"{self._title}: {path}", lambda: self._find(path))
        return self._entries[path]

    def _find(self, path: str) -> Any:
        if path == "/":
            return self._file_system.GetRootFileEntry()
        location = self._spelled(path) if self._any_case else path
        if location is None:
            return None
        from dfvfs.path import factory

        spec = factory.Factory.NewPathSpec(
            self._root.type_indicator,
            location=location.replace("/", self._separator),
            parent=self._root.parent,
        )
        return self._file_system.GetFileEntryByPathSpec(spec)

    def _spelled(self, path: str) -> str | None:
        """The path in the spelling of the disk, for file systems that do not care about case."""
        folder, _, name = path.rpartition("/")
        above = self._spelled(folder) if folder else ""
        if above is None:
            return None
        if above not in self._names:
            self._names[above] = {entry.casefold(): entry for entry in self.listdir(above or "/")}
        found = self._names[above].get(name.casefold())
        return None if found is None else f"{above}/{found}"


def _disk_spec(container: Container) -> Any:
    from dfvfs.path import factory

    if isinstance(container.path, RemoteDisk):
        plain = _blocks_spec(container.path.whole)
    else:
        plain = factory.Factory.NewPathSpec("OS", location=str(container.path.resolve()))
    if container.kind not in READERS:
        return plain
    return factory.Factory.NewPathSpec(READERS[container.kind], parent=plain)


def _blocks_spec(blocks: Blocks) -> Any:
    from validators.blockfile import BlocksSpec

    return BlocksSpec(blocks)


def _guarded(what: str, ask: Callable[[], _T]) -> _T:
    """Native readers raise whatever they like on broken input; here all of it becomes Undecidable."""
    try:
        return ask()
    except Undecidable:
        raise
    except Exception as error:
        reason = str(error).replace("\n", " ")[:200]
        raise Undecidable(f"{what} cannot be read: {reason or type(error).__name__}") from None


def _stat(entry: Any) -> Stat:
    facts = entry.GetStatAttribute()
    mode = facts.mode
    if mode is None:  # FAT and NTFS know files and folders only
        kinds = {"file": Kind.FILE, "directory": Kind.DIRECTORY, "link": Kind.LINK}
        return Stat(kinds.get(entry.entry_type, Kind.OTHER), entry.size or 0)
    kind = MODE_FORMATS.get(mode & 0o170000, Kind.OTHER)
    size = entry.size or 0
    return Stat(kind, size, mode & 0o7777, facts.owner_identifier or 0, facts.group_identifier or 0)


def _content(entry: Any, count: int, offset: int) -> bytes:
    file = entry.GetFileObject()
    if offset:
        file.seek(offset)
    pieces, left = [], count
    with suppress(EOFError):
        while left > 0 and (piece := file.read(min(PIECE, left))):
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)
