"""Configuration of systemd: sections and keys, of which a key may stand more than once, and its drop-ins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from validators.guest import Guest, text

Settings = dict[tuple[str, str], list[str]]  # (section, key) as systemd spells them → values in their order


def parse(content: str) -> Settings:
    """The settings of one file; an empty value forgets those before it, as systemd.syntax(7) has it."""
    found: Settings = {}
    section = ""
    for line in _lines(content):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if equals and section:
            values = found.setdefault((section, key.strip()), [])
            if not value.strip():
                values.clear()
            else:
                values.append(value.strip())
    return found


def _lines(content: str) -> Iterator[str]:
    """Lines joined where one ends in a backslash, without comments, which may stand between the parts."""
    open_line = ""
    for raw in content.split("\n"):
        bare = raw.strip()
        if bare.startswith(("#", ";")) or (not bare and not open_line):
            continue
        if bare.endswith("\\"):
            open_line += bare[:-1] + " "
            continue
        yield (open_line + bare).strip()
        open_line = ""
    if open_line:
        yield open_line.strip()


def files(guest: Guest, folders: Sequence[str], suffix: str) -> list[str]:
    """One path per file name, sorted by it; of the same name, that in the first of `folders`."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in guest.glob(f"{folder}/*{suffix}"):
            found.setdefault(path.rpartition("/")[2], path)
    return [found[name] for name in sorted(found)]


def read(guest: Guest, path: str, folders: Sequence[str]) -> Settings | None:
    """The settings of the file with its drop-ins; None where it is masked or empty."""
    content = text(guest, path) if guest.readlink(path) != "/dev/null" else None
    if not content:
        return None
    name = path.rpartition("/")[2]
    drop_ins = files(guest, [f"{folder}/{name}.d" for folder in folders], ".conf")
    return parse("\n".join([content, *((text(guest, each) or "") for each in drop_ins)]))
