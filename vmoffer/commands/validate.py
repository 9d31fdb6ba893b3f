"""`vmoffer validate`: judge disks against the certification rules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.generation import Generation
from vmoffer.path import FILE

if TYPE_CHECKING:
    from rich.console import Console

    from generator.model import Sku
    from publisher.inspection import Inspected
    from validators.reports.difference import Difference
    from validators.reports.document import Document

PROFILES = ("strict", "tool", "lisa", "policy", "azcert", "guide-2015")
FORMATS = ("text", "json", "junit", "sarif", "html")
SUFFIXES = {".json": "json", ".xml": "junit", ".sarif": "sarif", ".html": "html", ".txt": "text"}


@click.command()
@click.argument("disks", nargs=-1)
@click.option("--sku", help="offer/plan or a definition: compare the disks with what it declares.")
@click.option(
    "--generation", type=click.Choice([g.value for g in Generation]), help="Default: from the file names."
)
@click.option("--role", type=click.Choice(["auto", "os", "data"]), default="auto", help="What the disks are.")
@click.option("--profile", type=click.Choice(PROFILES), default="strict", help="Whose thresholds count.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Format on stdout.")
@click.option(
    "--out",
    type=FILE,
    multiple=True,
    help=f"Also write the report here; its name ends in {', '.join(SUFFIXES)}. Repeat for more.",
)
@click.option(
    "--waive",
    multiple=True,
    metavar="RULE",
    help="Do not hold the image to RULE; needs --why, in the same order. A definition has `waive` for it.",
)
@click.option("--why", multiple=True, metavar="TEXT", help="The reason for a --waive; it is in the report.")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    default=30,
    show_default=True,
    help="Seconds for one rule; then it is undecidable.",
)
@click.option(
    "--require-decided",
    is_flag=True,
    help="Exit status 1 also while a mandatory rule is not decided, here or elsewhere.",
)
@click.option("--diff", is_flag=True, help="DISKS are OLD and NEW: show what changed. Text and JSON only.")
@click.option("--all", "full", is_flag=True, help="Show rules that are met and those that do not apply, too.")
@click.option("--blob", "blobs", multiple=True, metavar="[LUN=]NAME", help="A blob of --container, as well.")
@click.option("--container", help="Name or URL, for --blob. Default: the SKU's, or `vhds`.")
@click.option("--record", is_flag=True, help="Note in blobs that meet the rules that they do; sas make asks.")
@click.option("--project", envvar="VMOFFER_PROJECT", metavar="DIGEST", help="Noted with --record.")
@click.pass_context
def command(
    ctx: click.Context,
    disks: tuple[str, ...],
    blobs: tuple[str, ...],
    container: str | None,
    record: bool,
    project: str | None,
    sku: str | None,
    generation: str | None,
    role: str,
    profile: str,
    form: str,
    out: tuple[Path, ...],
    waive: tuple[str, ...],
    why: tuple[str, ...],
    deadline: float,
    require_decided: bool,
    diff: bool,
    full: bool,
) -> None:
    """Judge the disks of one image: VHD, raw or qcow2, read without root, mount or boot.

    A disk may be the URL of a blob with its SAS; a small part of it is read, and nothing is stored. `-`
    takes such URLs from stdin, one a line: other users of this machine can see an argument.

    With --blob it is one of a container that you have the credentials of, as after a build in Azure.

    \b
    Exit status 1 if a mandatory rule is not met, 3 if a disk cannot be read. Where a mandatory rule could not
    be decided, the verdict is OPEN and the status 0. Example:
      vmoffer validate build/demo/debian-12/1.0.0/*.vhd --sku demo/debian-12 --out report.html
      vmoffer validate 1.0.0/os.vhd 1.0.1/os.vhd --diff
      vmoffer validate 'https://contoso.blob.core.windows.net/vhds/os.vhd?sv=…' --role os
    """
    from generator.errors import Unusable
    from validators import engine
    from validators.disk import Role
    from validators.remote import Place, place

    if len(waive) != len(why):
        raise Unusable("every --waive needs its own --why")
    given = [line for disk in disks for line in (sys.stdin.read().split() if disk == "-" else [disk])]
    if not given and not blobs:
        raise Unusable("no disk was given", hint="DISKS, --blob, or URLs on stdin for `-`")
    places = [place(text) for text in given]
    if diff and len(places) != 2:
        raise Unusable(f"--diff compares two disks, OLD and NEW; {len(places)} were given")
    _check_formats(form, out, FORMATS[:2] if diff else FORMATS)
    chosen: Role | None = None if role == "auto" else "os" if role == "os" else "data"
    definition = None
    if sku is not None:
        from generator import catalogue

        definition = catalogue.find(sku).sku
    meant = Generation(generation) if generation else None
    inspected = _opened(blobs, sku, container, definition, meant)
    places = [*(one.disk for one in inspected), *places]

    def judged(*paths: Place) -> Document:
        judgement = engine.judge(
            paths,
            sku=definition,
            generation=meant,
            role=chosen,
            profile=profile,
            waived=dict(zip(waive, why, strict=True)),
            seconds=deadline,
            # while the disks are opened in processes of their own
            meanwhile=lambda: importlib.import_module("validators.reports.text"),
        )
        from validators.reports import document

        return document.build(judgement, require_decided=require_decided)

    if diff:
        from validators.reports import difference

        old, new = (judged(disk) for disk in places)
        changes = difference.build(old, new)
        decisive = new
        _deliver(form, out, changes, lambda console: difference.write(changes, console))
    else:
        report = judged(*places)
        from validators.reports import text

        decisive = report
        _deliver(form, out, report, lambda console: text.write(report, console, full=full))
    from validators.reports.document import exit_status

    status = exit_status(decisive)
    if record and not status:
        for one in inspected:
            one.record(decisive["verdict"], project)
    ctx.exit(status)


def _opened(
    blobs: tuple[str, ...],
    sku: str | None,
    container: str | None,
    definition: Sku | None,
    generation: Generation | None,
) -> list[Inspected]:
    """The blobs that are read like disks, with the names that the plan has for them."""
    if not blobs:
        return []
    from publisher import inspection, store
    from vmoffer.target import credentials, storage

    place = storage(sku, container)
    target = store.connect(place.container, credentials(place), account=place.account, create=False)
    generations = [generation] if generation else definition.generations if definition else []
    planned = [disk for each in generations for disk in definition.disks(each)] if definition else []
    return inspection.opened(target, blobs, {disk.lun: disk.filename for disk in reversed(planned)})


def _check_formats(form: str, out: tuple[Path, ...], allowed: tuple[str, ...]) -> None:
    """Raise Unusable for a format that there is no view in."""
    from generator.errors import Unusable

    suffixes = {suffix: meant for suffix, meant in SUFFIXES.items() if meant in allowed}
    if form not in allowed:
        raise Unusable(f"--diff is not written as {form}", hint=f"one of {', '.join(allowed)}")
    for path in out:
        if path.suffix not in suffixes:
            hint = ", ".join(f"{suffix} ({meant})" for suffix, meant in suffixes.items())
            raise Unusable("the name of a report says its format", where=str(path), hint=f"one of {hint}")


def _deliver(
    form: str, out: tuple[Path, ...], report: Document | Difference, show: Callable[[Console], None]
) -> None:
    """Write the files, then stdout; `show` is the view in text, in colour on a terminal."""
    from rich.console import Console

    from generator.atomic_file import atomic_write
    from vmoffer.console import show_document

    def rendered(form: str) -> str:
        if form == "text":
            file = StringIO()
            show(Console(file=file, highlight=False, soft_wrap=True))
            return file.getvalue()
        if form == "json":
            from validators.reports.document import to_json

            return to_json(report)
        view = importlib.import_module(f"validators.reports.{form}")
        return str(view.render(report))

    for path in out:
        atomic_write(path, rendered(SUFFIXES[path.suffix]))
    if form == "text":
        show(Console(highlight=False, soft_wrap=True))
    else:
        show_document(rendered(form))
