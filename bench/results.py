"""bench/results.md: each benchmark replaces its own section, so that the page always says what was run."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PAGE = Path(__file__).parent / "results.md"
HEAD = "# Results\n\nWritten by the scripts in bench/. What counts are the ratios within one run.\n"


def write(section: str, text: str) -> None:
    """Put `text` under the heading `section`, in place of what an earlier run left there."""
    page = PAGE.read_text() if PAGE.exists() else HEAD
    kept = [each for each in page.split("\n## ")[1:] if each.partition("\n")[0] != section]
    parts = sorted([*kept, f"{section}\n\n{text.strip()}\n"])
    PAGE.write_text(
        "\n## ".join([page.split("\n## ")[0].rstrip() + "\n", *(f"{p.rstrip()}\n" for p in parts)])
    )


def machine(**versions: str) -> str:
    """When, on what, and with which versions of what is measured."""
    known = {"Python": platform.python_version(), **versions}
    known["azure-storage-blob"] = metadata.version("azure-storage-blob")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory} GiB, load {load:.1f} at the end; "
        + ", ".join(f"{name} {version}" for name, version in known.items())
    )


def stated(command: Sequence[str | Path]) -> str:
    """The first line of what a program says of its version."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def medians(measured: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in measured.items()}
