"""What Packer does in the guest, in order: vmoffer's steps with the publisher's own between them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

from generator import packer_step, steps
from generator.catalogue import Definition
from generator.hcl import unbraced
from generator.model import Builder, FileUpload, Step
from generator.own_step import Ansible

OWN_TIMEOUT = "1h"  # a publisher's step may install anything; a hung one still ends
RESTART_TIMEOUT = "30m"  # a guest under emulation takes minutes to boot
STAGING = "/tmp/vmoffer-upload"  # noqa: S108 - in the guest, gone before it is generalized
Kind = Literal[
    "script",
    "folder",
    "upload",
    "windows-update",
    "windows-restart",
    "restart",
    "returned",
    "ansible",
    "taken",
]


@dataclass(frozen=True)
class Provisioner:
    """One `provisioner` block: a script to run, a folder to make, files to upload, or a plugin's own work.

    Of kind `taken` it is the publisher's block: `text`, which goes where `source` stands in the template.
    """

    kind: Kind
    name: str
    source: str = ""
    destination: str = ""
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    timeout: str = OWN_TIMEOUT
    last: bool = False
    text: str = ""


@dataclass(frozen=True)
class Provisioning:
    """The blocks, and the files they need beside the template: text of ours, paths of the publisher's."""

    provisioners: list[Provisioner]
    files: dict[str, str | Path]


def provisioning(definition: Definition, builder: Builder) -> Provisioning:
    """Every step of the build of `definition`, numbered in the order in which they run.

    Order: the publisher's before-prepare steps, prepare, the publisher's before-generalize steps, cleanup,
    the search for secrets where there are any, generalize. Nothing follows the last step.
    """
    ours = steps.plan(definition.sku, builder)
    secrets = tuple(sorted({one.name for step in definition.sku.steps for one in step.hidden}))
    order: list[steps.RenderedStep | Step | tuple[str, ...]] = [
        *(step for step in definition.sku.steps if step.when == "before-prepare"),
        *(step for step in ours if step.phase == "prepare"),
        *(step for step in definition.sku.steps if step.when == "before-generalize"),
        *(step for step in ours if step.phase == "cleanup"),
        *([secrets] if secrets else []),
        *(step for step in ours if step.phase == "generalize"),
    ]
    windows = definition.sku.os.family == "windows"
    result = Provisioning([], {})
    for number, step in enumerate(order, start=1):
        if isinstance(step, Step):
            _own(result, number, step, definition.root, windows)
        elif isinstance(step, tuple):
            _search(result, number, step, whole_disk=builder is Builder.AZURE_ARM)
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
    """One step of the publisher: a script of theirs, one of their lines, an upload, or a plugin's work."""
    suffix = ".ps1" if windows else ".sh"
    name = step.name or ("restart" if step.restart else f"own step {number}")
    stem = f"{number:02}-own-{_slug(name)}"
    timeout = step.timeout or (RESTART_TIMEOUT if step.restart else OWN_TIMEOUT)
    if step.file:
        _upload(result, number, name, stem, step.file, root, windows, timeout)
        return
    if step.restart:
        _restart(result, name, stem, windows, timeout)
        return
    if step.ansible:
        _ansible(result, number, name, step.ansible, root, timeout)
        return
    if step.packer:
        blocks = packer_step.read(root / step.packer)
        mark = f"  # vmoffer: the provisioners of step {number}"
        result.provisioners.append(Provisioner("taken", name, mark, text=blocks.provisioners))
        if blocks.plugins:
            result.files[f"plugins-{number:02}.pkr.hcl"] = blocks.plugins
        return
    if step.script:
        path = f"scripts/{stem}{Path(step.script).suffix if windows else suffix}"
        result.files[path] = root / step.script
    else:
        path = f"scripts/{stem}{suffix}"
        opening = "$ErrorActionPreference = 'Stop'" if windows else "#!/bin/sh\nset -eu"
        result.files[path] = "\n".join([opening, *(step.inline or []), ""])
    secrets = tuple(one.name for one in step.hidden)
    result.provisioners.append(
        Provisioner("script", name, path, env=step.env, secrets=secrets, timeout=timeout)
    )


def _restart(result: Provisioning, name: str, stem: str, windows: bool, timeout: str) -> None:
    """Windows has a provisioner for it; on Linux one script goes down and another finds another boot id."""
    if windows:
        result.provisioners.append(Provisioner("windows-restart", name, timeout=timeout))
        return
    for kind, script, what in (("restart", "restart.sh", "go down"), ("returned", "returned.sh", "back")):
        path = f"scripts/{stem}-{_slug(what)}.sh"
        result.files[path] = _script(script)
        result.provisioners.append(Provisioner(kind, f"{name}: {what}", path, timeout=timeout))  # type: ignore[arg-type]


def _ansible(
    result: Provisioning, number: int, name: str, ansible: Ansible, root: Path, timeout: str
) -> None:
    """The playbook, or the folder that it is in, goes into the project."""
    playbook = root / ansible.playbook
    target = f"files/{number:02}-{_slug(name)}"
    folder = root / ansible.folder if ansible.folder else playbook.parent
    members = [path for path in sorted(folder.rglob("*")) if path.is_file()] if ansible.folder else [playbook]
    for path in members:
        result.files[f"{target}/{path.relative_to(folder).as_posix()}"] = path
    variables = unbraced(json.dumps(ansible.variables)) if ansible.variables else ""
    source = f"{target}/{playbook.resolve().relative_to(folder.resolve()).as_posix()}"
    result.provisioners.append(Provisioner("ansible", name, source, timeout=timeout, text=variables))


def _search(result: Provisioning, number: int, secrets: tuple[str, ...], *, whole_disk: bool) -> None:
    """Azure keeps the disk where nobody of ours reads it: there the guest reads all of it."""
    path = f"scripts/{number:02}-secrets.sh"
    result.files[path] = _script("search-secrets.sh")
    env = {"SECRETS": " ".join(secrets), "WHOLE_DISK": "yes" if whole_disk else "no"}
    name = "Search for secrets"
    result.provisioners.append(Provisioner("script", name, path, env=env, secrets=secrets, timeout="90m"))


def _upload(
    result: Provisioning,
    number: int,
    name: str,
    stem: str,
    upload: FileUpload,
    root: Path,
    windows: bool,
    timeout: str,
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
        result.provisioners.append(
            Provisioner("folder", f"{name}: folder", destination=there, timeout=timeout)
        )
    # The slash at the end makes Packer upload what is in the folder, not the folder.
    origin = f"{target}/" if folder else target
    result.provisioners.append(Provisioner("upload", f"{name}: upload", origin, there, timeout=timeout))
    if not windows:
        script = f"scripts/{stem}.sh"
        result.files[script] = _script("place.sh")
        env = {"SOURCE": there, "NAME": source.name, "DESTINATION": upload.destination}
        result.provisioners.append(Provisioner("script", f"{name}: place", script, env=env, timeout=timeout))


def _script(name: str) -> str:
    return files("templates").joinpath(name).read_text(encoding="utf-8")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "step"
