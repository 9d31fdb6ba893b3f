"""Which Windows this is, from the hive SOFTWARE."""

from __future__ import annotations

from dataclasses import dataclass

from validators.guest import Guest, Undecidable
from validators.windows import settings

KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
# The builds of Windows Server, newest first.
SERVERS = {
    26100: "2025",
    20348: "2022",
    17763: "2019",
    14393: "2016",
    9600: "2012 R2",
    9200: "2012",
    7601: "2008 R2",
}


@dataclass(frozen=True, slots=True)
class Release:
    """`server` is the year in the name, empty where the build is not one of Windows Server's."""

    name: str
    build: int
    installation: str

    @property
    def server(self) -> str:
        return SERVERS.get(self.build, "")


def read(guest: Guest) -> Release:
    """Raises Undecidable where the hive does not name a build."""
    build = settings.text(guest, KEY, "CurrentBuildNumber") or settings.text(guest, KEY, "CurrentBuild") or ""
    if not build.isdecimal() or len(build) > 8:
        raise Undecidable(f"{KEY} does not say which build of Windows this is")
    name = settings.text(guest, KEY, "ProductName") or f"Windows build {build}"
    return Release(name, int(build), settings.text(guest, KEY, "InstallationType") or "")
