"""Where sshd takes the keys from that open an account, as its effective configuration says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from validators.guest import Guest, Kind, text
from validators.linux import accounts, sshd
from validators.linux.sshd_match import Connection

DEFAULTS = (".ssh/authorized_keys", ".ssh/authorized_keys2")  # sshd_config(5), AuthorizedKeysFile
SKELETON = "/etc/skel"  # what the home of every account that is made later starts with
NONE = "none"
_TOKEN = re.compile(r"%([%huU])")


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file that sshd reads for one account; `account` is empty where it is for names that may come."""

    path: str
    account: str
    content: str

    @property
    def lines(self) -> list[str]:
        """What is neither empty nor a comment."""
        stripped = (line.strip() for line in self.content.splitlines())
        return [line for line in stripped if line and not line.startswith("#")]


def files(guest: Guest, config: sshd.Config | None, known: list[accounts.Account]) -> Iterator[KeyFile]:
    """Every file with keys that there is: of accounts, of the skeleton, and of names that may come."""
    seen: set[tuple[str, str]] = set()
    for account in known:
        for path in (*_at_home(account.home, DEFAULTS), *_configured(config, guest, account)):
            if (path, account.home) not in seen:
                seen.add((path, account.home))
                yield from _file(guest, path, account.name)
    for path in _at_home(SKELETON, DEFAULTS):
        yield from _file(guest, path, "")
    read = {path for path, _ in seen}
    for pattern in _patterns(config, None):
        if pattern.startswith("/") and "%u" in pattern and "%h" not in pattern:
            for path in guest.glob(_TOKEN.sub(lambda token: "%" if token[1] == "%" else "*", pattern)):
                if path not in read:
                    yield from _file(guest, path, "")


def authorities(guest: Guest, config: sshd.Config | None) -> list[tuple[str, int]]:
    """Files of TrustedUserCAKeys that hold keys, and how many: who has one of them can make a login."""
    found = []
    for directive in config.all("trustedusercakeys") if config else ():
        name = directive.value
        path = name if name.startswith("/") else f"/{name}"
        keys = KeyFile(path, "", text(guest, path) or "").lines if name.casefold() != NONE else []
        if keys:
            found.append((path, len(keys)))
    return found


def commands(guest: Guest, config: sshd.Config | None) -> list[sshd.Directive]:
    """AuthorizedKeysCommand lines whose program is in the image."""
    found = config.all("authorizedkeyscommand") if config else []
    return [one for one in found if one.value.startswith("/") and guest.stat(one.value.split()[0])]


def principals(config: sshd.Config | None) -> list[sshd.Directive]:
    """What decides which certificates open which account, where it is not the account's name."""
    if config is None:
        return []
    either = (*config.all("authorizedprincipalsfile"), *config.all("authorizedprincipalscommand"))
    return [one for one in either if one.value.casefold() != NONE]


def _file(guest: Guest, path: str, account: str) -> Iterator[KeyFile]:
    facts = guest.stat(path)
    if facts is not None and facts.kind is Kind.FILE:
        yield KeyFile(path, account, text(guest, path) or "")


def _at_home(home: str, names: tuple[str, ...]) -> list[str]:
    return [f"{home.rstrip('/')}/{name}" for name in names] if home.startswith("/") else []


def _configured(config: sshd.Config | None, guest: Guest, account: accounts.Account) -> list[str]:
    """The files of AuthorizedKeysFile for this account, from wherever it logs in."""
    values = {"%": "%", "h": account.home.rstrip("/"), "u": account.name, "U": str(account.uid)}
    who = Connection(account.name, accounts.groups(guest, account), anywhere=True)
    found = []
    for pattern in _patterns(config, who):
        path = _TOKEN.sub(lambda token: values[token[1]], pattern)
        found += [path] if path.startswith("/") else _at_home(account.home, (path,))
    return found


def _patterns(config: sshd.Config | None, who: Connection | None) -> list[str]:
    """All that AuthorizedKeysFile names for `who`, or for anybody."""
    found: list[str] = []
    for directive in config.all("authorizedkeysfile") if config else ():
        if who is None or directive.for_match(who) or directive.at_start():
            found += [one for one in directive.arguments if one.casefold() != NONE]
    # sshd itself resolves ~ for root, as whom it runs.
    return [f"/root/{one[2:]}" if one.startswith("~/") else one for one in dict.fromkeys(found)]
