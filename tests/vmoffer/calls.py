"""vmoffer as a process of its own, nothing replaced, in an environment that says nothing about Azure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parent.parent.parent
VMOFFER = (sys.executable, "-m", "vmoffer")
Result = TypeVar("Result")


def run(
    words: Sequence[str], folder: Path, given: str | None = "", wrap: Sequence[str] = (), **environment: str
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of one command line; `wrap` stands in front of it."""
    done = subprocess.run(
        [*wrap, *VMOFFER, *words],
        cwd=folder,
        input=given,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=120,
        env={**clean(), **environment},
    )
    return done.returncode, done.stdout, done.stderr


def clean() -> dict[str, str]:
    """This environment without what tells vmoffer about Azure, Packer or Python."""
    away = re.compile("AZURE_|ARM_|PKR_|PACKER_|VMOFFER_|PYTHON|CI$|TF_BUILD")
    kept = {name: value for name, value in os.environ.items() if not away.match(name)}
    return kept | {"PYTHONPATH": str(ROOT)}


def each(calls: Sequence[Sequence[str]], run: Callable[[Sequence[str]], Result]) -> list[tuple[str, Result]]:
    """Each call's words with what `run(words)` gave; as many at a time as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(zip((" ".join(call) for call in calls), pool.map(run, calls), strict=True))
