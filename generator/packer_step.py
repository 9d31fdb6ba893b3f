"""The file of a `packer` step: provisioner blocks that go into the project as they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from generator import hcl_blocks
from generator.errors import Unusable

SUFFIX = ".pkr.hcl"


@dataclass(frozen=True)
class Taken:
    """The text of a file's provisioner blocks, indented for a build block; and of its `packer` blocks."""

    provisioners: str
    plugins: str


def read(path: Path) -> Taken:
    """The blocks of `path`: provisioners, and `packer { required_plugins … }` where they need a plugin.

    Raises Unusable, with file and line, for anything else, for what is no HCL2 and for a file without a
    provisioner.
    """
    if not path.name.endswith(SUFFIX):
        raise Unusable("not the name of an HCL2 template of Packer", where=str(path), hint=f"NAME{SUFFIX}")
    file = hcl_blocks.read(path)
    allowed = "provisioner blocks, and packer blocks with required_plugins"
    for attribute in file.attributes.values():
        raise Unusable(
            f"{attribute.name} is outside of a block", where=f"{path}:{attribute.line}", hint=allowed
        )
    for block in file.blocks:
        if block.kind not in ("provisioner", "packer"):
            raise Unusable(f"a block {block.kind}", where=f"{path}:{block.line}", hint=allowed)
    if not any(file.of("provisioner")):
        raise Unusable("there is no provisioner block in it", where=str(path), hint=allowed)
    lines = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").split("\n")
    starts = [block.line for block in file.blocks]
    kinds = [block.kind for block in file.blocks]
    parts: dict[str, list[str]] = {"provisioner": [], "packer": []}
    for index, start in enumerate(starts):
        while start > 1 and lines[start - 2].lstrip().startswith(("#", "//")):
            start -= 1  # a comment above a block is about the block
        starts[index] = start
    for index, kind in enumerate(kinds):
        first = 0 if index == 0 else starts[index] - 1
        last = starts[index + 1] - 1 if index + 1 < len(starts) else len(lines)
        parts[kind] += lines[first:last]
    return Taken(_indented(_trimmed(parts["provisioner"])), _joined(_trimmed(parts["packer"])))


def _trimmed(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").split("\n") if any(lines) else []


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _indented(lines: list[str]) -> str:
    """Two spaces before every line, but for the text of heredocs, which would be another text."""
    result, until = [], None
    for line in lines:
        if until is None:
            result.append(f"  {line}" if line.strip() else "")
            if found := hcl_blocks.HEREDOC.search(line):
                until = found[1]
        else:
            result.append(line)
            if line.strip() == until:
                until = None
    return _joined(result)
