"""Rules on swap: none on the OS disk, and nothing that makes some at first boot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from validators.check import Answer, Case, met, rule, shown, skipped, unmet
from validators.devices import Where
from validators.guest import Guest, Kind, Undecidable, text
from validators.linux import agent, cloudinit, fstab, mounts, provisioning, systemd

USUAL_FILES = ("/swapfile", "/swap.img", "/swap", "/swapfile1", "/var/swap", "/var/swapfile")
SIGNATURES = (b"SWAPSPACE2", b"SWAP-SPACE")
PAGE = 4096
WHAT = re.compile(r"^What[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
ON_OS_DISK = (Where.HERE, Where.UNKNOWN)  # a device that the disk does not hold, the machine cannot wait for
# Services that make a swap file at boot, or swap to one.
SERVICES = ("dphys-swapfile.service", "swapspace.service", "systemd-swap.service")


@rule("LNX-SWAP-001")
def no_swap_partition(case: Case) -> Answer:
    if case.disk.blocks is None:
        raise Undecidable(case.disk.reason)
    found = [part.title for part in case.disk.places if part.is_swap]
    if found:
        return unmet(f"swap on {', '.join(found)}", found[0])
    # The guide of 2015 alone speaks of data disks.
    on_data = [
        f"{disk.path.name}: {part.title}"
        for disk in case.disks
        if disk.role == "data"
        for part in disk.places
        if part.is_swap
    ]
    if on_data and "guide-2015" in case.graders:
        return unmet(f"swap on a data disk: {shown(on_data)}", graders=("guide-2015",))
    closed = [part.title for part in case.disk.places if part.content.kind in ("luks", "unreadable")]
    if closed:
        raise Undecidable(f"no swap partition, but {shown(closed)} cannot be looked into")
    volumes = f" and {len(case.disk.logical)} logical volumes" if case.disk.logical else ""
    return met(f"none of {len(case.disk.table.partitions)} partitions{volumes} is swap")


@rule("LNX-SWAP-002")
def no_swap_file(case: Case) -> Answer:
    named = [(entry.source, f"/etc/fstab:{entry.line}") for entry in _fstab(case.guest)]
    named += [(what, unit) for unit, what in _units(case.guest)]
    for path, where in [*named, *((path, path) for path in USUAL_FILES)]:
        if not path.startswith("/") or path.startswith("/dev/") or _disk(case, path) is not Where.HERE:
            continue
        facts = case.guest.stat(path)
        if facts is not None and facts.kind is Kind.FILE:
            head = case.guest.head(path, PAGE) or b""
            if path != where or head[-10:] in SIGNATURES:
                return unmet(f"{path} is a swap file of {facts.size} bytes", where)
    return met("no swap file is named or lies in the usual places")


@rule("LNX-SWAP-003")
def nothing_makes_swap(case: Case) -> Answer:
    for entry in _fstab(case.guest):
        if _disk(case, entry.source) in ON_OS_DISK:
            return unmet(f"{entry.source} is swapped to at boot", f"/etc/fstab:{entry.line}")
    for unit, what in _units(case.guest):
        name = unit.rpartition("/")[2]
        if systemd.started_by(case.guest, name) and _disk(case, what) in ON_OS_DISK:
            return unmet(f"{name} swaps to {what}", unit)
    for service in SERVICES:
        by = systemd.started_by(case.guest, service)
        if by:
            return unmet(f"{service} makes a swap file", by)
    if cloudinit.installed(case.guest):
        setting = cloudinit.setting(case.guest, "swap")
        if setting and _makes_swap(case, setting[1]):
            return unmet("cloud-init makes a swap file on the OS disk", setting[0])
    return met("nothing makes or uses swap on the OS disk")


@rule("LNX-SWAP-004")
def resource_disk_is_left_to_one(case: Case) -> Answer:
    found = agent.settings(case.guest)
    if found is None:
        raise Undecidable("there is no waagent.conf (LNX-AGENT-007)")
    path, settings = found
    if provisioning.provisioner(case.guest, path, settings).by != "cloud-init":
        return skipped("cloud-init does not provision, and the agent may manage the resource disk")
    wrong = [
        f"{key}=y"
        for key in ("ResourceDisk.Format", "ResourceDisk.EnableSwap")
        if settings.get(key, "n").casefold() == "y"
    ]
    if wrong:
        return unmet(f"{' and '.join(wrong)}, while cloud-init provisions", path)
    return met("the agent leaves the resource disk to cloud-init", path)


def _fstab(guest: Guest) -> list[fstab.Mount]:
    return [entry for entry in fstab.parse(text(guest, "/etc/fstab") or "") if entry.is_swap]


def _units(guest: Guest) -> Iterator[tuple[str, str]]:
    """Swap units of the administrator and of packages, and what they swap to; none that is masked."""
    seen: set[str] = set()
    for folder in systemd.UNIT_FOLDERS:
        for path in guest.glob(f"{folder}/*.swap"):
            name = path.rpartition("/")[2]
            facts = guest.stat(path)
            if name not in seen and facts is not None and facts.kind is Kind.FILE:
                what = WHAT.findall(text(guest, path) or "")
                yield path, what[-1] if what else ""
            seen.add(name)


def _disk(case: Case, source: str) -> Where:
    """On which disk something is swapped to; a tag with zram in it is a disk in memory."""
    if not source.startswith("/") and "zram" in source.casefold():
        return Where.MEMORY
    return mounts.disk_of(case.guest, case.disk.places, source)


def _makes_swap(case: Case, setting: object) -> bool:
    if not isinstance(setting, Mapping) or not setting.get("size"):
        return False
    return _disk(case, str(setting.get("filename", "/swap.img"))) is Where.HERE
