"""The Azure Linux Agent: where it is, which version, and how it is configured."""

from __future__ import annotations

import re

from validators.guest import Guest, Undecidable, exists, lines, text
from validators.linux import packages, systemd
from validators.linux.versions import numbers

PROGRAMS = ("/usr/sbin/waagent", "/usr/bin/waagent", "/usr/share/oem/bin/waagent", "/usr/local/sbin/waagent")
PACKAGES = ("walinuxagent", "waagent", "WALinuxAgent", "python-azure-agent", "python3-azure-agent")
UNITS = ("waagent.service", "walinuxagent.service")
CONFIGURATIONS = ("/etc/waagent.conf", "/usr/share/oem/waagent.conf", "/usr/local/etc/waagent.conf")
LIBRARIES = (
    "/usr/lib/python*/*-packages",
    "/usr/lib64/python*/*-packages",
    "/usr/local/lib/python*/*-packages",
    "/usr/share/oem/python/lib*/python*/*-packages",
)
# Below a folder of libraries: the agent itself, perhaps in an egg.
VERSION_FILES = ("azurelinuxagent/common/version.py", "WALinuxAgent-*.egg/azurelinuxagent/common/version.py")
# What pip or setup.py recorded; the version is in the name.
RECORDS = ("WALinuxAgent-*.dist-info", "WALinuxAgent-*.egg-info", "WALinuxAgent-*.egg")
_RECORD = re.compile(r"/WALinuxAgent-([0-9][0-9.]*[0-9])")
# What the agent downloaded. The newest runs, if it may update itself; generalizing removes them.
DOWNLOADS = "/var/lib/waagent/WALinuxAgent-*"
_VERSION = re.compile(r"^AGENT_VERSION\s*=\s*['\"]([0-9.]+)", re.MULTILINE)


NAME = "waagent"
CONFIGURATION_OPTION = re.compile(r"[-/]*configuration-path:(/\S+)", re.IGNORECASE)


def program(guest: Guest) -> str | None:
    """The agent's path: a usual one, or what a unit that starts at boot runs; else None."""
    usual = next((path for path in PROGRAMS if exists(guest, path)), None)
    if usual:
        return usual
    for _, words in _commands(guest):
        for word in words:
            if word.rpartition("/")[2] == NAME and exists(guest, word):
                return word
    return None


def started_by(guest: Guest) -> str | None:
    """What makes the agent start at boot: one of its usual units, or any that runs it; else None."""
    return systemd.started_by(guest, *UNITS) or next((unit for unit, _ in systemd.running(guest, NAME)), None)


def _commands(guest: Guest) -> list[tuple[str, list[str]]]:
    """Units that run the agent, and how."""
    usual = [(unit, words) for unit in UNITS for words in systemd.commands(guest, unit)]
    return usual or list(systemd.running(guest, NAME))


def version(guest: Guest) -> tuple[str, str] | None:
    """The version, and the file or package that says so.

    The agent's own file first, as LISA and the certification tool ask the agent; then the package, then what
    Python recorded, and last what the agent has downloaded.
    """
    own = (program(guest) or "").rpartition("/")[0].rpartition("/")[0]
    folders = LIBRARIES if own in ("", "/usr") else (*LIBRARIES, f"{own}/lib/python*/*-packages")
    for folder in folders:
        for pattern in VERSION_FILES:
            for path in guest.glob(f"{folder}/{pattern}"):
                found = _VERSION.search(text(guest, path) or "")
                if found:
                    return found[1], path
    try:
        package = packages.installed(guest, *PACKAGES)
    except Undecidable:
        package = None
    if package:
        return package.version, f"package {package.name}"
    for places in ([f"{folder}/{record}" for record in RECORDS for folder in folders], [DOWNLOADS]):
        named = [
            (found[1], path)
            for place in places
            for path in guest.glob(place)
            if (found := _RECORD.search(path))
        ]
        if named:
            return max(named, key=lambda pair: numbers(pair[0]))
    return None


def settings(guest: Guest) -> tuple[str, dict[str, str]] | None:
    """The configuration file and its keys, as the agent reads them; None if there is no file."""
    words = [word for _, command in _commands(guest) for word in command]
    told = [named[1] for word in words if (named := CONFIGURATION_OPTION.fullmatch(word))]
    for path in (*told, *CONFIGURATIONS):
        if exists(guest, path):
            found = {}
            for line in lines(guest, path):
                key, _, value = line.partition("=")
                found[key.strip()] = value.partition("#")[0].strip().strip('"')
            return path, found
    return None
