"""Programs that npm carries, at the versions of a lock file, in the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools import cache, doctor, work
from tools.cache import Say


def installed(package: Path, title: str, say: Say) -> Path:
    """The `node_modules` of the folder `package`, brought in by npm once per lock file.

    Raises Surroundings if Node.js is missing or npm cannot bring it.
    """
    paths = doctor.require("node", "npm")
    folder = cache.root() / "tools" / f"{package.name}-{cache.key(package)}"
    if folder.exists():
        say(f"{title}: reused, {folder}")
        return folder / "node_modules"
    say(f"{title}: installing {package.name} from npm")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(package, partial)
    try:
        install: list[str | Path] = [paths["npm"], "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        hint = "check that the npm registry can be reached, then run it again"
        work.run("npm ci", install, log=partial / "npm.log", say=say, cwd=partial, hint=hint)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / "node_modules"
