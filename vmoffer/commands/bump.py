"""`vmoffer bump`: the next version of a plan."""

from __future__ import annotations

import click


@click.command("bump")
@click.argument("sku")
@click.argument("level", type=click.Choice(["patch", "minor", "major"]))
def command(sku: str, level: str) -> None:
    """Raise the version in a definition; everything else in the file, comments too, stays as it is.

    \b
    Example: vmoffer bump demo/debian-12 patch
    """
    import json

    from generator import catalogue, edit
    from vmoffer.console import say, show

    definition = catalogue.find(sku)
    before = definition.sku.version
    after = edit.bumped(before, level)
    text = definition.path.read_bytes().decode("utf-8")
    edit.save(definition.path, edit.replace(text, ("version",), json.dumps(after)))
    show(after)
    say(f"{definition.path}: {before} -> {after}")
