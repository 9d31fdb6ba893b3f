"""chrony's configuration, with the files it includes."""

from __future__ import annotations

from collections.abc import Iterator

from validators.guest import Guest, lines

FILES = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
DEPTH = 4  # of includes; distributions use one


def directives(guest: Guest) -> Iterator[tuple[list[str], str]]:
    """Every line as words, and its file; directives in any case, as chrony takes them."""
    for path in FILES:
        yield from _file(guest, path, DEPTH)


def _file(guest: Guest, path: str, depth: int) -> Iterator[tuple[list[str], str]]:
    for line in lines(guest, path):
        if line[0] in "!;%":
            continue
        words = line.split()
        words[0] = words[0].casefold()
        yield words, path
        if depth and words[0] in ("confdir", "include"):
            for word in words[1:]:
                pattern = f"{word}/*.conf" if words[0] == "confdir" else word
                for inner in guest.glob(pattern):
                    yield from _file(guest, inner, depth - 1)
