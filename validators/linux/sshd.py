"""The SSH server's configuration as sshd reads it: Include in place, first value wins, Match apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from validators.guest import Guest, Undecidable, text

MAIN_FILES = ("/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config", "/usr/local/etc/ssh/sshd_config")
MAX_DEPTH = 16  # sshd's own bound on nested Include
MAX_DIRECTIVES = 20_000
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LINE = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)")
_TIME = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)
_WORD = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Directive:
    """One line. `match` holds the criteria of the Match block it stands in, empty outside of any."""

    keyword: str
    value: str
    file: str
    line: int
    match: str = ""

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Config:
    main: str
    directives: tuple[Directive, ...]

    def effective(self, keyword: str) -> Directive | None:
        """The line whose value counts for everybody."""
        return next((found for found in self.all(keyword) if not found.match), None)

    def all(self, keyword: str) -> list[Directive]:
        return [found for found in self.directives if found.keyword == keyword.casefold()]


def read(guest: Guest) -> Config | None:
    """The configuration; None if there is no main file."""
    for main in MAIN_FILES:
        content = text(guest, main)
        if content is not None:
            return Config(main, tuple(_directives(guest, main, content)))
    return None


def seconds(value: str) -> int | None:
    """A time as sshd writes it (`180`, `3m`, `1h30m`) in seconds; None if it is none."""
    parts = _TIME.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return None
    return sum(int(number[:12]) * UNITS[unit.casefold()] for number, unit in parts)


def parse(content: str, file: str) -> Iterator[Directive]:
    """The directives of one file, Include not followed."""
    match = ""
    for number, line in enumerate(content.splitlines(), 1):
        found = _LINE.fullmatch(line)
        if not found:
            continue
        keyword, value = found[1].casefold(), _without_comment(found[2])
        if keyword == "match":
            match = value or "(nothing)"
        yield Directive(keyword, value, file, number, match)


def _directives(guest: Guest, file: str, content: str) -> Iterator[Directive]:
    count = 0
    # (directives still to read, criteria of the Match block the Include stands in)
    stack: list[tuple[Iterator[Directive], str]] = [(parse(content, file), "")]
    while stack:
        current, inherited = stack[-1]
        found = next(current, None)
        if found is None:
            stack.pop()
            continue
        count += 1
        if count > MAX_DIRECTIVES:
            raise Undecidable(f"{file}: more than {MAX_DIRECTIVES} settings with all its includes")
        match = found.match or inherited
        if found.keyword != "include":
            yield Directive(found.keyword, found.value, found.file, found.line, match)
            continue
        if len(stack) > MAX_DEPTH:
            raise Undecidable(f"{found.where}: includes are nested deeper than {MAX_DEPTH}")
        for path in reversed(_included(guest, found.value)):
            stack.append((parse(text(guest, path) or "", path), match))


def _included(guest: Guest, value: str) -> list[str]:
    paths: list[str] = []
    for quoted, plain in _WORD.findall(value):
        pattern = quoted or plain
        paths += guest.glob(pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}")
    return paths


def _without_comment(value: str) -> str:
    bare = re.sub(r"(?:^|\s)#.*", "", value).strip()
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' and '"' not in bare[1:-1] else bare
