"""The criteria of a Match line of sshd_config, and whether somebody who connects meets them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

WITH_VALUE = ("user", "group", "host", "address", "localaddress", "localport", "rdomain", "version")
WITHOUT_VALUE = ("invalid-user",)


class BadMatch(Exception):
    """sshd does not start with this line."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Who connects, and to where. What is empty matches no criterion, as with `sshd -T` without `-C`."""

    user: str = ""
    groups: tuple[str, ...] = ()
    host: str = ""
    address: str = ""
    local_address: str = ""
    local_port: int = 0
    anywhere: bool = False  # where it comes from and goes to may be anything


NOBODY = Connection()


@dataclass(frozen=True, slots=True)
class Criteria:
    """One Match line. `pairs` hold criterion and value; `everybody` is `Match all`."""

    text: str
    pairs: tuple[tuple[str, str], ...] = ()
    everybody: bool = False

    @classmethod
    def parse(cls, words: Sequence[str]) -> Criteria:
        """Raises BadMatch for what sshd refuses."""
        pairs: list[tuple[str, str]] = []
        waiting = list(words)
        text = " ".join(words)
        while waiting:
            name, _, value = waiting.pop(0).partition("=")
            name = name.casefold()
            if name == "all":
                if pairs or waiting:
                    raise BadMatch("Match all stands with other criteria")
                return cls(text, (), True)
            if name in WITHOUT_VALUE:
                pairs.append((name, ""))
                continue
            value = value or (waiting.pop(0) if waiting else "")
            if not value:
                raise BadMatch(f"Match {name} without a value")
            if name not in WITH_VALUE:
                raise BadMatch(f"Match knows no criterion {name}")
            _check(name, value)
            pairs.append((name, value))
        if not pairs:
            raise BadMatch("Match without a criterion")
        return cls(text, tuple(pairs))

    def match(self, connection: Connection) -> bool:
        return self.everybody or all(_meets(name, value, connection) for name, value in self.pairs)


def matches(value: str, patterns: str) -> bool:
    """Whether one of the patterns, separated by commas, matches and none that begins with `!` does."""
    positive = False
    for pattern in patterns.split(","):
        wanted = pattern.removeprefix("!")
        if _pattern(wanted).fullmatch(value):
            if pattern.startswith("!"):
                return False
            positive = True
    return positive


@lru_cache(256)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile(
        "".join(parts.get(one, re.escape(one)) for one in re.sub(r"\*+", "*", pattern)), re.DOTALL
    )


def _meets(name: str, value: str, connection: Connection) -> bool:
    if connection.anywhere and name not in ("user", "group"):
        return name != "invalid-user"
    match name:
        case "user":
            return bool(connection.user) and matches(connection.user, value)
        case "group":
            return _in_group(connection.groups, value)
        case "host":
            return bool(connection.host) and matches(connection.host.lower(), value.lower())
        case "address":
            return _in_network(connection.address, value)
        case "localaddress":
            return _in_network(connection.local_address, value)
        case "localport":
            return value.isdecimal() and int(value) == connection.local_port
    return False  # rdomain, version, invalid-user


def _in_group(groups: Sequence[str], patterns: str) -> bool:
    """Any group may match; one that a pattern with `!` matches excludes the user."""
    positive = False
    for group in groups:
        negated = [one[1:] for one in patterns.split(",") if one.startswith("!")]
        if any(_pattern(one).fullmatch(group) for one in negated):
            return False
        positive = positive or matches(group, patterns)
    return positive


def _in_network(address: str, patterns: str) -> bool:
    if not address:
        return False
    ours = ipaddress.ip_address(address)
    positive = False
    for pattern in patterns.split(","):
        wanted = pattern.removeprefix("!")
        network = _network(wanted)
        found = ours in network if network else bool(_pattern(wanted).fullmatch(address))
        if found and pattern.startswith("!"):
            return False
        positive = positive or found
    return positive


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """None if it is no address, and so a pattern. Raises BadMatch if the mask does not fit the address."""
    plain, slash, length = value.partition("/")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return None
    if slash and not (length.isdecimal() and int(length) <= 128):
        return None
    try:
        return ipaddress.ip_network(value if slash else plain, strict=True)
    except ValueError:
        raise BadMatch(f"{value}: the mask does not fit the address {address}") from None


def _check(name: str, value: str) -> None:
    if name in ("address", "localaddress"):
        for pattern in value.split(","):
            wanted = pattern.removeprefix("!")
            if not wanted:
                raise BadMatch(f"Match {name} with an empty address in {value}")
            _network(wanted)
    if name == "localport" and value.isdecimal() and not 0 < int(value) < 65536:
        raise BadMatch(f"Match localport {value}")
