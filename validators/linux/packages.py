"""Which packages are installed, from the package manager's own records."""

from __future__ import annotations

import re

from validators.guest import Guest, Undecidable
from validators.linux import ordering, rpmdb
from validators.linux.package import Package

DPKG = "/var/lib/dpkg/status"
APK = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
LIMIT = 32 << 20  # bytes; a desktop's dpkg status has 5 MB


def installed(guest: Guest, *names: str) -> Package | None:
    """The first of `names` that is installed, or None. Raises Undecidable for records it cannot read.

    Of a package that is installed several times, as rpm does with kernels, the newest.
    """
    status = guest.read(DPKG, LIMIT)
    if status:
        return next((p for p in (_dpkg(status, name) for name in names) if p), None)
    for path in APK:
        records = guest.read(path, LIMIT)
        if records:
            return next((p for p in (_apk(records, name) for name in names) if p), None)
    if rpmdb.used(guest):
        return next((p for p in (_rpm(guest, name) for name in names) if p), None)
    raise Undecidable("no records of a package manager were found")


def _dpkg(status: bytes, name: str) -> Package | None:
    """Every stanza of `name` (there may be one per architecture) until one is installed."""
    for start in re.finditer(rb"(?:\A|\n)Package: " + re.escape(name.encode()) + rb"\n", status):
        end = status.find(b"\n\n", start.end())
        stanza = status[start.end() : end if end >= 0 else len(status)].decode("utf-8", "replace")
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status", "").split()[-1:] == ["installed"]:
            return Package(name, fields.get("Version", ""), "dpkg")
    return None


def _apk(records: bytes, name: str) -> Package | None:
    """The record with the line `P:name`: one letter for each field, a blank line between records."""
    start = re.search(rb"(?:\A|\n)P:" + re.escape(name.encode()) + rb"\n", records)
    if start is None:
        return None
    begin = records.rfind(b"\n\n", 0, start.start() + 1)
    end = records.find(b"\n\n", start.end() - 1)
    record = records[max(begin, 0) : end if end >= 0 else len(records)]
    version = re.search(rb"(?:\A|\n)V:([^\n]+)", record)
    return Package(name, version[1].decode("utf-8", "replace") if version else "", "apk")


def _rpm(guest: Guest, name: str) -> Package | None:
    found = [package for package in rpmdb.packages(guest) if package.name == name]
    return max(found, key=lambda package: ordering.rpm(package.version), default=None)
