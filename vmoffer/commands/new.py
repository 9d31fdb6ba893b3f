"""`vmoffer new`: a commented definition to start from, or a copy of another plan."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command("new")
@click.argument("sku", metavar="OFFER/PLAN")
@click.option("--os", "system", metavar="NAME",
              help="What the OS disk holds: debian-12, rhel-9, windows-server-2022 …")  # fmt: skip
@click.option("--generation", "generations", multiple=True, type=click.Choice(["gen2", "gen1", "arm64"]),
              help="May be repeated; the first carries the plan id. [default: gen2]")  # fmt: skip
@click.option("--data-disk", "disks", multiple=True, type=click.IntRange(1, 1023), metavar="GIB",
              help="Size of a blank data disk; may be repeated.")  # fmt: skip
@click.option("--image", metavar="PUBLISHER:OFFER:SKU",
              help="Marketplace image to start from. [default: the system's own]")  # fmt: skip
@click.option("--publisher", metavar="ID", help="Your id in Partner Center. [default: contoso]")
@click.option("--from", "other", metavar="SKU", help="Copy this plan; its version starts again.")
def command(
    sku: str,
    system: str | None,
    generations: tuple[str, ...],
    disks: tuple[int, ...],
    image: str | None,
    publisher: str | None,
    other: str | None,
) -> None:
    """Write skus/OFFER/PLAN.yaml: a commented definition that passes lint, and a stub of an install script.

    What is not given is asked for on a terminal, and takes its default elsewhere. An existing file stays.

    \b
    Example: vmoffer new shop/basic --os debian-12
             vmoffer new shop/pro --from shop/basic
    """
    from generator import catalogue, schema, starter
    from generator.atomic_file import atomic_write
    from generator.generation import Generation
    from generator.marketplace import systems
    from vmoffer.console import say, show

    path = starter.place(sku, catalogue.ROOT)
    if other and (system or generations or disks or image or publisher):
        raise click.UsageError("--from copies a plan as it is: give it alone, then edit the copy")
    if other:
        files = {path.name: _copy(other, sku, path)}
    else:
        if sys.stdin.isatty() and not system:
            system, generations, disks = _ask(generations, disks)
        if not system:
            raise click.UsageError(f"give --from SKU, or --os and one of {', '.join(systems())}")
        chosen = [Generation(one) for one in dict.fromkeys(generations)] or [Generation.GEN2]
        files = starter.project(starter.Choice(sku, system, publisher or "contoso", chosen, disks, image))
    for name, text in files.items():
        target = path.parent / name
        if target != path and target.exists():
            say(f"{target} is there already; it stays as it is")
            continue
        atomic_write(target, text, inside=catalogue.ROOT, new=True)
        if target != path:
            say(f"{target}: put there what you install")
    if schema.write(catalogue.ROOT):
        say(f"{catalogue.ROOT / schema.NAME}: what editors complete and check the definition by")
    show(path)
    say(f"next: edit it, then vmoffer lint {sku}")


def _copy(other: str, sku: str, path: Path) -> str:
    from generator import catalogue, edit
    from vmoffer.console import say

    source = catalogue.find(other)
    shift = os.path.relpath(source.root, path.parent)
    text = edit.copy(source.path.read_bytes().decode("utf-8-sig"), source.sku, sku, Path(shift).as_posix())
    say(f"copied from {source.path}; still its own there: titles, summaries, comments"
        + (", the gallery's image" if source.sku.gallery else ""))  # fmt: skip
    return text


def _ask(
    generations: tuple[str, ...], disks: tuple[int, ...]
) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """The questions of a terminal: the system, and what was not given of generations and data disks."""
    from generator.errors import Unusable
    from generator.marketplace import find, systems
    from vmoffer.console import say

    say(", ".join(systems()))
    while True:
        system = str(click.prompt("operating system", default="debian-12", err=True))
        try:
            known = find(system)
            break
        except Unusable as unknown:
            say(f"{unknown.what}; {unknown.hint}")
    if not generations and len(known.images) > 1:
        choice = click.Choice([str(one) for one in known.images])
        generations = (click.prompt("generation", type=choice, default="gen2", err=True),)
    if not disks:
        question = "data disks, sizes in GiB with spaces between"
        disks = click.prompt(question, default="", show_default=False, value_proc=_sizes, err=True)
    return system, generations, disks


def _sizes(text: str) -> tuple[int, ...]:
    sizes = click.IntRange(1, 1023)
    return tuple(sizes(part) for part in text.split())
