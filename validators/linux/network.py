"""Network configuration: ifupdown, netplan, networkd, NetworkManager, ifcfg files and cloud-init's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from validators.guest import Guest, Undecidable, exists, text
from validators.linux import cloudinit, ifupdown, netplan, networkd, systemd, unitfile
from validators.linux.release import assignments

VIRTUAL = re.compile(r"(lo|docker|br-|virbr|veth|wg|tun|tap|cni|flannel|dummy|ppp|sit|podman)")
NM_CONFIGURATIONS = (
    "/usr/lib/NetworkManager/conf.d/*.conf",
    "/etc/NetworkManager/NetworkManager.conf",
    "/etc/NetworkManager/conf.d/*.conf",
)
CLOUD_INIT_FILE = "50-cloud-init"  # what cloud-init writes for ifupdown
CONNECTIONS = ("/etc/NetworkManager/system-connections/*", "/usr/lib/NetworkManager/system-connections/*")


@dataclass(frozen=True, slots=True)
class Card:
    """One configured interface; `mac` is the hardware address it is tied to, if any.

    `first`: it is Azure's first card, as far as names and drivers tell.
    """

    name: str
    where: str
    dhcp: bool = False
    static: bool = False
    on_boot: bool = True
    mac: str = ""
    first: bool = True

    @property
    def is_primary(self) -> bool:
        """Whether it may be the card Azure gives; bridges, tunnels and loopback are not."""
        return not VIRTUAL.match(self.name)


def cards(guest: Guest) -> list[Card]:
    """All configured interfaces that may be the primary one."""
    first = networkd.first_card(guest)
    readers = (_ifupdown, _netplan, _networkd, _network_manager, _ifcfg)
    return [card for reader in readers for card in reader(guest, first) if card.is_primary]


def of_cloud_init(guest: Guest) -> list[Card] | None:
    """The cards of `network:` in cloud-init's files, which counts before what Azure says; None without it."""
    found = cloudinit.setting(guest, "network")
    if found is None or not isinstance(found[1], Mapping) or found[1].get("config") == "disabled":
        return None
    path, content = found
    first = networkd.first_card(guest)
    inner = content.get("network", content)
    if isinstance(inner, Mapping) and isinstance(inner.get("config"), list):
        return list(_version_1(inner["config"], path, first))
    ethernets: netplan.Ethernets = {}
    netplan.merge(ethernets, inner, path)
    return list(_of_netplan(ethernets, first))


def unread_folder(guest: Guest) -> str:
    """Where cloud-init writes for ifupdown, if that does not read it; empty if it does, or is not used.

    cloud-init takes ifupdown where netplan is not installed and neither networkd nor NetworkManager starts.
    """
    others = ("systemd-networkd.service", "NetworkManager.service")
    used = exists(guest, ifupdown.MAIN) and not exists(guest, "/usr/sbin/netplan")
    if not used or systemd.started_by(guest, *others):
        return ""
    interfaces = ifupdown.read(guest, {f"{ifupdown.FOLDER}/{CLOUD_INIT_FILE}"})
    return "" if f"{ifupdown.FOLDER}/{CLOUD_INIT_FILE}" in interfaces.read else ifupdown.FOLDER


def _version_1(config: list[Any], where: str, first: str) -> Iterator[Card]:
    for entry in config:
        if not isinstance(entry, Mapping) or entry.get("type") != "physical":
            continue
        subnets = [each for each in entry.get("subnets") or [] if isinstance(each, Mapping)]
        types = {str(each.get("type")) for each in subnets}
        name, mac = str(entry.get("name", "")), str(entry.get("mac_address") or "")
        dhcp = bool(types & {"dhcp", "dhcp4"})
        static = "static" in types and not dhcp
        yield Card(name, where, dhcp, static, "manual" not in types or dhcp, mac, name == first)


def _ifupdown(guest: Guest, first: str) -> Iterator[Card]:
    if _is_off(guest, "networking.service"):
        return
    interfaces = ifupdown.read(guest)
    up = {id(each) for each in interfaces.of(first)}
    named = {word.lstrip("/").partition("=")[0] for word in interfaces.up}
    for each in interfaces.found:
        mac = each.options.get("hwaddress", "").rpartition(" ")[2]
        on_boot = id(each) in up or each.name in named
        ours = id(each) in up or each.name == first
        yield Card(each.name, each.where, each.method == "dhcp", each.method == "static", on_boot, mac, ours)


def _netplan(guest: Guest, first: str) -> Iterator[Card]:
    yield from _of_netplan(netplan.read(guest), first)


def _of_netplan(ethernets: netplan.Ethernets, first: str) -> Iterator[Card]:
    """Of several entries that fit, networkd takes the first."""
    taken = False
    for name, (entry, path) in ethernets.items():
        dhcp = netplan.asks_for_dhcp(entry)
        static = bool(entry.get("addresses")) and not dhcp
        ours = not taken and netplan.fits(name, entry, first)
        taken = taken or ours
        yield Card(name, path, dhcp, static, netplan.starts(entry), netplan.hardware_address(entry), ours)


def _networkd(guest: Guest, first: str) -> Iterator[Card]:
    taken = _is_off(guest, "systemd-networkd.service")
    for file in unitfile.files(guest, networkd.NETWORK, ".network"):
        settings = unitfile.read(guest, file, networkd.NETWORK)
        if settings is None:
            continue
        ours = not taken and networkd.fits(settings, first)
        taken = taken or ours
        if not ours and not file.startswith("/etc/"):
            continue  # what systemd brings for containers
        dhcp = networkd.asks_for_dhcp(settings)
        named = networkd.setting(settings, "Match", "Name", "*")
        macs = (networkd.setting(settings, "Match", key) for key in networkd.MAC_KEYS)
        static = any((s, "Address") in settings for s in ("Network", "Address")) and not dhcp
        yield Card(
            named, file, dhcp, static, not networkd.left_alone(settings), next(filter(None, macs), ""), ours
        )
    for file in guest.glob("/etc/systemd/network/*.link"):
        settings = unitfile.read(guest, file, networkd.NETWORK) or {}
        mac = networkd.setting(settings, "Match", "MACAddress")
        if mac:
            yield Card("a card", file, mac=mac, on_boot=False, first=False)


def _network_manager(guest: Guest, first: str) -> Iterator[Card]:
    off = _is_off(guest, "NetworkManager.service") or unmanaged(guest, first)
    for file in (path for folder in CONNECTIONS for path in guest.glob(folder)):
        fields = sections(file, text(guest, file) or "")
        if fields.get("connection.type") not in ("ethernet", "802-3-ethernet"):
            continue
        method = fields.get("ipv4.method", "auto")
        on_boot = fields.get("connection.autoconnect", "true").casefold() not in ("false", "no", "0")
        mac = fields.get("ethernet.mac-address", "") or fields.get("802-3-ethernet.mac-address", "")
        bound = fields.get("connection.interface-name", "")
        patterns = [word for word in re.split(r"[;, ]+", fields.get("match.interface-name", "")) if word]
        ours = bound in ("", first) and (not patterns or any(fnmatchcase(first, p) for p in patterns))
        name = bound or fields.get("connection.id", "ethernet")
        yield Card(name, file, method == "auto", method == "manual", on_boot, mac, ours and not off)


def unmanaged(guest: Guest, card: str) -> bool:
    """Whether NetworkManager is told to leave `card` alone."""
    found = ""
    for path in (path for pattern in NM_CONFIGURATIONS for path in guest.glob(pattern)):
        fields = sections(path, text(guest, path) or "")
        found = fields.get("keyfile.unmanaged-devices", found)
    kinds = ("interface-name:=", "interface-name:", "")
    for word in re.split(r"[;,]", found):
        bare = word.strip()
        name = next(bare.removeprefix(kind) for kind in kinds if bare.startswith(kind))
        if bare in ("*", "type:ethernet", f"driver:{networkd.DRIVER}") or (name and fnmatchcase(card, name)):
            return True
    return False


def _ifcfg(guest: Guest, first: str) -> Iterator[Card]:
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
        # NetworkManager takes a file that names no device for any card; its own name is no more than a name.
        any_card = "DEVICE" not in fields and "network-scripts" in file and fields.get("NAME", "") != ""
        ours = name == first or any_card
        yield Card(name, file, protocol.startswith("dhcp"), static, on_boot, mac, ours)


def _is_off(guest: Guest, unit: str) -> bool:
    """Whether the program behind a configuration is there and never started."""
    return systemd.unit_file(guest, unit) is not None and systemd.started_by(guest, unit) is None


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
