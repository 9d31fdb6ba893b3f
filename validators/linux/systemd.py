"""Whether a unit starts at boot: links, masks, and the presets that a first boot applies."""

from __future__ import annotations

from fnmatch import fnmatchcase

from validators.guest import Guest, exists, lines, text

ADMIN = "/etc/systemd/system"
UNIT_FOLDERS = (ADMIN, "/usr/lib/systemd/system", "/lib/systemd/system")
PRESET_FOLDERS = ("/etc/systemd/system-preset", "/usr/lib/systemd/system-preset")


def unit_file(guest: Guest, unit: str) -> str | None:
    """The unit's file, or None."""
    return next((f"{folder}/{unit}" for folder in UNIT_FOLDERS if exists(guest, f"{folder}/{unit}")), None)


def masked(guest: Guest, unit: str) -> bool:
    return guest.readlink(f"{ADMIN}/{unit}") == "/dev/null"


def started_by(guest: Guest, *units: str) -> str | None:
    """What makes the first of `units` that starts at boot start: a link, a preset, an init script."""
    for unit in units:
        if masked(guest, unit):
            continue
        for folder in UNIT_FOLDERS:
            for kind in ("wants", "requires"):
                links = guest.glob(f"{folder}/*.{kind}/{unit}")
                if links:
                    return links[0]
        if unit_file(guest, unit):
            preset = _preset(guest, unit)
            if preset:
                return preset
    for unit in units:
        name = unit.partition(".")[0]
        scripts = guest.glob(f"/etc/rc[2345].d/S[0-9][0-9]{name}") or guest.glob(f"/etc/runlevels/*/{name}")
        # systemd reads an init script only where there is no unit of that name.
        if scripts and not unit_file(guest, unit):
            return scripts[0]
    return None


def first_boot(guest: Guest) -> bool:
    """Whether the next boot applies presets: machine-id(5) says when there is none yet, not when empty."""
    content = text(guest, "/etc/machine-id")
    return content is None or content.strip() == "uninitialized"


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
