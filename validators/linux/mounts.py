"""What is mounted where on a running Azure machine, and so on which disk a path lies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from validators import devices
from validators.devices import Where
from validators.guest import Guest, text
from validators.linux import agent, cloudinit, fstab, provisioning
from validators.partitions import Partition

AGENT_POINT = "/mnt/resource"  # the agent's default of ResourceDisk.MountPoint
CLOUD_INIT_POINT = "/mnt"  # cloud-init's default for the disk that it calls ephemeral0
EPHEMERAL = re.compile(r"(?:/dev/)?ephemeral0?(?:[.p]\d+)?")


def disk_of(guest: Guest, places: Sequence[Partition], source: str) -> Where:
    """On which disk the device or file `source` is, where `places` are those of the OS disk."""
    if not source.startswith("/") or source.startswith("/dev/"):
        return devices.where(places, source)
    path = PurePosixPath(source)
    found, deepest = Where.HERE, -1
    for point, disk in _points(guest, places):
        mount = PurePosixPath(point)
        if path.is_relative_to(mount) and len(mount.parts) >= deepest:
            found, deepest = disk, len(mount.parts)
    return found


def _points(guest: Guest, places: Sequence[Partition]) -> Iterator[tuple[str, Where]]:
    """Mount points and their disks: of fstab, then those that are mounted at the first boot."""
    for entry in fstab.parse(text(guest, "/etc/fstab") or ""):
        if entry.is_local and entry.point != "/":
            yield entry.point, devices.where(places, entry.source)
    resource = _of_cloud_init(guest) or _of_agent(guest)
    if resource:
        yield resource, Where.RESOURCE


def _of_agent(guest: Guest) -> str:
    """Where the agent mounts the resource disk, if it does."""
    found = agent.settings(guest)
    if found is None or found[1].get("ResourceDisk.Format", "n").casefold() != "y":
        return ""
    return found[1].get("ResourceDisk.MountPoint", AGENT_POINT)


def _of_cloud_init(guest: Guest) -> str:
    """Where cloud-init mounts the resource disk, if it does: the last of its `mounts` that names it."""
    if not provisioning.by_cloud_init(guest):
        return ""
    modules = cloudinit.setting(guest, "cloud_init_modules")
    if modules and isinstance(modules[1], list) and not {"mounts"} & {_name(one) for one in modules[1]}:
        return ""
    listed = cloudinit.setting(guest, "mounts")
    point: object = CLOUD_INIT_POINT
    for entry in listed[1] if listed and isinstance(listed[1], list) else ():
        if isinstance(entry, list) and entry and _is_resource(str(entry[0])):
            point = entry[1] if len(entry) > 1 else None
    return point if isinstance(point, str) and point.startswith("/") else ""


def _name(module: object) -> str:
    """A module is a name, or a list of name, frequency and arguments."""
    return str(module[0] if isinstance(module, list) and module else module)


def _is_resource(device: str) -> bool:
    return bool(EPHEMERAL.fullmatch(device) or devices.where((), device) is Where.RESOURCE)
