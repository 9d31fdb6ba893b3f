"""Which systems a definition can start from, and the Marketplace images that builds of them start from."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from generator.errors import Unusable
from generator.generation import Generation

ASK = "az vm image list --all --publisher NAME --output table"


@dataclass(frozen=True)
class Image:
    """A Marketplace image without its version, named as `az vm image list` names it."""

    publisher: str
    offer: str
    sku: str

    @classmethod
    def parse(cls, text: str) -> Image:
        """`publisher:offer:sku`, also with a version after it, which is left to the build."""
        parts = text.split(":")
        if len(parts) not in (3, 4) or not all(parts):
            raise Unusable(f"{text!r} is no image: write publisher:offer:sku", hint=f"{ASK} shows them")
        return cls(*parts[:3])


@dataclass(frozen=True)
class System:
    """One row of systems.yaml: an operating system, by the name that `vmoffer new --os` takes."""

    family: str
    distribution: str
    version: str
    name: str
    gib: int
    seen: tuple[str, ...]
    images: dict[Generation, Image] = field(default_factory=dict)
    recipe: str | None = None
    plan: bool = False


@cache
def table() -> dict[str, Any]:
    """systems.yaml as it is: the date it was checked, the sources, the rows."""
    text = files("generator").joinpath("systems.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = YAML(typ="safe").load(text)
    return data


@cache
def systems() -> dict[str, System]:
    """The rows of systems.yaml by name."""
    return {name: _system(row) for name, row in table()["systems"].items()}


def find(name: str) -> System:
    """The row of `name`; raises Unusable with the nearest names."""
    known = systems()
    if name in known:
        return known[name]
    # The distribution alone finds all of its releases: `ubuntu`, `windows`.
    close = [one for one in known if one.startswith(name.lower().split("-")[0])]
    close = close or difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    near = f"nearest: {', '.join(close)}; " if close else ""
    raise Unusable(f"no system {name!r} is known", hint=f"{near}all: {', '.join(known)}")


def _system(row: dict[str, Any]) -> System:
    images = {Generation(key): Image.parse(text) for key, text in row["images"].items()}
    return System(**{**row, "images": images, "seen": tuple(row["seen"])})
