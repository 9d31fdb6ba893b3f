"""The SKU definitions of a publisher: `skus/<offer>/<plan>.yaml`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Unusable
from generator.load import FieldPath, Invalid, Lines, Problem, read
from generator.model import Sku

ROOT = Path("skus")


@dataclass(frozen=True)
class Definition:
    """A SKU and the file it was written in."""

    sku: Sku
    path: Path
    lines: Lines

    @property
    def root(self) -> Path:
        """The folder that relative paths of the definition start from."""
        return self.path.parent

    def line(self, *field: str | int) -> int:
        """The line of a field, or of the nearest parent that the file has."""
        path: FieldPath = field
        return self.lines.of(path)


@dataclass(frozen=True)
class Catalogue:
    """What could be read of a set of files, and what was wrong with the rest."""

    definitions: list[Definition]
    problems: list[Problem]


def open_file(path: Path) -> Definition:
    """The definition in one file; raises `generator.load.Invalid`."""
    document = read(path)
    return Definition(document.sku, path, document.lines)


def files(root: Path = ROOT) -> list[Path]:
    """The definition files below `root`, one folder per offer, in a stable order."""
    return sorted(path for path in root.glob("*/*") if path.suffix in {".yaml", ".yml"})


def scan(paths: list[Path]) -> Catalogue:
    """Read every file; a file that cannot be used adds its problems instead of stopping the rest."""
    definitions: list[Definition] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            definitions.append(open_file(path))
        except Invalid as invalid:
            problems.extend(invalid.problems)
    return Catalogue(definitions, problems)


def all(root: Path = ROOT) -> list[Definition]:
    """Every definition below `root`; raises `Invalid` with the problems of all files."""
    catalogue = scan(files(root))
    if catalogue.problems:
        raise Invalid(catalogue.problems)
    return catalogue.definitions


def locate(name: str, root: Path = ROOT) -> Path:
    """The file of `offer/plan`, or `name` itself when it is a path to a YAML file."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    for suffix in (".yaml", ".yml"):
        path = root / f"{name}{suffix}"
        if name.count("/") == 1 and ".." not in name and path.is_file():
            return path
    known = {definition.sku.id: definition.path for definition in scan(files(root)).definitions}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
    raise Unusable(f"no SKU {name!r} in {root}/: give offer/plan or a path to a YAML file", hint=hint)


def find(name: str, root: Path = ROOT) -> Definition:
    """The definition of `offer/plan` or of a YAML file; raises `Unusable` when there is none."""
    return open_file(locate(name, root))
