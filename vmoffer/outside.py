"""`--allow-outside`: sources of a definition that do not lie in its repository."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from vmoffer.console import say

if TYPE_CHECKING:
    from generator.catalogue import Definition


def _allow(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    from generator.sources import ALLOWED

    if value:
        os.environ[ALLOWED] = "1"


option = click.option(
    "--allow-outside",
    is_flag=True,
    expose_value=False,
    callback=_allow,
    help="Take sources from outside of the definition's repository, with a warning.",
)


def warn(definitions: Iterable[Definition]) -> None:
    """Say which sources lie outside, one line each."""
    from generator.lint import named_files
    from generator.sources import outside

    for definition in definitions:
        names = [name for _, name, _ in named_files(definition.sku)]
        for path in outside(definition, names):
            say(f"vmoffer: warning: {definition.path} takes {path}, outside of its repository")
