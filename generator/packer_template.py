"""The files of a Packer template, and the azure-arm source in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from generator import hcl_json
from generator.errors import Unusable
from generator.hcl_blocks import Block, read
from generator.hcl_values import Scope


@dataclass(frozen=True)
class Template:
    """The files of one template as one, its variables, and the folder that its own paths start from."""

    files: list[Block]
    scope: Scope
    folder: Path
    name: str

    def of(self, kind: str) -> Iterator[Block]:
        """Top-level blocks of one kind, of all files."""
        return (block for file in self.files for block in file.of(kind))


def open_template(path: Path, variables: Sequence[Path] = ()) -> Template:
    """The template that is a file, or all `*.pkr.hcl` and `*.pkr.json` of a folder.

    `variables` are files for `-var-file`. Variable files `*.auto.pkrvars.hcl` and `.json` beside the template
    are read by themselves, as Packer does.
    Raises Unusable for what cannot be read, with file and line.
    """
    if path.is_dir():
        paths = sorted([*path.glob("*.pkr.hcl"), *path.glob("*.pkr.json")])
        if not paths:
            raise Unusable("no *.pkr.hcl and no *.pkr.json in this folder", where=str(path))
    elif path.suffix == ".json" and not path.name.endswith(".pkr.json"):
        hint = f"packer hcl2_upgrade -output-file={path.stem}.pkr.hcl {path}, then import that"
        raise Unusable("this is a template in JSON; vmoffer reads HCL2", where=str(path), hint=hint)
    else:
        paths = [path]
    folder = path if path.is_dir() else path.parent
    blocks = [_read(one) for one in paths]
    automatic = sorted([*folder.glob("*.auto.pkrvars.hcl"), *folder.glob("*.auto.pkrvars.json")])
    values = [_read(one) for one in (*automatic, *variables)]
    return Template(blocks, Scope.of(blocks, values), folder, path.name)


def _read(path: Path) -> Block:
    return hcl_json.read(path) if path.suffix == ".json" else read(path)


def source(template: Template, name: str | None) -> Block:
    """The azure-arm source of a template, by name if there are several; raises Unusable if there is none."""
    found = {
        one.labels[1]: one
        for one in template.of("source")
        if one.labels[:1] == ("azure-arm",) and one.labels[1:]
    }
    names = ", ".join(found) or "none"
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    if name is None and found:
        raise Unusable(
            f"several azure-arm sources: {names}", where=template.name, hint="choose one with --source"
        )
    kinds = ", ".join(sorted({".".join(one.labels) for one in template.of("source")})) or "none"
    what = (
        f"no azure-arm source {name!r}; there is {names}"
        if name
        else f"no azure-arm source; sources: {kinds}"
    )
    raise Unusable(what, where=template.name, hint="vmoffer new starts a definition without a template")
