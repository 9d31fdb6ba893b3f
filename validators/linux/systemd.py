"""Whether a unit starts at boot: links, masks, conditions, and the presets that a first boot applies."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase

from validators.guest import Guest, Kind, Undecidable, exists, lines, masked, text

ADMIN = "/etc/systemd/system"
UNIT_FOLDERS = (ADMIN, "/usr/lib/systemd/system", "/lib/systemd/system")
PRESET_FOLDERS = ("/etc/systemd/system-preset", "/usr/lib/systemd/system-preset")
# What is there only once the machine runs says nothing about an image.
RUNNING_ONLY = ("/run/", "/proc/", "/sys/", "/dev/", "/tmp/", "/var/run/")  # noqa: S108
# Where other programs that start services keep what starts at boot.
OTHER_STARTERS = ("/etc/rc[2345].d", "/etc/runlevels", "/etc/init.d", "/etc/init")
STARTED_UNITS = 500  # whose files are read in search of a program
_CONDITION = re.compile(
    r"Condition(PathExists|PathIsDirectory|FileIsExecutable|FileNotEmpty)\s*=\s*(\|?)\s*(!?)\s*(/\S+)\s*"
)
_PREFIX = re.compile(r"^[-@:+!|]*")  # of a program in ExecStart, systemd.service(5)


def unit_file(guest: Guest, unit: str) -> str | None:
    """The unit's file, or None."""
    return next((f"{folder}/{unit}" for folder in UNIT_FOLDERS if exists(guest, f"{folder}/{unit}")), None)


def is_masked(guest: Guest, unit: str) -> bool:
    """Whether the first file of that name is a link to /dev/null, or empty, which means the same."""
    for folder in UNIT_FOLDERS:
        path = f"{folder}/{unit}"
        facts = guest.stat(path, follow=False)
        if facts is not None:
            return masked(guest, path) or (facts.kind is Kind.FILE and facts.size == 0)
    return False


def started_by(guest: Guest, *units: str) -> str | None:
    """What makes the first of `units` that starts at boot start: a link, a preset, an init script.

    Raises Undecidable where the image holds nothing that says what starts at boot.
    """
    for unit in units:
        if is_masked(guest, unit) or unmet_condition(guest, unit):
            continue
        for folder in UNIT_FOLDERS:
            for kind in ("wants", "requires"):
                links = [link for link in guest.glob(f"{folder}/*.{kind}/{unit}") if not masked(guest, link)]
                if links:
                    return links[0]
        if unit_file(guest, unit):
            preset = _preset(guest, unit)
            if preset:
                return preset
    for unit in units:
        if is_masked(guest, unit):
            continue
        name = unit.partition(".")[0]
        scripts = guest.glob(f"/etc/rc[2345].d/S[0-9][0-9]{name}") or guest.glob(f"/etc/runlevels/*/{name}")
        # systemd reads an init script only where there is no unit of that name.
        if scripts and not unit_file(guest, unit):
            return scripts[0]
    known = [*UNIT_FOLDERS, *(path for pattern in OTHER_STARTERS for path in guest.glob(pattern))]
    if not any(exists(guest, folder) for folder in known):
        raise Undecidable("the image has no folder of units or init scripts, so what starts is made at boot")
    return None


def unmet_condition(guest: Guest, unit: str) -> str | None:
    """The condition that keeps the unit from starting on this image, as it is written; None if none does.

    Only conditions on files of the image are decided; of those marked `|` one has to be met.
    """
    either: list[tuple[bool, str]] = []
    for line in settings(guest, unit):
        found = _CONDITION.fullmatch(line)
        if not found or found[4].startswith(RUNNING_ONLY):
            continue
        good = _holds(guest, found[1], found[4]) is (found[3] == "")
        if found[2]:
            either.append((good, line))
        elif not good:
            return line
    if either and not any(good for good, _ in either):
        return either[0][1]
    return None


def settings(guest: Guest, unit: str) -> list[str]:
    """The lines of the unit's file and of its drop-ins, in the order in which they count."""
    path = unit_file(guest, unit)
    drop_ins: dict[str, str] = {}
    for folder in reversed(UNIT_FOLDERS):
        drop_ins.update({one.rpartition("/")[2]: one for one in guest.glob(f"{folder}/{unit}.d/*.conf")})
    found: list[str] = []
    for file in [path, *(drop_ins[name] for name in sorted(drop_ins))]:
        found += lines(guest, file) if file else []
    return found


def commands(guest: Guest, unit: str) -> list[list[str]]:
    """The words of every ExecStart of the unit; an empty ExecStart takes back what stands before it."""
    found: list[list[str]] = []
    for line in settings(guest, unit):
        name, _, value = line.partition("=")
        if name.strip() != "ExecStart":
            continue
        try:
            words = shlex.split(_PREFIX.sub("", value.strip()))
        except ValueError:
            words = value.split()
        found = [*found, words] if words else []
    return found


def running(guest: Guest, program: str) -> Iterator[tuple[str, list[str]]]:
    """Units that start at boot and run a program of that name, wherever it lies, with their words.

    An interpreter may stand before it. Not more than STARTED_UNITS units are looked at.
    """
    units: dict[str, None] = {}
    for folder in UNIT_FOLDERS:
        for kind in ("wants", "requires"):
            for link in guest.glob(f"{folder}/*.{kind}/*.service"):
                units.setdefault(link.rpartition("/")[2])
    for unit in list(units)[:STARTED_UNITS]:
        for words in commands(guest, unit):
            named = any(word.startswith("/") and word.rpartition("/")[2] == program for word in words)
            if named and not is_masked(guest, unit) and not unmet_condition(guest, unit):
                yield unit, words


def first_boot(guest: Guest) -> bool:
    """Whether the next boot applies presets: machine-id(5) says when there is none yet, not when empty."""
    content = text(guest, "/etc/machine-id")
    return content is None or content.strip() == "uninitialized"


def _holds(guest: Guest, kind: str, path: str) -> bool:
    facts = guest.stat(path)
    if facts is None:
        return False
    return {
        "PathIsDirectory": facts.kind is Kind.DIRECTORY,
        "FileIsExecutable": facts.kind is Kind.FILE and bool(facts.mode & 0o111),
        "FileNotEmpty": facts.kind is Kind.FILE and facts.size > 0,
    }.get(kind, True)


def _preset(guest: Guest, unit: str) -> str | None:
    """What enables `unit` at first boot: the first preset line that matches, or none at all."""
    if not first_boot(guest) or "[Install]" not in (text(guest, unit_file(guest, unit) or "/") or ""):
        return None
    files: dict[str, str] = {}
    for folder in reversed(PRESET_FOLDERS):
        files.update({path.rpartition("/")[2]: path for path in guest.glob(f"{folder}/*.preset")})
    for name in sorted(files):
        for line in lines(guest, files[name]):
            action, _, pattern = line.partition(" ")
            if fnmatchcase(unit, pattern.strip().split(" ")[0]):
                return f"{files[name]} (at first boot)" if action == "enable" else None
    # systemd enables what no preset speaks of.
    return "the presets of the first boot"
