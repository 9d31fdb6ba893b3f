"""The plugins that Packer has installed: which a project would get, and whether they are the locked ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from generator import plugin_lock
from generator.errors import Surroundings
from generator.plugin_lock import Plugin
from tools import packer
from tools.cache import Say
from tools.packer import Packer


def installed(ready: Packer, template: str) -> tuple[Plugin, ...]:
    """The newest file of this platform that fits, for each plugin that `template` requires.

    Raises Surroundings for one of which there is none.
    """
    found = []
    assert plugin_lock.required(template), "every project requires one"
    for source, constraint in plugin_lock.required(template).items():
        oldest = _numbers(constraint)
        files = [
            (_numbers(match["version"]), path)
            for path in (_root(ready) / source).glob("packer-plugin-*")
            if (match := plugin_lock.FILE.fullmatch(path.name))
            and match["platform"] == packer.platform_name()
        ]
        fitting = [one for one in files if one[0] >= oldest]
        if not fitting:
            raise Surroundings(f"the plugin {source} {constraint} is not installed", hint="packer init there")
        path = max(fitting)[1]
        found.append(Plugin(source, path.name, _digest(path)))
    return tuple(found)


def check_locked(ready: Packer, project: Path, locked: Sequence[Plugin], say: Say) -> None:
    """Raise Surroundings unless the plugins that `project` is locked to are installed, byte for byte."""
    mine = [one for one in locked if packer.platform_name() in one.file]
    for source in {one.source for one in locked} - {one.source for one in mine}:
        raise _not_locked(f"{source} is not locked for {packer.platform_name()}", project)
    if not all((_root(ready) / one.source / one.file).is_file() for one in mine):
        packer.init(ready, project, say)
    for one in mine:
        path = _root(ready) / one.source / one.file
        if not path.is_file():
            raise _not_locked(
                f"{one.source} {one.version}, to which the project is locked, is not installed", project
            )
        if _digest(path) != one.digest:
            raise _not_locked(f"{path} is not the plugin that the project is locked to", project)
    say(f"vmoffer: {len(mine)} plugins are the locked ones")


def _not_locked(what: str, project: Path) -> Surroundings:
    return Surroundings(what, where=str(project / plugin_lock.NAME), hint=plugin_lock.AGAIN)


def _root(ready: Packer) -> Path:
    return Path(ready.env["PACKER_PLUGIN_PATH"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
