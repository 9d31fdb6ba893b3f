"""What firewalld lets in, read from its files: direct rules, policies, rich rules, services, ports, targets.

In the order in which firewalld 1.x lets a packet pass them: firewalld.zone(5), firewalld.policy(5),
firewalld.richlanguage(5) and firewalld.direct(5). A rule for certain sources only says nothing about
customers, who come from anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from validators.guest import Guest, Undecidable, text
from validators.linux import systemd
from validators.linux.release import assignments

UNIT = "firewalld.service"
FOLDERS = ("/etc/firewalld", "/usr/lib/firewalld")  # the first one wins
CONFIGURATION = "/etc/firewalld/firewalld.conf"
CONNECTIONS = (
    "/etc/sysconfig/network-scripts/ifcfg-eth0",
    "/etc/NetworkManager/system-connections/*.nmconnection",
)
# What a rich rule may be about; one that names none of them is about everything.
ELEMENTS = (
    "service", "port", "protocol", "source-port", "icmp-type", "icmp-block", "masquerade", "forward-port",
    "destination",
)  # fmt: skip
FALLBACK = "public"  # firewalld's own, if no default zone is named
FIRST_CARD = "eth0"
ALL_SOURCES = ("0.0.0.0/0", "::/0")
OPEN, SHUT = True, False
# Connections that a direct rule takes out of those that begin: they say nothing about a new one.
_NARROWED = re.compile(r"(?:^|\s)(?:-s|--source|-i|-m|--match|!|-d|--destination)\b|ESTABLISHED")
_PORT = re.compile(r"--dports?\s+([\d,:]+)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a connection is let in, and the file that says so."""

    let_in: bool
    where: str


def starts(guest: Guest) -> bool:
    return systemd.started_by(guest, UNIT) is not None


def zone_of_first_card(guest: Guest) -> tuple[str, str]:
    """The zone that eth0 is in, and the file that says so."""
    for path in _files(guest, "zones"):
        if any(one.get("name") == FIRST_CARD for one in _xml(guest, path).iter("interface")):
            return path.rpartition("/")[2].removesuffix(".xml"), path
    for pattern in (
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "/etc/NetworkManager/system-connections/*.nmconnection",
    ):
        for path in guest.glob(pattern):
            found = re.search(r"^(?:ZONE|zone)\s*=\s*[\"']?([\w-]+)", text(guest, path) or "", re.MULTILINE)
            if found:
                return found[1], path
    return assignments(text(guest, CONFIGURATION) or "").get("DefaultZone", FALLBACK), CONFIGURATION


def lets_in(guest: Guest, port: int, protocol: str) -> Verdict:
    """Whether a new connection to `port` from anywhere is let in. Raises Undecidable if a file is broken."""
    for decided, where in _chain(guest, port, protocol):
        if decided is not None:
            return Verdict(decided, where)
    return Verdict(SHUT, CONFIGURATION)


def _chain(guest: Guest, port: int, protocol: str) -> Iterator[tuple[bool | None, str]]:
    zone, _ = zone_of_first_card(guest)
    path = _named(guest, "zones", zone)
    if path is None:
        raise Undecidable(f"firewalld's zone {zone} is not in the image")
    root = _xml(guest, path)
    policies = [(int(_number(one.get("priority"), -1)), one, file) for file, one in _policies(guest, zone)]
    policies.sort(key=lambda policy: policy[0])
    yield from _direct(guest, port, protocol)
    for priority, policy, file in policies:
        if priority < 0:
            yield from _content(guest, policy, file, port, protocol)
            yield _target(policy.get("target", "CONTINUE")), file
    yield from _content(guest, root, path, port, protocol)
    for priority, policy, file in policies:
        if priority >= 0:
            yield from _content(guest, policy, file, port, protocol)
    # `default` rejects, as %%REJECT%% and DROP do.
    yield _target(root.get("target", "%%REJECT%%")) or SHUT, path


def _target(name: str) -> bool | None:
    return {"ACCEPT": OPEN, "CONTINUE": None}.get(name, SHUT)


def _content(
    guest: Guest, root: Element, path: str, port: int, protocol: str
) -> Iterator[tuple[bool | None, str]]:
    """The rich rules by priority, denying ones first, and the services and ports between them."""
    rules = []
    for rule in root.iter("rule"):
        source = rule.find("source")
        narrowed = source is not None and source.get("address") not in ALL_SOURCES
        decided = None if narrowed or rule.get("family") == "ipv6" else _action(rule)
        if decided is not None and _about(guest, rule, port, protocol):
            rules.append((int(_number(rule.get("priority"), 0)), decided, path))
    rules.sort()
    yield from ((decided, where) for priority, decided, where in rules if priority <= 0)
    if any(_covers(guest, child, port, protocol) for child in root):
        yield OPEN, path
    yield from ((decided, where) for priority, decided, where in rules if priority > 0)


def _action(rule: Element) -> bool | None:
    if rule.find("accept") is not None:
        return OPEN
    return SHUT if rule.find("reject") is not None or rule.find("drop") is not None else None


def _about(guest: Guest, rule: Element, port: int, protocol: str) -> bool:
    """Whether a rich rule is about this connection: by what it names, or by naming nothing."""
    named = [child for child in rule if child.tag in ELEMENTS]
    return not named or any(_covers(guest, child, port, protocol) for child in named)


def _covers(guest: Guest, element: Element, port: int, protocol: str, depth: int = 0) -> bool:
    if element.tag == "port":
        return element.get("protocol") == protocol and _within(element.get("port", ""), port)
    if element.tag == "protocol":
        return element.get("value") == protocol
    if element.tag in ("service", "include") and depth < 8:
        path = _named(guest, "services", element.get("name") or element.get("service") or "")
        if path is None:
            return False
        service = _xml(guest, path)
        return service.find("destination") is None and any(
            _covers(guest, child, port, protocol, depth + 1) for child in service
        )
    return False


def _policies(guest: Guest, zone: str) -> Iterator[tuple[str, Element]]:
    """Policies for what comes from the zone, or from any, to this machine."""
    for path in _files(guest, "policies"):
        root = _xml(guest, path)
        come = {one.get("name") for one in root.iter("ingress-zone")}
        go = {one.get("name") for one in root.iter("egress-zone")}
        if come & {"ANY", zone} and "HOST" in go and root.get("disable", "no") != "yes":
            yield path, root


def _direct(guest: Guest, port: int, protocol: str) -> Iterator[tuple[bool | None, str]]:
    """Rules of iptables, in order of priority; they are asked before everything else."""
    path = f"{FOLDERS[0]}/direct.xml"
    if text(guest, path) is None:
        return
    rules = [one for one in _xml(guest, path).iter("rule") if one.get("ipv") != "ipv6"]
    rules = [one for one in rules if one.get("chain") in ("INPUT", "INPUT_direct")]
    rules.sort(key=lambda rule: _number(rule.get("priority"), 0))
    for rule in rules:
        words = " ".join((rule.text or "").split())
        found = re.search(r"-j\s+(ACCEPT|DROP|REJECT)", words)
        about = re.search(r"(?:-p|--protocol)\s+(\w+)", words)
        ports = _PORT.search(words)
        rest = re.sub(r"-m\s+(?:tcp|udp|multiport)\b", "", words)
        if not found or _NARROWED.search(rest) or (about and about[1] not in (protocol, "all")):
            continue
        if ports and not any(_within(one.replace(":", "-"), port) for one in ports[1].split(",")):
            continue
        yield found[1] == "ACCEPT", path


def _files(guest: Guest, kind: str) -> list[str]:
    """The files of a kind, those of the administrator before the vendor's of the same name."""
    found: dict[str, str] = {}
    for folder in reversed(FOLDERS):
        found.update({path.rpartition("/")[2]: path for path in guest.glob(f"{folder}/{kind}/*.xml")})
    return [found[name] for name in sorted(found)]


def _named(guest: Guest, kind: str, name: str) -> str | None:
    return next((path for path in _files(guest, kind) if path.endswith(f"/{name}.xml")), None)


def _xml(guest: Guest, path: str) -> Element:
    content = text(guest, path) or ""
    if "<!" in re.sub(r"<!--.*?-->", "", content, flags=re.DOTALL):
        raise Undecidable(f"{path} declares a document type, which firewalld's files do not")
    try:
        return ElementTree.fromstring(content.encode())  # noqa: S314 - no document type, so no entities
    except ElementTree.ParseError as error:
        raise Undecidable(f"{path} is not XML: {error}") from None


def _within(range_: str, port: int) -> bool:
    first, dash, last = range_.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        return False
    return int(first) <= port <= int(last if dash else first)


def _number(value: str | None, default: int) -> int:
    return int(value) if value and re.fullmatch(r"-?\d{1,6}", value) else default
