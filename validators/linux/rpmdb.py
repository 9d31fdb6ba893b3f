"""What rpm has installed, from whichever of its databases the image has."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import cast

from validators.guest import Guest, Undecidable, exists
from validators.linux.package import Package

FOLDERS = ("/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm")
# The newest format first: an upgrade that converted the database may have left the old one behind.
FILES = ("rpmdb.sqlite", "Packages.db", "Packages")


def used(guest: Guest) -> bool:
    """Whether rpm keeps records here."""
    return any(exists(guest, folder) for folder in FOLDERS)


def packages(guest: Guest) -> tuple[Package, ...]:
    """Every installed package. Raises Undecidable where there is no database, or one that is broken."""
    return _packages(cast(Hashable, guest))


@lru_cache(maxsize=4)  # several rules ask for packages of the same guest
def _packages(guest: Hashable) -> tuple[Package, ...]:
    return tuple(_read(cast(Guest, guest)))


def _read(guest: Guest) -> Iterator[Package]:
    # Only systems of rpm pay for the import of SQLite.
    from validators.linux import rpm_berkeley, rpm_ndb, rpm_sqlite

    readers = (rpm_sqlite.packages, rpm_ndb.packages, rpm_berkeley.packages)
    for name, read in zip(FILES, readers, strict=True):
        for folder in FOLDERS:
            if exists(guest, f"{folder}/{name}"):
                return read(guest, f"{folder}/{name}")
    raise Undecidable(f"rpm's folder is there, but none of {', '.join(FILES)} in it")
