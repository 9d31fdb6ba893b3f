"""The Azure Linux Agent: where it is, which version, and how it is configured."""

from __future__ import annotations

import re

from validators.guest import Guest, Undecidable, exists, lines, text
from validators.linux import packages

PROGRAMS = ("/usr/sbin/waagent", "/usr/bin/waagent", "/usr/share/oem/bin/waagent", "/usr/local/sbin/waagent")
PACKAGES = ("walinuxagent", "waagent", "WALinuxAgent", "python-azure-agent", "python3-azure-agent")
UNITS = ("waagent.service", "walinuxagent.service")
CONFIGURATIONS = ("/etc/waagent.conf", "/usr/share/oem/waagent.conf", "/usr/local/etc/waagent.conf")
VERSION_FILES = (
    "/usr/lib/python*/*-packages/azurelinuxagent/common/version.py",
    "/usr/local/lib/python*/*-packages/azurelinuxagent/common/version.py",
    "/usr/share/oem/python/lib*/python*/*-packages/azurelinuxagent/common/version.py",
)
_VERSION = re.compile(r"^AGENT_VERSION\s*=\s*['\"]([0-9.]+)", re.MULTILINE)


def program(guest: Guest) -> str | None:
    """The agent's path, or None."""
    return next((path for path in PROGRAMS if exists(guest, path)), None)


def version(guest: Guest) -> tuple[str, str] | None:
    """The version, and the file or package that says so; the agent's own file first."""
    for pattern in VERSION_FILES:
        for path in guest.glob(pattern):
            found = _VERSION.search(text(guest, path) or "")
            if found:
                return found[1], path
    try:
        package = packages.installed(guest, *PACKAGES)
    except Undecidable:
        return None
    return (package.version, f"package {package.name}") if package else None


def settings(guest: Guest) -> tuple[str, dict[str, str]] | None:
    """The configuration file and its keys, as the agent reads them; None if there is no file."""
    for path in CONFIGURATIONS:
        if exists(guest, path):
            found = {}
            for line in lines(guest, path):
                key, _, value = line.partition("=")
                found[key.strip()] = value.partition("#")[0].strip().strip('"')
            return path, found
    return None
