"""Rules on the network: DHCP on any card at boot, nothing of the build machine."""

from __future__ import annotations

import re

from validators.check import Answer, Case, met, rule, shown, skipped, unmet
from validators.guest import Guest, Kind, exists, lines, text
from validators.linux import cloudinit, firewalld, ifupdown, network, networkd, provisioning, release, systemd
from validators.linux.release import assignments

LEASES = (
    "/var/lib/dhclient/*",
    "/var/lib/dhcpcd/*",
    "/var/lib/dhcp/*",
    "/var/lib/NetworkManager/*.lease",
    "/var/lib/NetworkManager/*.leases",
    "/var/lib/wicked/lease*",
    "/var/lib/systemd/network/*lease*",
    "/var/db/dhclient.leases.*",
)
DHCLIENT = ("/sbin/dhclient", "/usr/sbin/dhclient")
DHCLIENT_FILES = ("/etc/dhcp/dhclient.conf", "/etc/dhclient.conf", "/etc/dhcp3/dhclient.conf")
FIREWALL_PROGRAMS = ("/usr/sbin/iptables", "/sbin/iptables", "/usr/sbin/nft", "/sbin/nft")
# Saved rules, and the unit that loads them.
SAVED_RULES = {
    "/etc/iptables/rules.v4": "netfilter-persistent.service",
    "/etc/sysconfig/iptables": "iptables.service",
    "/etc/nftables.conf": "nftables.service",
    "/etc/sysconfig/nftables.conf": "nftables.service",
    "/etc/systemd/scripts/ip4save": "iptables.service",  # Azure Linux and Photon
}
SSH = 22
UNUSED = 61_616  # a port that no service of firewalld is for
PROTOCOLS = {"tcp": ("tcp",), "udp": ("udp",), "both": ("tcp", "udp")}
BLOCKING = re.compile(
    r"-j (?:DROP|REJECT)|^:INPUT (?:DROP|REJECT)|policy drop|^\s*(?:drop|reject)\b", re.MULTILINE
)


@rule("LNX-NET-001")
def card_gets_its_address(case: Case) -> Answer:
    guest = case.guest
    cards, given = network.cards(guest), None
    rendered = cloudinit.renders_network(guest) and provisioning.runs(guest)
    if rendered:
        given = network.of_cloud_init(guest)
    for card in [*cards, *(given or ())]:
        if card.mac:
            return unmet(f"{card.name} is tied to the hardware address {card.mac}", card.where)
        if card.static:
            return unmet(f"{card.name} has a static address", card.where)
    first = networkd.first_card(guest)
    dynamic = next(
        (card for card in [*cards, *(given or ())] if card.first and card.dhcp and card.on_boot), None
    )
    if dynamic:
        return met(f"{dynamic.name} uses DHCP at boot", dynamic.where)
    others = [card for card in [*cards, *(given or ())] if card.dhcp and not card.first]
    if rendered and given is None:
        unread = network.unread_folder(guest)
        if not unread:
            return met("cloud-init configures the network at first boot")
        reason = f"cloud-init writes into {unread}, which {ifupdown.MAIN} does not read"
        return unmet(reason, ifupdown.MAIN)
    # NetworkManager uses DHCP on every card nobody configured, unless told otherwise.
    if systemd.started_by(guest, "NetworkManager.service") and not _no_auto_default(guest, first):
        return met("NetworkManager uses DHCP on any card")
    late = next((card for card in cards if card.dhcp and card.first), None)
    if late:
        return unmet(f"{late.name} does not start at boot", late.where)
    if others:
        named = shown([card.name for card in others])
        return unmet(f"DHCP is for {named}; on Azure the first card is {first}", others[0].where)
    return unmet("nothing asks for DHCP at boot", given[0].where if given else "")


@rule("LNX-NET-002")
def rhel_network_file(case: Case) -> Answer:
    ifcfg = case.guest.glob("/etc/sysconfig/network-scripts/ifcfg-eth*")
    if release.read(case.guest).family != "rhel" or not ifcfg:
        return skipped("only for RHEL-like systems with ifcfg files")
    fields = assignments(text(case.guest, "/etc/sysconfig/network") or "")
    networking = {key.casefold(): value for key, value in fields.items()}.get("networking", "")
    path = "/etc/sysconfig/network"
    good = networking.casefold() == "yes"
    return met("NETWORKING=yes", path) if good else unmet("NETWORKING=yes is missing", path)


@rule("LNX-NET-003")
def suse_dhcp_hostname(case: Case) -> Answer:
    if release.read(case.guest).family != "suse":
        return skipped("only for SUSE")
    path = "/etc/sysconfig/network/dhcp"
    value = assignments(text(case.guest, path) or "").get("DHCLIENT_SET_HOSTNAME", "")
    evidence = f'DHCLIENT_SET_HOSTNAME="{value}"'
    return met(evidence, path) if value.casefold() == "no" else unmet(evidence, path)


@rule("LNX-NET-004")
def azure_linux_files(case: Case) -> Answer:
    found = release.read(case.guest)
    if found.family != "azurelinux":
        return skipped("only for Azure Linux")
    guest = case.guest
    if not any(exists(guest, f"{folder}/networkd.conf") for folder in ("/etc/systemd", "/usr/lib/systemd")):
        return unmet("networkd.conf is missing", "/etc/systemd")
    path, word = "/etc/dhcpcd.conf", "host_name"
    if found.major < 3:
        path, word = "/etc/dhcp/dhclient.conf", "host-name"
    return met(word, path) if word in (text(guest, path) or "") else unmet(f"{word} is not sent", path)


@rule("LNX-NET-005")
def network_manager(case: Case) -> Answer:
    found = release.read(case.guest)
    by = systemd.started_by(case.guest, "NetworkManager.service")
    state = f"NetworkManager {'starts' if by else 'does not start'} on {found.name or found.id}"
    seven = found.family == "rhel" and found.major == 7
    if "guide-2015" in case.graders:
        return met(state, by or "") if bool(by) == seven else unmet(state, by or "", graders=("guide-2015",))
    if found.family != "rhel" or not found.major or found.id == "fedora":
        return skipped("only for RHEL-like systems")
    good = not by if found.major < 7 else bool(by) or seven
    return met(state, by or "") if good else unmet(state, by or "")


@rule("LNX-NET-006")
def no_name_servers_of_the_build(case: Case) -> Answer:
    path = "/etc/resolv.conf"
    facts = case.guest.stat(path, follow=False)
    if facts is None:
        return met("absent", path)
    if facts.kind is Kind.LINK:
        target = case.guest.readlink(path) or ""
        runtime = target.removeprefix("..").startswith(("/run/", "/var/run/", "/usr/lib/systemd/"))
        return met(f"a link to {target}", path) if runtime else unmet(f"a link to {target}", path)
    words = ("nameserver", "search", "domain")
    servers = [line for line in lines(case.guest, path) if line.startswith(words)]
    return unmet(shown(servers), path) if servers else met("names no server", path)


@rule("LNX-NET-007")
def no_leases(case: Case) -> Answer:
    every = (path for pattern in LEASES for path in case.guest.glob(pattern))
    found = [path for path in every if _has_content(case.guest, path)]
    return unmet(shown(found), found[0]) if found else met("no cached DHCP lease")


@rule("LNX-NET-008")
def firewall_lets_in(case: Case) -> Answer:
    guest = case.guest
    for path, unit in SAVED_RULES.items():
        content = text(guest, path)
        if content and BLOCKING.search(content) and systemd.started_by(guest, unit):
            return unmet(f"rules that block are loaded by {unit}", path)
    ufw = assignments(text(guest, "/etc/ufw/ufw.conf") or "").get("ENABLED", "no")
    if ufw.casefold() == "yes":
        return unmet("ufw is enabled", "/etc/ufw/ufw.conf")
    if firewalld.starts(guest):
        return _firewalld(case)
    program = next((path for path in FIREWALL_PROGRAMS if exists(guest, path)), None)
    if program is None and "guide-2015" in case.graders:
        return unmet("neither iptables nor nft is installed", graders=("guide-2015",))
    return met("no rules that block are loaded at boot", program or "")


def _firewalld(case: Case) -> Answer:
    """Met where what the plan offers is let in; without a plan, what else it offers is not known."""
    zone, said = firewalld.zone_of_first_card(case.guest)
    wanted = [(SSH, "tcp")] if case.sku is None or case.sku.properties.remote_connection else []
    for offered in case.sku.ports if case.sku else []:
        # Of a range its ends are asked for.
        ends = dict.fromkeys(int(end) for end in offered.range.split("-") if end.isdecimal())
        wanted += [(end, protocol) for end in ends for protocol in PROTOCOLS[offered.protocol]]
    for port, protocol in wanted:
        verdict = firewalld.lets_in(case.guest, port, protocol)
        if not verdict.let_in:
            return unmet(f"firewalld rejects {protocol} {port} in the zone {zone}", verdict.where)
    if case.sku is None and not firewalld.lets_in(case.guest, UNUSED, "tcp").let_in:
        return unmet(f"firewalld rejects all but what the zone {zone} opens", said)
    return met(f"firewalld, in the zone {zone}, lets in what the plan offers", said)


@rule("LNX-DHCP-001")
def dhclient_is_patient(case: Case) -> Answer:
    if not any(exists(case.guest, path) for path in DHCLIENT):
        return skipped("dhclient is not installed")
    wanted = case.rule.limits["seconds"]
    for path in DHCLIENT_FILES:
        found = [re.fullmatch(r"timeout\s+(\d{1,9})\s*;", line) for line in lines(case.guest, path)]
        seconds = [int(match[1]) for match in found if match]
        if seconds:
            evidence = f"timeout {seconds[-1]}"
            return met(evidence, path) if seconds[-1] >= wanted else unmet(evidence, path)
    return unmet("no timeout is set, so dhclient gives up after 60 seconds", DHCLIENT_FILES[0])


def _no_auto_default(guest: Guest, card: str) -> bool:
    """Whether NetworkManager leaves `card` alone, or makes no connection of its own for it."""
    files = (path for pattern in network.NM_CONFIGURATIONS for path in guest.glob(pattern))
    settings = [line.replace(" ", "") for path in files for line in lines(guest, path)]
    given = [line.partition("=")[2] for line in settings if line.startswith("no-auto-default=")]
    words = given[-1].split(",") if given else []
    return network.unmanaged(guest, card) or bool({"*", card, f"interface-name:{card}"} & set(words))


def _has_content(guest: Guest, path: str) -> bool:
    facts = guest.stat(path)
    return facts is not None and facts.kind is Kind.FILE and facts.size > 0
