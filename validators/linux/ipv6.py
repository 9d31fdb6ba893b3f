"""Where a Linux system asks for IPv6: in the files that configure its cards, whoever reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from validators.guest import Guest, lines, text
from validators.linux import boot, cloudinit, network
from validators.linux.release import assignments

SYSCTL = re.compile(r"net[./]ipv6[./]conf[./](?:all|default)[./]disable_ipv6\s*=\s*1")
SYSCTL_FILES = ("/etc/sysctl.conf", "/etc/sysctl.d/*.conf", "/usr/lib/sysctl.d/*.conf")
IFCFG = ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*")
DISABLED = "1"  # of ipv6.disable on the kernel command line
YES = ("yes", "true", "1", "on")
OFF = ("", "ignore", "disabled", "link-local")  # of NetworkManager's [ipv6] method
Place = tuple[str, str]


def turned_off(guest: Guest) -> str:
    """What turns IPv6 off for the whole system; empty if nothing does."""
    for file in (path for pattern in SYSCTL_FILES for path in guest.glob(pattern)):
        if any(SYSCTL.search(line) for line in lines(guest, file)):
            return f"{file} disables it"
    entries = boot.defaults(guest)
    off = bool(entries) and all(DISABLED in entry.value("ipv6.disable") for entry in entries)
    return f"the kernel is told ipv6.disable={DISABLED}" if off else ""


def asked_for(guest: Guest) -> list[Place]:
    """Each place that configures IPv6 on a card: the file, and what it says."""
    readers = (_ifupdown, _netplan, _networkd, _network_manager, _ifcfg)
    return [place for reader in readers for place in reader(guest)]


def _ifupdown(guest: Guest) -> Iterator[Place]:
    for file in ("/etc/network/interfaces", *guest.glob("/etc/network/interfaces.d/*")):
        for line in lines(guest, file):
            words = line.split()
            if len(words) > 3 and (words[0], words[2]) == ("iface", "inet6") and words[1] != "lo":
                yield file, " ".join(words)


def _netplan(guest: Guest) -> Iterator[Place]:
    for file in guest.glob("/etc/netplan/*.yaml"):
        content = cloudinit.mapping(guest, file).get("network")
        ethernets = content.get("ethernets") if isinstance(content, Mapping) else None
        for name, entry in ethernets.items() if isinstance(ethernets, Mapping) else ():
            if not isinstance(entry, Mapping):
                continue
            if str(entry.get("dhcp6", "")).casefold() in YES:
                yield file, f"{name}: dhcp6: true"
            given = entry.get("addresses")
            for address in given if isinstance(given, list) else ():
                if ":" in str(address):
                    yield file, f"{name}: {address}"


def _networkd(guest: Guest) -> Iterator[Place]:
    for file in guest.glob("/etc/systemd/network/*.network"):
        fields = network.sections(file, text(guest, file) or "")
        dhcp = fields.get("network.dhcp", "no")
        if dhcp.casefold() in (*YES, "both", "ipv6"):
            yield file, f"DHCP={dhcp}"
        for key in ("network.address", "address.address"):
            if ":" in fields.get(key, ""):
                yield file, f"Address={fields[key]}"


def _network_manager(guest: Guest) -> Iterator[Place]:
    for file in guest.glob("/etc/NetworkManager/system-connections/*"):
        method = network.sections(file, text(guest, file) or "").get("ipv6.method", "")
        if method.casefold() not in OFF:
            yield file, f"[ipv6] method={method}"


def _ifcfg(guest: Guest) -> Iterator[Place]:
    for file in (path for pattern in IFCFG for path in guest.glob(pattern)):
        value = assignments(text(guest, file) or "").get("IPV6INIT", "")
        if value.casefold() in YES:
            yield file, f"IPV6INIT={value}"
