"""Which plugins a locked project is built with: `plugins.sha256` in its folder, one installed file per line.

The versions in the template are taken from it, so the two cannot disagree. `sha256sum --check` reads it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Unusable

NAME = "plugins.sha256"
AGAIN = "vmoffer generate --locked writes it anew, --unlocked does without"
# As `packer init` and `packer plugins install` name what they install.
FILE = re.compile(
    r"packer-plugin-[a-z0-9-]+_v(?P<version>\d+\.\d+\.\d+)_x\d+\.\d+_(?P<platform>[a-z0-9]+_[a-z0-9]+)(\.exe)?"
)
LINE = re.compile(
    r"(?P<digest>[0-9a-f]{64})  (?P<source>[a-z0-9][a-z0-9.-]*/[A-Za-z0-9-]+/[a-z0-9-]+)/(?P<file>[^/\s]+)"
)
REQUIRED = re.compile(r'(source += "(?P<source>[^"]+)"\n\s*version += ")(?P<constraint>[^"]*)(?=")')


@dataclass(frozen=True)
class Plugin:
    """One installed file of a plugin: `source` as the template names it, `digest` its SHA-256."""

    source: str
    file: str
    digest: str

    @property
    def version(self) -> str:
        """X.Y.Z, from the name of the file."""
        found = FILE.match(self.file)
        assert found is not None
        return found["version"]


def read(folder: Path) -> tuple[Plugin, ...]:
    """What the project in `folder` is locked to; nothing if it is not. Raises Unusable for a damaged file."""
    path = folder / NAME
    if not path.is_file() or path.is_symlink():
        return ()
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        match = LINE.fullmatch(line)
        if match is None or not FILE.fullmatch(match["file"]):
            raise Unusable("this line names no plugin", where=f"{path}:{number}", hint=AGAIN)
        found.append(Plugin(match["source"], match["file"], match["digest"]))
    return tuple(found)


def text(plugins: Iterable[Plugin]) -> str:
    """The file."""
    return "".join(sorted(f"{one.digest}  {one.source}/{one.file}\n" for one in plugins))


def required(template: str) -> dict[str, str]:
    """Source → constraint of each plugin that the template requires."""
    return {match["source"]: match["constraint"] for match in REQUIRED.finditer(template)}


def pinned(template: str, plugins: Iterable[Plugin]) -> str:
    """`template` with the locked versions. Raises Unusable for a plugin that is not locked."""
    versions = {one.source: one.version for one in plugins}
    missing = required(template).keys() - versions.keys()
    if missing:
        raise Unusable(f"{NAME} does not name {', '.join(sorted(missing))}", hint=AGAIN)
    return REQUIRED.sub(lambda match: f"{match[1]}= {versions[match['source']]}", template)
