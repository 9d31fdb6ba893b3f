"""The SSH server's configuration as sshd evaluates it: quoting, Include in place, Match, first value wins.

Written after servconf.c, match.c and misc.c of OpenSSH 9.2; tests/validators/test_sshd_configuration.py
compares it with the real `sshd -T`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from validators.guest import Guest, Undecidable, exists, masked, text
from validators.linux import systemd
from validators.linux.sshd_match import NOBODY, BadMatch, Connection, Criteria

MAIN_FILES = ("/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config", "/usr/local/etc/ssh/sshd_config")
PROGRAMS = ("/usr/sbin/sshd", "/sbin/sshd", "/usr/local/sbin/sshd")
UNITS = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket")
INSTANCES = ("ssh@.service", "sshd@.service")  # what the sockets start
FOLDER = "/etc/ssh"  # where a relative Include is looked for
MAX_DEPTH = 16  # sshd's own bound on nested Include
MAX_DIRECTIVES = 20_000
LARGEST = 2**31 - 1  # seconds; sshd keeps a time in an int
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# What follows the keyword is one text, with its quotes and comments.
RAW = ("forcecommand", "authorizedkeyscommand", "authorizedprincipalscommand")
SINGLE = ("clientaliveinterval", "trustedusercakeys", "authorizedprincipalsfile", "authorizedkeyscommanduser")
_TIME = re.compile(r"[ \t\v\f\r]*([+-]?\d+)([smhdw]?)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Directive:
    """One line, with the Match blocks it stands in: one entry per file on the way to it, None before any."""

    keyword: str
    value: str
    file: str
    line: int
    arguments: tuple[str, ...] = ()
    blocks: tuple[Criteria | None, ...] = ()

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def match(self) -> str:
        """The criteria of the Match blocks around it, `all` left out; empty if it is for everybody."""
        return " and ".join(block.text for block in self.blocks if block and not block.everybody)

    def at_start(self) -> bool:
        """Whether sshd takes it before anybody connects: there only `Match all` matches."""
        return all(block is None or block.everybody for block in self.blocks)

    def for_match(self, connection: Connection) -> bool:
        """Whether it is taken in the second pass, which reads Match blocks only, once somebody connects."""
        inside = [block for block in self.blocks if block]
        return bool(inside) and all(block.match(connection) for block in inside)


@dataclass(frozen=True, slots=True)
class Config:
    """All directives in reading order. `refused` says why sshd would not start with them, if so."""

    main: str
    directives: tuple[Directive, ...]
    refused: str = ""

    def effective(self, keyword: str, connection: Connection = NOBODY) -> Directive | None:
        """The line whose value counts for `connection`: by default what `sshd -T` shows."""
        found = [one for one in self.all(keyword) if one.arguments]
        matched = next((one for one in found if one.for_match(connection)), None)
        return matched or next((one for one in found if one.at_start()), None)

    def all(self, keyword: str) -> list[Directive]:
        return [found for found in self.directives if found.keyword == keyword.casefold()]


def program(guest: Guest) -> str | None:
    """The server's path: a usual one, or what a unit runs; else None."""
    usual = next((path for path in PROGRAMS if exists(guest, path)), None)
    if usual:
        return usual
    known = [words for unit in (*UNITS, *INSTANCES) for words in systemd.commands(guest, unit)]
    for words in known or (words for _, words in systemd.running(guest, "sshd")):
        for word in words:
            if word.rpartition("/")[2] == "sshd" and exists(guest, word):
                return word
    return None


def started_by(guest: Guest) -> str | None:
    """What makes the server start at boot: one of its usual units, or any that runs it; else None."""
    return systemd.started_by(guest, *UNITS) or next(
        (unit for unit, _ in systemd.running(guest, "sshd")), None
    )


def read(guest: Guest, edit: Callable[[str], str] | None = None) -> Config | None:
    """The configuration; None if there is no main file. `edit` is what becomes of the main file's text."""
    for main in MAIN_FILES:
        content = text(guest, main)
        if content is not None:
            reader = _Reader(guest)
            try:
                directives = tuple(reader.file(main, edit(content) if edit else content))
            except _Refused as error:
                return Config(main, tuple(reader.seen), str(error))
            return Config(main, directives)
    return None


def seconds(value: str) -> int | None:
    """A time as sshd writes it (`180`, `3m`, `1h30m`) in seconds; None if it is none."""
    at = total = 0
    while at < len(value):
        found = _TIME.match(value, at)
        if not found or len(found[1]) > 20:
            return None
        count = int(found[1]) * SECONDS[found[2].casefold()]
        total += count
        if count < 0 or total > LARGEST:
            return None
        at = found.end()
    return total if value else None


def split(value: str) -> tuple[str, ...]:
    """The words of a line as sshd cuts them; `#` begins a comment. Raises ValueError for an open quote."""
    words = []
    at, end = 0, len(value)
    while at < end:
        if value[at] in " \t":
            at += 1
            continue
        if value[at] == "#":
            break
        word, quote = [], ""
        while at < end and (quote or value[at] not in " \t"):
            one, following = value[at], value[at + 1 : at + 2]
            if one == "\\" and following and (following in "'\"\\" or (following == " " and not quote)):
                word.append(following)
                at += 1
            elif not quote and one in "'\"":
                quote = one
            elif one == quote:
                quote = ""
            else:
                word.append(one)
            at += 1
        if quote:
            raise ValueError("a quote is not closed")
        words.append("".join(word))
    return tuple(words)


def parse(content: str, file: str) -> Iterator[Directive]:
    """The lines of one file, Include not followed and Match not evaluated. Raises Undecidable if broken."""
    try:
        yield from _lines(content, file)
    except _Refused as error:
        raise Undecidable(str(error)) from None


class _Refused(Exception):
    """sshd ends with an error instead of starting."""


@dataclass
class _Reader:
    guest: Guest
    seen: list[Directive] = field(default_factory=list)

    def file(self, path: str, content: str) -> list[Directive]:
        """All directives of `path` and of what it includes."""
        count = 0
        waiting: list[tuple[Iterator[Directive], tuple[Criteria | None, ...]]] = [
            (_lines(content, path), (None,))
        ]
        while waiting:
            lines, blocks = waiting[-1]
            found = next(lines, None)
            if found is None:
                waiting.pop()
                continue
            count += 1
            if count > MAX_DIRECTIVES:
                raise Undecidable(f"{path}: more than {MAX_DIRECTIVES} settings with all its includes")
            if found.keyword == "match":
                waiting[-1] = (lines, (*blocks[:-1], _criteria(found)))
            elif found.keyword == "include":
                included = self._included(found)
                if included and len(waiting) > MAX_DEPTH:
                    raise Undecidable(f"{found.where}: includes are nested deeper than {MAX_DEPTH}")
                waiting += [(_lines(inner, name), (*blocks, None)) for name, inner in reversed(included)]
            else:
                self.seen.append(
                    Directive(found.keyword, found.value, found.file, found.line, found.arguments, blocks)
                )
        return self.seen

    def _included(self, directive: Directive) -> list[tuple[str, str]]:
        """The files that an Include names, with their content, in the order in which sshd reads them."""
        if not directive.arguments or "" in directive.arguments:
            raise _Refused(f"{directive.where}: Include without a file name")
        found = []
        for pattern in directive.arguments:
            if pattern.startswith("~"):
                continue
            absolute = pattern if pattern.startswith("/") else f"{FOLDER}/{pattern}"
            for path in sorted(self.guest.glob(absolute)):
                content = text(self.guest, path)
                # sshd reads a folder, and what leads to /dev/null, as an empty file.
                if content is None and not masked(self.guest, path) and not exists(self.guest, path):
                    raise _Refused(f"{directive.where}: {path} leads nowhere, and sshd cannot read it")
                found.append((path, content or ""))
        return found


def _lines(content: str, file: str) -> Iterator[Directive]:
    for number, line in enumerate(content.split("\n"), 1):
        keyword, rest = _keyword(line.lstrip(" \t\r").rstrip(" \t\r\f"))
        if not keyword or keyword.startswith("#"):
            continue
        where = f"{file}:{number}"
        if not rest:
            raise _Refused(f"{where}: {keyword} without a value")
        keyword = keyword.casefold()
        try:
            arguments = split(rest)
        except ValueError as error:
            raise _Refused(f"{where}: {error}") from None
        if keyword in RAW:
            arguments = (rest,)
            if keyword != "forcecommand" and not rest.startswith("/") and rest.casefold() != "none":
                raise _Refused(f"{where}: {keyword} {rest} is no absolute path")
        elif keyword in SINGLE:
            _single(keyword, arguments, where)
        yield Directive(keyword, " ".join(arguments), file, number, arguments)


def _single(keyword: str, arguments: tuple[str, ...], where: str) -> None:
    """Refuse what sshd refuses for a keyword with exactly one value, in blocks that do not match too."""
    if not arguments or not arguments[0]:
        raise _Refused(f"{where}: {keyword} without a value")
    if len(arguments) > 1:
        raise _Refused(f"{where}: {keyword} with more than one value")
    if keyword == "clientaliveinterval" and seconds(arguments[0]) is None:
        raise _Refused(f"{where}: ClientAliveInterval {arguments[0]} is no time")


def _keyword(line: str) -> tuple[str, str]:
    """The first word and what follows it; one `=` may stand between them."""
    found = re.search(r'[ \t\r\n"=]', line)
    if not found:
        return line, ""
    at = found.start()
    if line[at] == '"':
        close = line.find('"', at + 1)
        if close < 0:
            return "", ""  # sshd takes a line whose first word has an open quote for an empty one
        return line[:at] + line[at + 1 : close], line[close + 1 :].lstrip(" \t\r\n")
    rest = line[at + 1 :].lstrip(" \t\r\n")
    if line[at] != "=" and rest.startswith("="):
        rest = rest[1:].lstrip(" \t\r\n")
    return line[:at], rest


def _criteria(directive: Directive) -> Criteria:
    try:
        return Criteria.parse(directive.arguments)
    except BadMatch as error:
        raise _Refused(f"{directive.where}: {error}") from None
