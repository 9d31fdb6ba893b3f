"""Rules of the Windows firewall as the registry has them: `v2.31|Action=Allow|Active=TRUE|Dir=In|…|`."""

from __future__ import annotations

from dataclasses import dataclass

from validators.guest import Guest

RULES = r"CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"


@dataclass(frozen=True, slots=True)
class Opening:
    """One rule. `hosts` are the remote addresses it is for; empty means all of them."""

    name: str
    active: bool
    allows: bool
    inbound: bool
    group: str
    hosts: frozenset[str]


def rules(guest: Guest) -> list[Opening]:
    """Every rule of the local policy."""
    values = guest.registry("SYSTEM").values(RULES)
    return [_parsed(value.name, value.data) for value in values if isinstance(value.data, str)]


def _parsed(name: str, text: str) -> Opening:
    fields: dict[str, set[str]] = {}
    for part in text.split("|"):
        key, equals, value = part.partition("=")
        if equals:
            fields.setdefault(key.casefold(), set()).add(value.casefold())

    def has(key: str, value: str) -> bool:
        return value in fields.get(key, ())

    hosts = {host.partition("/")[0] for key in ("ra4", "ra42") for host in fields.get(key, ())}
    group = next(iter(fields.get("embedctxt", ())), "")
    return Opening(
        name, has("active", "true"), has("action", "allow"), has("dir", "in"), group, frozenset(hosts)
    )
