"""netplan: the cards that its files configure, put together by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from validators.guest import Guest
from validators.linux import cloudinit
from validators.linux.networkd import DRIVER
from validators.linux.unitfile import files

FOLDERS = ("/run/netplan", "/etc/netplan", "/lib/netplan")  # of files of one name the first is taken
Ethernets = dict[str, tuple[dict[str, Any], str]]  # id → its settings, and the file that speaks of it last


def read(guest: Guest) -> Ethernets:
    """All `ethernets`, in the order of their ids, which is that of networkd's files for them."""
    found: Ethernets = {}
    for path in files(guest, FOLDERS, ".yaml"):
        merge(found, cloudinit.mapping(guest, path).get("network"), path)
    return dict(sorted(found.items()))


def merge(found: Ethernets, network: object, path: str) -> None:
    """Lay what `network` says of ethernets over what is `found`."""
    ethernets = network.get("ethernets") if isinstance(network, Mapping) else None
    for name, entry in ethernets.items() if isinstance(ethernets, Mapping) else ():
        if isinstance(entry, Mapping):
            before = found.get(str(name), ({}, ""))[0]
            whole, match = {**before, **entry}, entry.get("match")
            if isinstance(match, Mapping) and before:  # an entry that had none is for the card of its name
                earlier = before.get("match", {"name": str(name)})
                whole["match"] = {**(earlier if isinstance(earlier, Mapping) else {}), **match}
            found[str(name)] = (whole, path)


def hardware_address(entry: Mapping[str, Any]) -> str:
    """What the entry is tied to, or gives the card."""
    match = entry.get("match")
    tied = str(match.get("macaddress") or "") if isinstance(match, Mapping) else ""
    return tied or str(entry.get("macaddress") or "")


def fits(name: str, entry: Mapping[str, Any], card: str) -> bool:
    """Whether the entry `name` is for `card`: its id is a name, unless it has a `match`."""
    match = entry.get("match")
    if not isinstance(match, Mapping):
        return name == card
    drivers = match.get("driver")
    wanted = drivers if isinstance(drivers, list) else [] if drivers is None else [drivers]
    named = str(match.get("name") or "*")
    return fnmatchcase(card, named) and (not wanted or any(fnmatchcase(DRIVER, str(d)) for d in wanted))


def asks_for_dhcp(entry: Mapping[str, Any]) -> bool:
    return entry.get("dhcp4") in (True, "yes", "true", "on", "y")


def starts(entry: Mapping[str, Any]) -> bool:
    """Whether the card is brought up at boot."""
    return entry.get("activation-mode") not in ("manual", "off")
