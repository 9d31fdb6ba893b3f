"""Disk image formats other than VHD, told by the first bytes of a file of `size` bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Literal

from validators.footer import LAST_SIZE, SECTOR

OtherKind = Literal["vhdx", "qcow2", "vmdk", "raw", "empty"]


def announced(head: bytes, size: int) -> tuple[OtherKind, int | None]:
    """The format that the head announces, and the size of the disk inside where the head tells it."""
    if size == 0:
        return "empty", 0
    for magic, kind, virtual in _MAGICS:
        if head.startswith(magic):
            return kind, virtual(head)
    return "raw", size


def _qcow2_size(head: bytes) -> int | None:
    return _field(head, ">Q", 24, unit=1)


def _vmdk_size(head: bytes) -> int | None:
    return _field(head, "<Q", 12, unit=SECTOR)


def _unknown(head: bytes) -> None:
    return None


_MAGICS: tuple[tuple[bytes, OtherKind, Callable[[bytes], int | None]], ...] = (
    (b"vhdxfile", "vhdx", _unknown),
    (b"QFI\xfb", "qcow2", _qcow2_size),
    (b"KDMV", "vmdk", _vmdk_size),
    (b"COWD", "vmdk", _unknown),
    (b"# Disk DescriptorFile", "vmdk", _unknown),
)


def _field(head: bytes, layout: str, offset: int, unit: int) -> int | None:
    try:
        (value,) = struct.unpack_from(layout, head, offset)
    except struct.error:
        return None
    size = int(value) * unit
    return size if size <= LAST_SIZE else None
