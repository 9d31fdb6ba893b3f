"""Network configuration: ifupdown, netplan, networkd, NetworkManager and ifcfg files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass
from typing import Any

from validators.guest import Guest, Undecidable, lines, text
from validators.linux import cloudinit
from validators.linux.release import assignments

VIRTUAL = re.compile(r"(lo|docker|br-|virbr|veth|wg|tun|tap|cni|flannel|dummy|ppp|sit|podman)")


@dataclass(frozen=True, slots=True)
class Card:
    """One configured interface; `mac` is the hardware address it is tied to, if any."""

    name: str
    where: str
    dhcp: bool = False
    static: bool = False
    on_boot: bool = True
    mac: str = ""

    @property
    def is_primary(self) -> bool:
        """Whether it may be the card Azure gives; bridges, tunnels and loopback are not."""
        return not VIRTUAL.match(self.name)


def cards(guest: Guest) -> list[Card]:
    """All configured interfaces that may be the primary one."""
    readers = (_ifupdown, _netplan, _networkd, _network_manager, _ifcfg)
    return [card for reader in readers for card in reader(guest) if card.is_primary]


def _ifupdown(guest: Guest) -> Iterator[Card]:
    files = ["/etc/network/interfaces", *guest.glob("/etc/network/interfaces.d/*")]
    up = set[str]()
    found: list[tuple[str, str, str, str]] = []
    for file in files:
        name = method = mac = ""
        for line in [*lines(guest, file), "iface"]:
            words = line.split()
            if words[0] in ("auto", "allow-hotplug", "allow-auto"):
                up.update(words[1:])
            if words[0] in ("iface", "auto", "allow-hotplug", "source", "source-directory", "mapping"):
                if name and method:
                    found.append((name, method, mac, file))
                name = method = mac = ""
            if words[0] == "iface" and len(words) >= 4 and words[2] == "inet":
                name, method = words[1], words[3]
            elif words[0] == "hwaddress" and len(words) > 1:
                mac = words[-1]
    for name, method, mac, file in found:
        on_boot = any(name == pattern or _matches(name, pattern) for pattern in up)
        yield Card(name, file, method == "dhcp", method == "static", on_boot, mac)


def _matches(name: str, pattern: str) -> bool:
    """Whether an `auto` pattern means `name`; `/…` is ifupdown's way to write any pattern."""
    return pattern.startswith("/") or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def _netplan(guest: Guest) -> Iterator[Card]:
    for file in guest.glob("/etc/netplan/*.yaml"):
        content = cloudinit.mapping(guest, file).get("network")
        ethernets = content.get("ethernets") if isinstance(content, Mapping) else None
        for name, entry in (ethernets or {}).items() if isinstance(ethernets, Mapping) else ():
            if not isinstance(entry, Mapping):
                continue
            match: Any = entry.get("match")
            mac = str(match.get("macaddress", "")) if isinstance(match, Mapping) else ""
            mac = mac or str(entry.get("macaddress", ""))
            dhcp = entry.get("dhcp4") in (True, "yes", "true")
            static = bool(entry.get("addresses")) and not dhcp
            yield Card(str(name), file, dhcp, static, not entry.get("optional", False) or dhcp, mac)


def _networkd(guest: Guest) -> Iterator[Card]:
    for file in guest.glob("/etc/systemd/network/*.network"):
        fields = sections(file, text(guest, file) or "")
        name = fields.get("match.name", "*")
        mac = fields.get("match.macaddress", "") or fields.get("match.permanentmacaddress", "")
        dhcp = fields.get("network.dhcp", "no").casefold() in ("yes", "true", "ipv4", "both", "1", "on")
        static = ("network.address" in fields or "address.address" in fields) and not dhcp
        yield Card(name, file, dhcp, static, True, mac)
    for file in guest.glob("/etc/systemd/network/*.link"):
        mac = sections(file, text(guest, file) or "").get("match.macaddress", "")
        if mac:
            yield Card("a card", file, mac=mac, on_boot=False)


def _network_manager(guest: Guest) -> Iterator[Card]:
    for file in guest.glob("/etc/NetworkManager/system-connections/*"):
        fields = sections(file, text(guest, file) or "")
        if fields.get("connection.type") not in ("ethernet", "802-3-ethernet"):
            continue
        method = fields.get("ipv4.method", "auto")
        on_boot = fields.get("connection.autoconnect", "true").casefold() not in ("false", "no", "0")
        mac = fields.get("ethernet.mac-address", "") or fields.get("802-3-ethernet.mac-address", "")
        name = fields.get("connection.interface-name", fields.get("connection.id", "ethernet"))
        yield Card(name, file, method == "auto", method == "manual", on_boot, mac)


def _ifcfg(guest: Guest) -> Iterator[Card]:
    folders = ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*")
    for file in (path for folder in folders for path in guest.glob(folder)):
        if file.endswith((".bak", "~", ".orig", ".rpmsave", ".template")):
            continue
        fields = {key.upper(): value for key, value in assignments(text(guest, file) or "").items()}
        protocol = fields.get("BOOTPROTO", "none").casefold()
        static = protocol in ("static", "none") and any(key.startswith("IPADDR") for key in fields)
        on_boot = fields.get("ONBOOT", "yes").casefold() == "yes"
        on_boot = on_boot and fields.get("STARTMODE", "auto").casefold() in ("auto", "hotplug", "onboot")
        mac = fields.get("HWADDR", "") or fields.get("LLADDR", "")
        name = fields.get("DEVICE") or file.rpartition("ifcfg-")[2]
        yield Card(name, file, protocol.startswith("dhcp"), static, on_boot, mac)


def sections(file: str, content: str) -> dict[str, str]:
    """An INI file as `section.key` in small letters; the last value wins, as in systemd's and NM's files.

    Raises Undecidable for a file that is none: what the card does then is its program's own affair.
    """
    parser = ConfigParser(interpolation=None, strict=False, delimiters=("=",), allow_no_value=True)
    try:
        parser.read_string(content)
    except (
        Error,
        ValueError,
        AttributeError,
    ) as error:  # the last: a line goes on under nothing
        line = getattr(error, "lineno", None) or next((n for n, _ in getattr(error, "errors", [])), "")
        raise Undecidable(f"{file} is no INI file{f' at line {line}' if line else ''}") from None
    return {
        f"{section}.{key}".casefold(): value or ""
        for section in parser.sections()
        for key, value in parser.items(section)
    }
