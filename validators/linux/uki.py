"""Unified kernel images: an EFI program that holds kernel, initramfs and command line as sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from validators import pe
from validators.guest import Guest

FOLDERS = ("/boot/efi/EFI/Linux", "/efi/EFI/Linux", "/boot/EFI/Linux")
TEXT_LIMIT = 1 << 16  # bytes of a section of text


@dataclass(frozen=True, slots=True)
class Image:
    """`line` is the built-in kernel command line, `version` the kernel's; both empty if it holds none."""

    path: str
    line: str
    version: str


def images(guest: Guest) -> Iterator[Image]:
    """Every unified kernel image. Raises Undecidable for a file among them that is no EFI program."""
    for folder in FOLDERS:
        for path in guest.glob(f"{folder}/*.efi"):
            found = pe.sections(guest, path) or {}
            yield Image(
                path, _text(guest, path, found.get(".cmdline")), _text(guest, path, found.get(".uname"))
            )


def initramfs(guest: Guest, path: str) -> tuple[int, int]:
    """Offset and length in the file of the image's initramfs; of length 0 if it holds none."""
    return (pe.sections(guest, path) or {}).get(".initrd", (0, 0))


def _text(guest: Guest, path: str, place: tuple[int, int] | None) -> str:
    if place is None:
        return ""
    data = guest.piece(path, place[0], min(place[1], TEXT_LIMIT)) or b""
    return data.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
