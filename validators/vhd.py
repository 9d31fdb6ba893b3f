"""What a disk file is, from its first and last bytes: VHD of some type, another format, or raw."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from generator.errors import Unusable
from validators.footer import (
    COOKIE,
    DIFFERENCING,
    DYNAMIC,
    FIXED,
    FOOTER_BYTES,
    MIB,
    SHORT_FOOTER_BYTES,
    Footer,
    NotAFooter,
    parse_footer,
)
from validators.formats import OtherKind, announced
from validators.remote import Place, RemoteDisk

Kind = Literal["vhd-fixed", "vhd-dynamic", "vhd-differencing", "vhd-other"] | OtherKind
VHD_KINDS: dict[int, Kind] = {FIXED: "vhd-fixed", DYNAMIC: "vhd-dynamic", DIFFERENCING: "vhd-differencing"}
HEAD_BYTES = 512
TAIL_BYTES = 4096  # a footer that something was written after is looked for this far back


@dataclass(frozen=True)
class Container:
    """The facts of a disk file that the DSK rules judge; nothing of its content.

    `size_bytes` is the size of the disk inside (None: not known without a converter), `file_bytes`
    the length of the file, `allocated_bytes` what it takes on this file system, or in the pages of a
    page blob; all of it where that is not known. `footer_bytes` is 512,
    511 for the short footer of old writers, 0 without one; `misplaced_footer`: one is near the end, cut off
    or followed by something; `head_copy`: one at the start. `problems` are sentences for people.
    `blob_type` is PageBlob or what else the store says of a remote disk, None for a file.
    """

    path: Place
    kind: Kind
    size_bytes: int | None
    file_bytes: int
    allocated_bytes: int
    footer: Footer | None = None
    footer_bytes: int = 0
    misplaced_footer: bool = False
    head_copy: bool = False
    problems: tuple[str, ...] = ()
    blob_type: str | None = None

    @property
    def file(self) -> Path:
        """The file, for what is done with files only. Raises Unusable for a remote disk."""
        if isinstance(self.path, RemoteDisk):
            hint = "a remote disk is only read: vmoffer validate, vmoffer disk info"
            raise Unusable("a file on this machine is needed", where=str(self.path), hint=hint)
        return self.path

    @property
    def is_vhd(self) -> bool:
        return self.kind.startswith("vhd-")

    @property
    def checksum_ok(self) -> bool | None:
        """Whether the footer's checksum holds (DSK-FMT-003); None without a footer."""
        return None if self.footer is None else self.footer.checksum_ok

    @property
    def length_ok(self) -> bool | None:
        """Whether a fixed VHD is as long as its disk and its footer (DSK-FMT-004); None for others."""
        if self.kind != "vhd-fixed" or self.footer is None:
            return None
        return self.file_bytes == self.footer.current_size + FOOTER_BYTES

    @property
    def whole_mib(self) -> bool | None:
        """Whether the disk is a whole number of MiB (DSK-ALIGN-001); None when its size is not known."""
        return None if self.size_bytes is None else self.size_bytes % MIB == 0


def inspect(path: Place) -> Container:
    """Say what the file at `path` is; reads its head and tail only, whatever its size.

    Raises Unusable when there is no regular file, and what reading a remote disk raises; hostile
    content never raises.
    """
    if isinstance(path, RemoteDisk):
        reader = path.reader
        head, tail = reader.read(0, HEAD_BYTES), reader.read(max(0, reader.size - TAIL_BYTES), TAIL_BYTES)
        stored = reader.blob.stored()
        found = _described(path, head, tail, reader.size, reader.size if stored is None else stored)
        return replace(found, blob_type=reader.blob.type)
    facts = _stat(path)
    size = facts.st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read(TAIL_BYTES)
    return _described(path, head, tail, size, facts.st_blocks * 512)


def _described(path: Place, head: bytes, tail: bytes, size: int, allocated: int) -> Container:
    footer, footer_bytes, problems = _tail_footer(tail)
    misplaced = bool(problems)
    head_footer = _footer(head)
    kind: Kind
    kind, virtual = announced(head, size)
    if footer is not None and kind != "vhdx":
        if kind != "raw":
            problems.append(f"the disk inside begins like {kind}; the file ends in a VHD footer")
        kind, virtual = VHD_KINDS.get(footer.disk_type, "vhd-other"), footer.current_size
    elif head_footer is not None and head_footer.disk_type in (DYNAMIC, DIFFERENCING):
        footer, virtual = head_footer, head_footer.current_size
        kind = VHD_KINDS[footer.disk_type]
        problems.append("the VHD footer is only at the start of the file: its end is missing")
    elif kind == "raw" and path.name.lower().endswith(".vhd"):
        problems.append("the last 512 bytes are no VHD footer: a raw disk, or a VHD whose end is missing")
    elif kind == "vhdx" and footer is not None:
        footer, footer_bytes = None, 0
        problems.append("a VHD footer was appended to a VHDX file; that does not convert it")
    container = Container(
        path=path,
        kind=kind,
        size_bytes=virtual,
        file_bytes=size,
        allocated_bytes=allocated,
        footer=footer,
        footer_bytes=footer_bytes,
        misplaced_footer=misplaced,
        head_copy=head_footer is not None,
    )
    return _with_problems(container, problems)


def _stat(path: Path) -> os.stat_result:
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Unusable("there is no such file", where=str(path)) from None
    except ValueError:  # a null byte in the name
        raise Unusable("this cannot be the name of a file", where=repr(str(path))) from None
    if not stat.S_ISREG(facts.st_mode):
        what = "a folder" if stat.S_ISDIR(facts.st_mode) else "not a regular file"
        raise Unusable(f"this is {what}; a disk file is needed", where=str(path))
    return facts


def _footer(data: bytes) -> Footer | None:
    try:
        return parse_footer(data)
    except NotAFooter:
        return None


def _tail_footer(tail: bytes) -> tuple[Footer | None, int, list[str]]:
    """The footer at the end, its length, and what is wrong where it should be."""
    for length in (FOOTER_BYTES, SHORT_FOOTER_BYTES):
        if len(tail) >= length and (footer := _footer(tail[-length:])) is not None:
            return footer, length, []
    at = tail.rfind(COOKIE)
    left = len(tail) - at
    if at >= 0 and left < FOOTER_BYTES:
        return None, 0, [f"a VHD footer starts {left} bytes before the end: the rest of it is missing"]
    displaced = _footer(tail[at : at + FOOTER_BYTES]) if at >= 0 else None
    if displaced is not None and displaced.checksum_ok:
        return None, 0, [f"{left - FOOTER_BYTES} bytes follow the VHD footer; nothing may"]
    return None, 0, []


def _with_problems(container: Container, problems: list[str]) -> Container:
    footer = container.footer
    if container.footer_bytes == SHORT_FOOTER_BYTES:
        problems.append("the VHD footer has 511 bytes, as old writers left it; 512 are needed")
    if footer is not None and not footer.checksum_ok:
        has, gives = f"{footer.checksum:#010x}", f"{footer.expected_checksum:#010x}"
        problems.append(f"the footer's checksum is {has}; its bytes give {gives}")
    if container.length_ok is False and footer is not None:
        problems.append(
            f"the file has {container.file_bytes} bytes; its footer asks for"
            f" {footer.current_size} + {FOOTER_BYTES}"
        )
    return replace(container, problems=tuple(problems))
