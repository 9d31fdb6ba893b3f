"""Which packages are installed, from the package manager's own records."""

from __future__ import annotations

import re
from dataclasses import dataclass

from validators.guest import Guest, Undecidable, exists

DPKG = "/var/lib/dpkg/status"
APK = "/lib/apk/db/installed"
RPM = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
LIMIT = 32 << 20  # bytes; a desktop's dpkg status has 5 MB


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str


def installed(guest: Guest, *names: str) -> Package | None:
    """The first of `names` that is installed, or None. Raises Undecidable for records it cannot read."""
    status = guest.read(DPKG, LIMIT)
    if status is not None:
        return next((p for p in (_dpkg(status, name) for name in names) if p), None)
    records = guest.read(APK, LIMIT)
    if records is not None:
        return next((p for p in (_apk(records, name) for name in names) if p), None)
    if any(exists(guest, folder) for folder in RPM):
        raise Undecidable("the packages are recorded by rpm, whose database this version does not read")
    raise Undecidable("no records of a package manager were found")


def _dpkg(status: bytes, name: str) -> Package | None:
    """Every stanza of `name` (there may be one per architecture) until one is installed."""
    for start in re.finditer(rb"(?:\A|\n)Package: " + re.escape(name.encode()) + rb"\n", status):
        end = status.find(b"\n\n", start.end())
        stanza = status[start.end() : end if end >= 0 else len(status)].decode("utf-8", "replace")
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status", "").split()[-1:] == ["installed"]:
            return Package(name, fields.get("Version", ""))
    return None


def _apk(records: bytes, name: str) -> Package | None:
    found = re.search(rb"(?:\A|\n)P:" + re.escape(name.encode()) + rb"\nV:([^\n]+)", records)
    return Package(name, found[1].decode("utf-8", "replace")) if found else None
