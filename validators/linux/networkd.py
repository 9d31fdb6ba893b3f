"""systemd-networkd and systemd-udevd: which file is for Azure's first card, and what that is called.

As systemd.network(5) and systemd.link(5) have it: the first file whose [Match] section fits is the only one.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from validators.guest import Guest
from validators.linux import boot
from validators.linux.unitfile import Settings, files, read

FOLDERS = (
    "/etc/systemd/network",
    "/run/systemd/network",
    "/usr/local/lib/systemd/network",
    "/usr/lib/systemd/network",
)
NETWORK = (*FOLDERS, "/lib/systemd/network")
KERNEL_NAME = "eth0"  # hv_netvsc is on no bus that gives systemd another name
DRIVER = "hv_netvsc"
MAC_NAME = "enx000d3aaabbcc"  # as NamePolicy=mac makes it, of an address that Microsoft has
TRUE = ("1", "yes", "y", "true", "t", "on")
# What a file may ask of the machine rather than of the card.
CONDITIONS = (
    "Host",
    "Virtualization",
    "KernelCommandLine",
    "KernelVersion",
    "Architecture",
    "Firmware",
    "Credential",
)
MAC_KEYS = ("MACAddress", "PermanentMACAddress")
NAME_KEYS = ("Name", "OriginalName")
# Kind, SSID, Property and the like are of cards that are none of Azure's.
KEYS = (
    *NAME_KEYS, *MAC_KEYS, *CONDITIONS, "Path", "Driver", "Type", "Kind", "Property", "WLANInterfaceType",
    "SSID", "BSSID",
)  # fmt: skip


def first_card(guest: Guest) -> str:
    """The name of Azure's first card: eth0, unless a .link file gives it another."""
    for path in files(guest, NETWORK, ".link"):
        settings = read(guest, path, NETWORK)
        if settings is None or not fits(settings, KERNEL_NAME, original=True):
            continue
        policies = " ".join(settings.get(("Link", "NamePolicy"), [])).split()
        if "mac" in policies and not _names_are_kept(guest):
            return MAC_NAME
        names = settings.get(("Link", "Name"), [])
        return names[-1] if names else KERNEL_NAME
    return KERNEL_NAME


def _names_are_kept(guest: Guest) -> bool:
    """Whether the kernel command line switches NamePolicy off."""
    return any(entry.value("net.ifnames")[-1:] == ["0"] for entry in boot.defaults(guest)[:1])


def fits(settings: Settings, name: str, *, original: bool = False) -> bool:
    """Whether the [Match] section fits Azure's first card, by the `name` that it has then.

    Hardware addresses are left out: that they are there at all is for the caller.
    """
    given = {key: values for (section, key), values in settings.items() if section == "Match" and values}
    keys = {key: given[key] for key in given if key in KEYS}  # systemd leaves out what it does not know
    if not keys:
        return original  # networkd refuses a file that matches nothing; udevd takes it for all
    for key, values in keys.items():
        words = " ".join(values).split()
        if key in MAC_KEYS:
            continue
        if key in NAME_KEYS:
            fitting = _any(values, name)
        elif key == "Driver":
            fitting = _any(values, DRIVER)
        elif key == "Type":
            fitting = _any(values, "ether")
        elif key == "Path":
            fitting = any(not word.lstrip("!").startswith(("pci-", "platform-")) for word in words)
        elif key in CONDITIONS:
            fitting = _holds(key, values[-1])
        else:
            fitting = False
        if not fitting:
            return False
    return True


def _any(values: list[str], name: str) -> bool:
    """Whether `name` fits: none of the patterns behind a `!`, and one of the others, if there are any."""
    wanted: list[str] = []
    for value in values:
        patterns = value.removeprefix("!").split()
        if not value.startswith("!"):
            wanted += patterns
        elif any(fnmatchcase(name, pattern) for pattern in patterns):
            return False
    return not wanted or any(fnmatchcase(name, pattern) for pattern in wanted)


def _holds(key: str, value: str) -> bool:
    inverted = value.startswith("!")
    bare = value.removeprefix("!")
    if key == "Virtualization":
        held = bare.casefold() in ("vm", "microsoft", *TRUE)
    elif key == "Host":
        held = "*" in bare
    else:
        held = not inverted  # what the machine is, nobody can tell from here
    return held is not inverted


def setting(settings: Settings, section: str, key: str, default: str = "") -> str:
    """The last value of a key."""
    values = settings.get((section, key), [])
    return values[-1] if values else default


def asks_for_dhcp(settings: Settings) -> bool:
    """Whether a file asks for an IPv4 address, and brings the card up."""
    wanted = setting(settings, "Network", "DHCP", "no").casefold()
    return wanted in (*TRUE, "ipv4", "both") and not left_alone(settings)


def left_alone(settings: Settings) -> bool:
    """Whether the card stays as it is at boot."""
    unmanaged = setting(settings, "Link", "Unmanaged", "no").casefold() in TRUE
    policy = setting(settings, "Link", "ActivationPolicy", "up").casefold()
    return unmanaged or re.fullmatch(r"manual|(always-)?down", policy) is not None
