"""What keeps the publisher's own steps from being run, seen before anything is built."""

from __future__ import annotations

from collections.abc import Iterator

from generator import packer_step, sources
from generator.catalogue import Definition
from generator.errors import Unusable
from generator.load import FieldPath

LINUX_ONLY = {
    "secrets": "on Linux only; on Windows a script can read a Key Vault with the identity of the machine",
    "ansible": "on Linux only; on Windows use a packer step",
}


def own_steps(definition: Definition) -> Iterator[tuple[FieldPath, str, str]]:
    """Field, what is wrong, what is allowed instead: for every step that cannot be run."""
    windows = definition.sku.os.family == "windows"
    for index, step in enumerate(definition.sku.steps):
        for name, allowed in LINUX_ONLY.items():
            if windows and getattr(step, name):
                yield ("steps", index, name), f"{name} on Windows", allowed
        if windows and step.file and "{{" in step.file.destination:
            field: FieldPath = ("steps", index, "file", "destination")
            yield field, "{{, which Packer would evaluate", "a path without"
        if step.packer and not sources.problem(definition, step.packer, "file"):
            try:
                packer_step.read(definition.root / step.packer)
            except Unusable as error:
                where = f" in {error.where}" if error.where else ""
                yield (
                    ("steps", index, "packer"),
                    f"{error.what}{where}",
                    error.hint or "HCL2 that Packer takes",
                )
        if step.ansible and step.ansible.folder:
            folder = (definition.root / step.ansible.folder).resolve()
            playbook = (definition.root / step.ansible.playbook).resolve()
            if not playbook.is_relative_to(folder):
                found = f"{step.ansible.playbook!r}, which is not in {step.ansible.folder!r}"
                yield ("steps", index, "ansible", "playbook"), found, "a file in the folder"
