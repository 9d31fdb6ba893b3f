"""What Packer does in the guest, in order: vmoffer's steps with the publisher's own between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

from generator import steps
from generator.catalogue import Definition
from generator.model import Builder, FileUpload, Step

OWN_TIMEOUT = "1h"  # a publisher's step may install anything; a hung one still ends
STAGING = "/tmp/vmoffer-upload"  # noqa: S108 - in the guest, gone before it is generalized


@dataclass(frozen=True)
class Provisioner:
    """One `provisioner` block: a script to run, a folder to make, files to upload, or a plugin's own work."""

    kind: Literal["script", "folder", "upload", "windows-update"]
    name: str
    source: str = ""
    destination: str = ""
    env: dict[str, str] = field(default_factory=dict)
    timeout: str = OWN_TIMEOUT
    last: bool = False


@dataclass(frozen=True)
class Provisioning:
    """The blocks, and the files they need beside the template: text of ours, paths of the publisher's."""

    provisioners: list[Provisioner]
    files: dict[str, str | Path]


def provisioning(definition: Definition, builder: Builder) -> Provisioning:
    """Every step of the build of `definition`, numbered in the order in which they run.

    Order: the publisher's before-prepare steps, prepare, the publisher's before-generalize steps, cleanup,
    generalize. Nothing follows the last step.
    """
    ours = steps.plan(definition.sku, builder)
    order: list[steps.RenderedStep | Step] = [
        *(step for step in definition.sku.steps if step.when == "before-prepare"),
        *(step for step in ours if step.phase == "prepare"),
        *(step for step in definition.sku.steps if step.when == "before-generalize"),
        *(step for step in ours if step.phase == "cleanup"),
        *(step for step in ours if step.phase == "generalize"),
    ]
    windows = definition.sku.os.family == "windows"
    result = Provisioning([], {})
    for number, step in enumerate(order, start=1):
        if isinstance(step, Step):
            _own(result, number, step, definition.root, windows)
        elif step.plugin == "windows-update":
            result.provisioners.append(
                Provisioner("windows-update", step.name, env=step.env, timeout=step.timeout)
            )
        else:
            path = f"scripts/{number:02}-{step.filename}"
            result.files[path] = step.text
            result.provisioners.append(
                Provisioner("script", step.name, path, env=step.env, timeout=step.timeout, last=step.last)
            )
    return result


def _own(result: Provisioning, number: int, step: Step, root: Path, windows: bool) -> None:
    """One step of the publisher: a script of theirs, one made of their lines, or an upload."""
    suffix = ".ps1" if windows else ".sh"
    name = step.name or f"own step {number}"
    stem = f"{number:02}-own-{_slug(name)}"
    if step.file:
        _upload(result, number, name, stem, step.file, root, windows)
        return
    if step.script:
        path = f"scripts/{stem}{Path(step.script).suffix if windows else suffix}"
        result.files[path] = root / step.script
    else:
        path = f"scripts/{stem}{suffix}"
        opening = "$ErrorActionPreference = 'Stop'" if windows else "#!/bin/sh\nset -eu"
        result.files[path] = "\n".join([opening, *(step.inline or []), ""])
    result.provisioners.append(Provisioner("script", name, path, env=step.env))


def _upload(
    result: Provisioning, number: int, name: str, stem: str, upload: FileUpload, root: Path, windows: bool
) -> None:
    """Files go to a folder the build user may write, then to their place as root; Windows needs no detour."""
    source = root / upload.source
    folder = source.is_dir()
    target = f"files/{number:02}-{_slug(source.name)}"
    members = sorted(path for path in source.rglob("*") if path.is_file()) if folder else [source]
    for path in members:
        result.files[f"{target}/{path.relative_to(source).as_posix()}" if folder else target] = path
    there = upload.destination if windows else f"{STAGING}-{number:02}"
    if folder and not windows:
        result.provisioners.append(Provisioner("folder", f"{name}: folder", destination=there))
    # The slash at the end makes Packer upload what is in the folder, not the folder.
    origin = f"{target}/" if folder else target
    result.provisioners.append(Provisioner("upload", f"{name}: upload", origin, there))
    if not windows:
        script = f"scripts/{stem}.sh"
        result.files[script] = files("templates").joinpath("place.sh").read_text(encoding="utf-8")
        env = {"SOURCE": there, "NAME": source.name, "DESTINATION": upload.destination}
        result.provisioners.append(Provisioner("script", f"{name}: place", script, env=env))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "step"
