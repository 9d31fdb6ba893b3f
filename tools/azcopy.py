"""azcopy, Microsoft's own mover of blobs, from npm: for benchmarks, and for tests that compare with it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from generator.errors import Surroundings
from tools import cache, npm
from tools.cache import Say

PACKAGE = Path(__file__).parent / "azcopy"
BINARY = "@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64"


def installed(say: Say) -> Path:
    """The program. Raises Surroundings where npm has none for this machine, or cannot be reached."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Surroundings("npm has azcopy for Linux on x86-64 only", hint="install azcopy by other means")
    with cache.locked("azcopy", say):
        binary = npm.installed(PACKAGE, "azcopy", say) / BINARY
        binary.chmod(0o755)
    return binary


def environment(folder: Path) -> dict[str, str]:
    """For a run that keeps its logs and plans in `folder`, and asks nobody for a newer version."""
    return {
        **os.environ,
        "AZCOPY_LOG_LOCATION": str(folder),
        "AZCOPY_JOB_PLAN_LOCATION": str(folder),
        "AZCOPY_DISABLE_VERSION_CHECK": "true",
    }
