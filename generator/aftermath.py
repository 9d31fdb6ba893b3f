"""The vmoffer commands that follow a build: what Packer's shell-local post-processors run.

They are shell lines. Everything that a definition says reaches them quoted or as a variable of the
environment, so no name can become a command.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from generator.model import Builder, Disk, Generation, Sku


@dataclass(frozen=True)
class Command:
    """One post-processor: what it is called, a shell line, and whether it sends something away."""

    name: str
    line: str
    publishes: bool = False

    @property
    def recorded(self) -> str:
        """The line, run by what notes how it ended (note.sh)."""
        return f'sh "$VMOFFER_NOTE" {self.line}'


def result_name(sku: Sku, generation: Generation, what: str) -> str:
    """`report.json`, `sas.json`, …; a plan of several generations has one of each per generation."""
    stem, suffix = what.split(".", 1)
    return what if len(sku.generations) == 1 else f"{stem}-{generation}.{suffix}"


def commands(sku: Sku, builder: Builder, generation: Generation) -> list[Command]:
    """What happens to the disks of one image, in order."""
    return _after_qemu(sku, generation) if builder is Builder.QEMU else _after_azure(sku, generation)


def _after_qemu(sku: Sku, generation: Generation) -> list[Command]:
    disks = list(sku.disks(generation))
    return [
        Command("finalize", _finalize(generation)),
        Command(
            "validate", f'vmoffer validate --sku "$VMOFFER_SKU" {_reports(sku, generation)} {_paths(disks)}'
        ),
        Command("upload", _upload(disks), publishes=True),
        Command("sas", _sign(sku, generation, [_quote(disk.filename) for disk in disks]), publishes=True),
    ]


def _after_azure(sku: Sku, generation: Generation) -> list[Command]:
    """The OS disk and blank disks are blobs already; filled ones are made here and sent after them.

    Where the build leaves no VHDs there is nothing to do.
    """
    if not sku.makes_vhds(Builder.AZURE_ARM):
        return []
    disks = list(sku.disks(generation))
    filled = [disk for disk in disks if disk.data and not disk.data.blank]
    blobs, attached = [], 0
    for disk in disks:
        if disk.data and disk.data.blank:
            attached += 1
            blobs.append(f'{disk.lun}="$VMOFFER_DATA_DISK-{attached}.vhd"')
        elif not disk.data:
            blobs.append(_quote(disk.filename))
    result = []
    if filled:
        result.append(Command("finalize", f"{_finalize(generation)} --data-only"))
    result.append(Command("validate", _validate(sku, generation, [f"--blob {one}" for one in blobs], filled)))
    if filled:
        result.append(Command("upload", _upload(filled), publishes=True))
    everything = [*blobs, *(_quote(disk.filename) for disk in filled)]
    return [*result, Command("sas", _sign(sku, generation, everything), publishes=True)]


def _validate(sku: Sku, generation: Generation, blobs: list[str], files: list[Disk]) -> str:
    """The blobs where they are, by ranged reads, and the files beside them; before anything is handed out."""
    where = f'--sku "$VMOFFER_SKU" --container "$VMOFFER_CONTAINER" --generation {generation}'
    given = " ".join([*blobs, *([_paths(files)] if files else [])])
    return f"vmoffer validate {where} --record {_reports(sku, generation)} {given}"


def _reports(sku: Sku, generation: Generation) -> str:
    names = [result_name(sku, generation, f"report.{suffix}") for suffix in ("json", "html", "xml", "sarif")]
    return " ".join(f"--out {_in_out(name)}" for name in names)


def _finalize(generation: Generation) -> str:
    raw = f'"$VMOFFER_OUT"/{generation}/raw'
    return f'vmoffer finalize "$VMOFFER_SKU" --generation {generation} --raw {raw} --out "$VMOFFER_OUT"'


def _upload(disks: list[Disk]) -> str:
    return f'vmoffer upload --sku "$VMOFFER_SKU" --container "$VMOFFER_CONTAINER" {_paths(disks)}'


def _sign(sku: Sku, generation: Generation, blobs: list[str]) -> str:
    out = _in_out(result_name(sku, generation, "sas.json"))
    # Quiet: this goes into Packer's log, and the URIs hold signatures.
    where = '--sku "$VMOFFER_SKU" --container "$VMOFFER_CONTAINER"'
    return f"vmoffer sas make {where} --quiet --out {out} {' '.join(blobs)}"


def _paths(disks: list[Disk]) -> str:
    return " ".join(_in_out(disk.filename) for disk in disks)


def _in_out(name: str) -> str:
    return f'"$VMOFFER_OUT"/{_quote(name)}'


def _quote(name: str) -> str:
    """One word of the shell. Packer evaluates `{{` in lines: the quotes end between the braces."""
    return shlex.quote(name).replace("{{", "{''{").replace("{{", "{''{")
