"""What the headers of a Windows or EFI program say: machine, sections, version; bounded reads only."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from validators.guest import Guest, Undecidable

MACHINES = {0x14C: ("i386", 32), 0x8664: ("x86_64", 64), 0xAA64: ("aarch64", 64), 0x1C4: ("arm", 32)}
HEAD_BYTES = 4096  # MS-DOS stub, headers and sections; real ones fit
SECTIONS_LIMIT = 96  # the most the loader takes
ENTRIES_LIMIT = 4096  # of one folder of resources
VERSION_LIMIT = 1 << 16  # bytes of a version resource
VERSION_TYPE = 16
CERTIFICATE = struct.Struct("<6xH")  # length, revision, type
PKCS7 = 2
FIXED_MARK = struct.pack("<I", 0xFEEF04BD)

Version = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Headers:
    machine: int
    resources: int  # address in memory of the root of the resources; 0 if there are none
    sections: tuple[tuple[int, int, int], ...]  # address, size, offset in the file
    names: tuple[tuple[str, int], ...]  # of the sections, with the size that is used of each
    certificates: tuple[int, int]  # offset and length in the file; zeros if there are none


def machine(guest: Guest, path: str) -> tuple[str, int] | None:
    """The architecture and 32 or 64 bit; None if there is no file. Raises Undecidable if it is no program."""
    headers = _headers(guest, path)
    if headers is None:
        return None
    return MACHINES.get(headers.machine, (f"PE machine {headers.machine:#x}", 0))


def sections(guest: Guest, path: str) -> dict[str, tuple[int, int]] | None:
    """Offset and length in the file of each section, by name; None if there is no file.

    Raises Undecidable if it is no program.
    """
    headers = _headers(guest, path)
    if headers is None:
        return None
    places = zip(headers.names, headers.sections, strict=True)
    return {name: (offset, min(used, size)) for (name, used), (_, size, offset) in places}


def signed(guest: Guest, path: str) -> bool | None:
    """Whether it carries a PKCS #7 signature, right or not; None if there is no file.

    Raises Undecidable if it is no program.
    """
    headers, facts = _headers(guest, path), guest.stat(path)
    if headers is None or facts is None:
        return None
    offset, length = headers.certificates
    if not offset or length <= CERTIFICATE.size or offset + length > facts.size:
        return False
    start = guest.piece(path, offset, CERTIFICATE.size) or b""
    return len(start) == CERTIFICATE.size and CERTIFICATE.unpack(start)[0] == PKCS7


def version(guest: Guest, path: str) -> Version | None:
    """The file version; None if there is no file. Raises Undecidable if it has none that can be read."""
    headers = _headers(guest, path)
    if headers is None:
        return None
    if not headers.resources:
        raise Undecidable(f"{path} has no version resource")
    place = 0
    for level in range(3):  # type, name, language
        place = _entry(guest, path, headers, place, VERSION_TYPE if level == 0 else None)
        if bool(place & 0x80000000) != (level < 2):
            raise Undecidable(f"{path} has no version resource, or a broken one")
        place &= 0x7FFFFFFF
    address, size = struct.unpack("<II", _at(guest, path, headers, headers.resources + place, 8))
    raw = _at(guest, path, headers, address, min(size, VERSION_LIMIT))
    at = raw.find(FIXED_MARK)
    if at < 0 or at + 16 > len(raw):
        raise Undecidable(f"{path} has a version resource without a version")
    high, low = struct.unpack_from("<II", raw, at + 8)
    return high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF


def _headers(guest: Guest, path: str) -> _Headers | None:
    head = guest.head(path, HEAD_BYTES)
    if head is None:
        return None
    try:
        (start,) = struct.unpack_from("<I", head, 60)
        if head[:2] != b"MZ" or head[start : start + 4] != b"PE\0\0":
            raise Undecidable(f"{path} is no Windows or EFI program")
        kind, count, optional = struct.unpack_from("<HH12xH", head, start + 4)
        body = start + 24
        wide = struct.unpack_from("<H", head, body)[0] == 0x20B
        folders = body + (112 if wide else 96)
        told = min(struct.unpack_from("<I", head, folders - 4)[0], (optional - folders + body) // 8)
        resources = struct.unpack_from("<I", head, folders + 16)[0] if told > 2 else 0
        certificates = struct.unpack_from("<II", head, folders + 32) if told > 4 else (0, 0)
        sections, names = [], []
        for number in range(min(count, SECTIONS_LIMIT)):
            at = body + optional + number * 40
            name, used, address, size, offset = struct.unpack_from("<8sIIII", head, at)
            sections.append((address, size, offset))
            names.append((name.rstrip(b"\0").decode("ascii", "replace"), used))
    except struct.error:
        raise Undecidable(f"{path}: the headers of the program end early") from None
    return _Headers(kind, resources, tuple(sections), tuple(names), (certificates[0], certificates[1]))


def _entry(guest: Guest, path: str, headers: _Headers, folder: int, wanted: int | None) -> int:
    """Where the entry with the id `wanted` of a folder of resources leads; the first one for None."""
    start = headers.resources + folder
    named, numbered = struct.unpack("<HH", _at(guest, path, headers, start + 12, 4))
    count = min(named + numbered, ENTRIES_LIMIT)
    entries = struct.iter_unpack("<II", _at(guest, path, headers, start + 16, count * 8))
    place = next((place for name, place in entries if wanted in (None, name)), None)
    if place is None:
        raise Undecidable(f"{path} has no version resource")
    return int(place)


def _at(guest: Guest, path: str, headers: _Headers, address: int, count: int) -> bytes:
    """`count` bytes that the program has at `address` in memory."""
    for start, size, offset in headers.sections:
        if start <= address and address + count <= start + size:
            found = guest.piece(path, offset + address - start, count) or b""
            if len(found) == count:
                return found
    raise Undecidable(f"{path}: the resources of the program are broken at {address:#x}")
