"""/etc/passwd and /etc/shadow: who can log in, and where they live."""

from __future__ import annotations

from dataclasses import dataclass

from validators.guest import Guest, text

NO_LOGIN = ("nologin", "false", "sync", "shutdown", "halt")


@dataclass(frozen=True, slots=True)
class Account:
    """`password` is the field of shadow (or of passwd, where it is kept there); never show it."""

    name: str
    uid: int
    home: str
    shell: str
    password: str
    gid: int = -1

    @property
    def can_log_in(self) -> bool:
        """Whether its shell is one. An empty field means /bin/sh."""
        return self.shell.rpartition("/")[2] not in NO_LOGIN

    @property
    def locked(self) -> bool:
        """Whether no password opens it: crypt never produces a field with `*` or `!` in it."""
        return "*" in self.password or "!" in self.password


def read(guest: Guest) -> list[Account]:
    """All accounts of /etc/passwd; empty if there is no such file."""
    shadow: dict[str, str] = {}
    for line in (text(guest, "/etc/shadow") or "").splitlines():
        fields = line.split(":")
        if len(fields) > 1:
            shadow.setdefault(fields[0], fields[1])
    found = []
    for line in (text(guest, "/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) < 7 or not fields[0] or fields[0][0] in "+-#":
            continue
        uid, gid = (int(one) if one.isdecimal() and len(one) < 11 else -1 for one in fields[2:4])
        password = shadow.get(fields[0], "*") if fields[1] == "x" else fields[1]
        found.append(Account(fields[0], uid, fields[5], fields[6].strip(), password, gid))
    return found


def groups(guest: Guest, account: Account) -> tuple[str, ...]:
    """The names of the groups that the account is in."""
    rows = (line.split(":") for line in (text(guest, "/etc/group") or "").splitlines())
    return tuple(
        row[0]
        for row in rows
        if len(row) > 3 and (row[2] == str(account.gid) or account.name in row[3].strip().split(","))
    )


def homes(accounts: list[Account]) -> list[str]:
    """Folders where people's files may lie: homes of accounts that log in; never the whole tree."""
    folders = {"/root", *(account.home for account in accounts if account.can_log_in)}
    folders = {folder.rstrip("/") for folder in folders if folder.startswith("/")}
    return sorted(folders - {"", "/bin", "/dev", "/usr", "/var", "/etc", "/proc", "/nonexistent"})
