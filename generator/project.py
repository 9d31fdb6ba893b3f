"""The Packer project of a SKU on disk: written whole, the same bytes every time."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from generator import marks, plugin_lock
from generator.atomic_file import atomic_file, check_no_links, make_folder
from generator.catalogue import Definition
from generator.errors import Unusable
from generator.model import Builder, Sku
from generator.plugin_lock import Plugin
from generator.provisioning import provisioning
from generator.render import refuse, render

BUILD = Path("build")
# The names of what the last run wrote, so that the next one removes its own files and nobody else's.
LIST = ".vmoffer-files"
PLUGINS = "plugins.pkr.hcl"


@dataclass(frozen=True)
class Project:
    """A Packer project before it is written: the folder, and text or the publisher's file per path in it."""

    folder: Path
    files: dict[str, str | Path]

    @property
    def paths(self) -> list[Path]:
        """Where its files go."""
        return [self.folder / name for name in self.files]


def folder_for(sku: Sku, builder: Builder, build: Path = BUILD) -> Path:
    """Where the project of a SKU goes: beside the results of the same version of the plan.

    Raises `Unusable` when a name would lead out of `build`.
    """
    names = (sku.offer.id, sku.plan.id, sku.version)
    for name in names:
        if not name.strip(".") or any(char in name for char in "/\\\0"):
            raise Unusable(f"{name!r} cannot be the name of a folder", where=sku.id)
    return build.joinpath(*names, "packer", builder)


def prepare(
    definition: Definition, builder: Builder, folder: Path, lock: Sequence[Plugin] | None = None
) -> Project:
    """The project of `definition` for `folder`, two levels below its results; nothing is written.

    `lock`: the plugins that it is locked to; by default those that it is locked to already.
    Raises `Unusable` when `builder` cannot make it.
    """
    refuse(definition.sku, builder)
    if "{{" in str(folder):
        raise Unusable(
            "Packer would evaluate {{ in the name of a folder", where=str(folder), hint="rename it"
        )
    steps = provisioning(definition, builder)
    text = render(definition.sku, builder, steps.provisioners, base_file=_base_file(definition, folder))
    lock = plugin_lock.read(folder) if lock is None else lock
    if lock:
        text[PLUGINS] = plugin_lock.pinned(text[PLUGINS], lock)
        text[plugin_lock.NAME] = plugin_lock.text(lock)
    files: dict[str, str | Path] = {**text, **steps.files, marks.SCRIPT: marks.script()}
    files[LIST] = "".join(f"{name}\n" for name in sorted(files))
    return Project(folder, files)


def _base_file(definition: Definition, folder: Path) -> str | None:
    """The file that a qemu build starts from, from the project's folder: the same on every machine."""
    base = definition.sku.base.qemu
    return (
        Path(os.path.relpath(definition.root / base.file, folder)).as_posix() if base and base.file else None
    )


def write(
    definition: Definition, builder: Builder, folder: Path, lock: Sequence[Plugin] | None = None
) -> list[Path]:
    """Write the project of `definition` to `folder`; returns its files.

    Every file appears whole or not at all; files of an earlier run that are no longer part of the project
    go, files of other origin stay. Raises what `prepare` raises, Unusable for a folder that is or holds a
    symbolic link, and OSError.
    """
    project = prepare(definition, builder, folder, lock)
    make_folder(folder)
    check_no_links(folder)
    stale = _stale(project)
    for name, content in project.files.items():
        if name != LIST and not _same(project.folder / name, content):
            _replace(project.folder, name, content)
    for path in stale:
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == project.folder or any(parent.iterdir()):
                break
            parent.rmdir()
    # Last: until it is there, the old list still knows what to remove.
    _replace(project.folder, LIST, project.files[LIST])
    return project.paths


def differences(project: Project) -> list[str]:
    """What `write` would change, one line per file; empty when the files on disk are the project."""
    changed = [
        f"{'differs' if (project.folder / name).exists() else 'missing'}: {project.folder / name}"
        for name, content in project.files.items()
        if not _same(project.folder / name, content)
    ]
    return changed + [f"stale: {path}" for path in _stale(project)]


def _stale(project: Project) -> list[Path]:
    """Files of an earlier run, inside the folder, that the project no longer has."""
    listed = project.folder / LIST
    names = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    old = [Path(name) for name in names if name not in project.files]
    inside = [path for path in old if not path.is_absolute() and ".." not in path.parts]
    return [project.folder / path for path in inside if (project.folder / path).is_file()]


def _same(path: Path, content: str | Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    if isinstance(content, Path):
        return filecmp.cmp(path, content, shallow=False) and _executable(path) == _executable(content)
    return path.read_bytes() == content.encode()


def _executable(path: Path) -> bool:
    return os.access(path, os.X_OK)


def _replace(folder: Path, name: str, content: str | Path) -> None:
    mode = 0o755 if isinstance(content, Path) and _executable(content) else 0o644
    with atomic_file(folder / name, mode=mode, inside=folder) as out:
        if isinstance(content, Path):
            with content.open("rb") as source:
                shutil.copyfileobj(source, out)
        else:
            out.write(content.encode())
