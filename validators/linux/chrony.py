"""chrony's configuration, with the files it includes."""

from __future__ import annotations

from collections.abc import Iterator

from validators.guest import Guest, Undecidable, lines

MOST = 100  # files; distributions have one or two
FILES = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")


def directives(guest: Guest) -> Iterator[tuple[list[str], str]]:
    """Every line as words, and its file; directives in any case, as chrony takes them.

    A file that is included twice, or by itself, is read once.
    """
    seen: set[str] = set()
    for path in FILES:
        yield from _file(guest, path, seen)


def _file(guest: Guest, path: str, seen: set[str]) -> Iterator[tuple[list[str], str]]:
    if path in seen:
        return
    if len(seen) >= MOST:
        raise Undecidable(f"{path}: chrony's configuration includes more than {MOST} files")
    seen.add(path)
    for line in lines(guest, path):
        if line[0] in "!;%":
            continue
        words = line.split()
        words[0] = words[0].casefold()
        yield words, path
        if words[0] in ("confdir", "include"):
            for word in words[1:]:
                pattern = f"{word}/*.conf" if words[0] == "confdir" else word
                for inner in guest.glob(pattern):
                    yield from _file(guest, inner, seen)
