"""Native tools, run with plain messages and found even where sbin is not on the user's PATH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from generator.errors import Surroundings


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with messages in English and the folders of system tools in PATH."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    return {**os.environ, "LC_ALL": "C", "PATH": path, **(more or {})}


def missing(tool: str, package: str) -> Surroundings:
    """The error for a tool that is not installed, with the command that mends it on Debian and Ubuntu."""
    hint = f"apt-get install {package} (or your distribution's package); vmoffer doctor lists all tools"
    return Surroundings(f"{tool} is missing", hint=hint)


def run(
    command: list[str],
    stdin: str = "",
    *,
    package: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a tool of the Debian package `package` to its end, whatever its status.

    Raises Surroundings when it is not installed.
    """
    try:
        return subprocess.run(
            command,
            input=stdin,
            cwd=cwd,
            env=environment(env),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise missing(command[0], package) from None
