"""Codes by which Azure says why it did not do something: the list is failure.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Code:
    """One code. `another`: whether a machine of another size or in another region may be had."""

    name: str
    source: str
    hint: str
    another: bool = False


def find(text: str) -> Code | None:
    """The first known code that stands as a word in `text`."""
    return next((code for code in codes() if re.search(rf"\b{code.name}\b", text)), None)


@cache
def codes() -> tuple[Code, ...]:
    """All codes, in the order of the file."""
    table = tomllib.loads(files("vmoffer.azure").joinpath("failure.toml").read_text(encoding="utf-8"))
    return tuple(Code(name=name, **row) for name, row in table.items())
