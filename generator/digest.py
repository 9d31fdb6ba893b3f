"""The digest of a Packer project: the same wherever it is written, another one when its image would be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from blake3 import blake3

from generator import project
from generator.catalogue import Definition
from generator.lint import named_files
from generator.model import Builder


def digest(definition: Definition, builder: Builder) -> str:
    """64 hex digits of what `builder` makes of `definition`: the rendered project, and what it starts from.

    Raises what `project.prepare` raises, and OSError for a file that cannot be read.
    """
    whole = blake3()
    # A folder of its own, and no path of this machine: those of the publisher do not count.
    prepared = project.prepare(_placeless(definition), builder, Path("results/packer", builder))
    for name, content in sorted(prepared.files.items()):
        _add(whole, name, content if isinstance(content, Path) else content.encode())
    for field, name, _ in named_files(definition.sku):
        if field[0] in ("base", "data_disks"):  # of the rest the project holds copies
            for path in _members(definition.root / name):
                _add(whole, f"{'.'.join(map(str, field))}/{path.relative_to(definition.root / name)}", path)
    return whole.hexdigest()


def _placeless(definition: Definition) -> Definition:
    """`definition` without the path of its base image, whose content is added instead."""
    base = definition.sku.base
    if base.qemu is None or base.qemu.file is None:
        return definition
    bare = base.model_copy(update={"qemu": base.qemu.model_copy(update={"file": None})})
    return dataclasses.replace(definition, sku=definition.sku.model_copy(update={"base": bare}))


def _members(path: Path) -> Iterator[Path]:
    yield from sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _add(whole: blake3, name: str, content: bytes | Path) -> None:
    """Name, length and content, so that nothing can move from one file to the next."""
    size = content.stat().st_size if isinstance(content, Path) else len(content)
    whole.update(f"{name}\0{size}\0".encode())
    if isinstance(content, Path):
        whole.update_mmap(content)
    else:
        whole.update(content)
