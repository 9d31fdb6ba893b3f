"""A size on the command line."""

from __future__ import annotations

import re

import click

UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Size(click.ParamType[int]):
    """A whole number of MiB, GiB or TiB: `512M`, `32G`, `1T`."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([1-9][0-9]{0,6})([MGT])(?:i?B)?", str(value).strip(), re.IGNORECASE)
        if found is None:
            self.fail(f"{value!r} is no size; write it like 32G (or 512M, 1T)", param, ctx)
        return int(found[1]) * UNITS[found[2].upper()]
