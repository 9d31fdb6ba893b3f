"""/etc/os-release: which distribution this is, and whose habits it has."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from validators.guest import Guest, text
from validators.linux.versions import numbers

# ID or ID_LIKE → the family whose paths and commands apply.
FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "rhel": "rhel",
    "centos": "rhel",
    "fedora": "rhel",
    "ol": "rhel",
    "rocky": "rhel",
    "almalinux": "rhel",
    "suse": "suse",
    "sles": "suse",
    "opensuse": "suse",
    "azurelinux": "azurelinux",
    "mariner": "azurelinux",
}


@dataclass(frozen=True, slots=True)
class Release:
    """`family` is `any` where the distribution is not known."""

    id: str = ""
    version: str = ""
    name: str = ""
    like: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        for name in (self.id, self.id.partition("-")[0], *self.like):
            if name in FAMILIES:
                return FAMILIES[name]
        return "any"

    @property
    def major(self) -> int:
        """The first number of the version; 0 if it has none."""
        first = self.version.partition(".")[0]
        return int(first) if first.isdecimal() and len(first) < 9 else 0


def read(guest: Guest) -> Release:
    """The guest's own description of itself; empty fields where it has none."""
    content = text(guest, "/etc/os-release") or text(guest, "/usr/lib/os-release") or ""
    fields = assignments(content)
    return Release(
        fields.get("ID", "").casefold(),
        fields.get("VERSION_ID", ""),
        fields.get("PRETTY_NAME", fields.get("NAME", "")),
        tuple(fields.get("ID_LIKE", "").casefold().split()),
    )


def listed(release: Release, rows: Sequence[str]) -> bool | None:
    """Whether a release is on a list of them; None if it is newer than all the list has of its distribution.

    A row is `rhel 8.6+`: distribution and version, which counts for what it begins, with `+` also for all
    that is newer within the same major version.
    """
    have = numbers(release.version)
    known = [row.split()[1] for row in rows if row.split()[0] == release.id]
    for version in known:
        least = numbers(version)
        if have[: len(least)] == least or (version.endswith("+") and have[:1] == least[:1] and have >= least):
            return True
    return None if known and have > max(numbers(version) for version in known) else False


def assignments(content: str) -> dict[str, str]:
    """`NAME=value` lines as a shell would read them, without running anything; the last one wins."""
    found = {}
    for line in content.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#") or not name.strip():
            continue
        try:
            words = shlex.split(value, comments=True)
        except ValueError:
            words = [value.strip("\"'")]
        found[name.removeprefix("export ").strip()] = " ".join(words)
    return found
