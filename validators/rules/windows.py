"""Rules on the registry of a Windows system. Most of them are tables; what is left over is in functions."""

from __future__ import annotations

import struct
from fnmatch import fnmatchcase

from validators.check import Answer, Case, met, rule, shown, skipped, undecided, unmet
from validators.guest import Guest
from validators.windows import bootdata, firewall, release, settings

TABLES = (
    "WIN-GEN-001", "WIN-GEN-003", "WIN-GEN-004", "WIN-DVD-001", "WIN-SVC-001", "WIN-RDP-002", "WIN-RDP-003",
    "WIN-SAC-001", "WIN-TIME-001", "WIN-ENV-001", "WIN-SAN-001", "WIN-DUMP-001", "WIN-PATCH-004",
)  # fmt: skip
MEMORY = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
ROUTES = r"CurrentControlSet\Services\Tcpip\Parameters\PersistentRoutes"
PROXY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections"
FEATURES = r"Microsoft\ServerManager\ServicingStorage\ServerComponentCache"
PROXY_IN_USE = 2  # a bit of the flags


def as_the_table(case: Case) -> Answer:
    """Every row of the rule's own table."""
    rows = case.rule.limits["registry"]
    found = settings.complaints(case.guest, rows)
    if found:
        return unmet(shown(found), rows[0]["key"])
    return met(f"{len(rows)} values as documented" if len(rows) > 1 else _value(case), rows[0]["key"])


for _name in TABLES:
    rule(_name)(as_the_table)


@rule("WIN-RDP-001")
def remote_desktop_is_on(case: Case) -> Answer:
    if case.sku is not None and not case.sku.properties.remote_connection:
        return skipped("the plan declares remote connections closed")
    return as_the_table(case)


@rule("WIN-NVME-001")
def ready_for_nvme(case: Case) -> Answer:
    if case.sku is None or not case.sku.properties.nvme:
        return skipped("the plan does not declare NVMe")
    found = release.read(case.guest)
    if found.build < case.rule.limits["build"]:
        return unmet(f"{found.name} (build {found.build}); NVMe needs Windows Server 2019 or later")
    return as_the_table(case)


@rule("WIN-FW-001")
def firewall_lets_azure_in(case: Case) -> Answer:
    limits, where = case.rule.limits, "SYSTEM\\" + firewall.RULES
    found = settings.complaints(case.guest, limits["registry"])
    openings = firewall.rules(case.guest)
    for wanted in limits["openings"]:
        meant = [one for one in openings if _is_meant(one, wanted)]
        active = [one for one in meant if one.active and one.allows and one.inbound]
        if not active or (len(active) < len(meant) and not wanted.get("any")):
            off = [one.name for one in meant if one not in active]
            found.append(f"{wanted['title']} is not let in ({shown(off) or 'there is no rule'})")
    host = limits["host"]
    for inbound, way in ((True, "in"), (False, "out")):
        allowed = (o for o in openings if o.active and o.allows and o.inbound is inbound and host in o.hosts)
        if next(allowed, None) is None:
            found.append(f"no rule allows {host} {way}")
    return unmet(shown(found), where) if found else met("on for every profile, with what Azure needs", where)


@rule("WIN-BCD-001")
def boots_as_documented(case: Case) -> Answer:
    guest, found = case.guest, []
    for row in case.rule.limits["elements"]:
        value = bootdata.element(guest, row["object"], row["element"])
        if value != row["is"]:
            state = "not set" if value is None else value
            found.append(f"{row['title']} of {row['object']} is {state!s}, wanted {row['is']}")
    device, system = bootdata.devices(guest)
    if device is None or device != system:
        found.append("device and osdevice of default are not one and the same partition")
    return unmet(shown(found), "BCD") if found else met("every element as documented", "BCD")


@rule("WIN-NET-001")
def nothing_in_the_way(case: Case) -> Answer:
    routes = [value.name for value in case.guest.registry("SYSTEM").values(ROUTES)]
    if routes:
        return unmet(f"persistent routes: {shown(routes)}", "SYSTEM\\" + ROUTES)
    value = settings.find(case.guest, PROXY, "WinHttpSettings")
    if value is None:
        return met("no persistent route, no proxy")
    where = f"{PROXY}\\WinHttpSettings"
    if not isinstance(value.data, bytes) or len(value.data) < 12:
        return undecided("the proxy settings of WinHTTP cannot be read", where)
    if not struct.unpack_from("<I", value.data, 8)[0] & PROXY_IN_USE:
        return met("no persistent route, no proxy")
    proxy, at = _counted(value.data, 12)
    bypass, _ = _counted(value.data, at)
    host = case.rule.limits["host"]
    passed = any(fnmatchcase(host, one.strip()) for one in bypass.split(";"))
    proxy = proxy.rpartition("@")[2]  # a proxy may be named with its password
    evidence = f"WinHTTP uses the proxy {proxy}, but for {bypass or 'nothing'}"
    return met(evidence, where) if passed else unmet(evidence, where)


@rule("WIN-PAGE-001")
def page_file_is_temporary(case: Case) -> Answer:
    value = settings.find(case.guest, MEMORY, "PagingFiles")
    files = value.data if value and isinstance(value.data, tuple) else ()
    evidence = f"page file: {shown(files) if files else 'none is set'}"
    wanted = case.rule.limits["file"].casefold()
    # Each entry may end with its least and its largest size.
    good = bool(files) and all(entry.casefold().split(" ")[0] == wanted for entry in files)
    return met(evidence, MEMORY) if good else unmet(evidence, MEMORY)


@rule("WIN-ROLE-001")
def no_role_that_azure_lacks(case: Case) -> Answer:
    found = roles(case.guest, case.rule.limits["roles"])
    where = f"SOFTWARE\\{FEATURES}"
    if found is None:
        return undecided("this Windows does not record which roles are installed", where)
    return unmet(f"installed: {shown(found)}", where) if found else met("none of them is installed", where)


def roles(guest: Guest, wanted: list[str]) -> list[str] | None:
    """Which of the `wanted` roles and features are installed; None where Server Manager keeps no record."""
    software = guest.registry("SOFTWARE")
    if not software.subkeys(FEATURES):
        return None
    states = {name: software.value(rf"{FEATURES}\{name}", "InstallState") for name in wanted}
    return [name for name, state in states.items() if state is not None and state.data == 1]


def _is_meant(opening: firewall.Opening, wanted: dict[str, str]) -> bool:
    if "group" in wanted:
        return opening.group == wanted["group"].casefold()
    return fnmatchcase(opening.name.casefold(), wanted["name"].casefold())


def _counted(data: bytes, at: int) -> tuple[str, int]:
    """A text that its length comes before, and where it ends."""
    if at + 4 > len(data):
        return "", at
    end = at + 4 + struct.unpack_from("<I", data, at)[0]
    return data[at + 4 : end].decode("latin-1"), end


def _value(case: Case) -> str:
    row = case.rule.limits["registry"][0]
    value = settings.find(case.guest, row["key"], row["value"])
    return f"{row['value']} is {settings.shown(value.data)}" if value else f"{row['value']} is not set"
