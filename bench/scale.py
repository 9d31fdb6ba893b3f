"""How the cost of a catalogue grows: list, lint, render and write 20, 200 and 2,000 SKUs.

    python bench/scale.py

The SKUs of skus/, each again and again under other plan ids, in a folder of their own. list and lint are
whole runs of the command; rendering is every SKU with both builders (Windows and arm64: azure-arm twice)
in one process, from the definitions in memory to the text of all files; writing is `vmoffer generate` into
an empty folder. Writes bench/results.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import results
from generator import catalogue, project
from generator.catalogue import Definition
from generator.model import Builder

RUNS = 3
COLD = 10
COUNTS = (20, 200, 2000)
SKUS = Path("skus").absolute()
VMOFFER = [sys.executable, "-m", "vmoffer"]


def make(folder: Path, count: int) -> Path:
    """A catalogue of `count` SKUs."""
    shutil.copytree(SKUS, folder / "skus", ignore=shutil.ignore_patterns("*.yaml"))
    originals = sorted(SKUS.glob("*/*.yaml"))
    for number in range(count):
        path = originals[number % len(originals)]
        text = re.sub(r"(?m)^(plan:\n  id: \S+)", rf"\g<1>-{number}", path.read_text(), count=1)
        (folder / "skus" / path.parent.name / f"{path.stem}-{number}.yaml").write_text(text)
    return folder


def seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """The median of `runs` runs."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return results.median(taken)


def command(*words: str, cwd: Path) -> Callable[[], object]:
    env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return lambda: subprocess.run(
        [*VMOFFER, *words], cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def render(definitions: list[Definition]) -> None:
    for definition in definitions:
        for builder in Builder:
            one = builder if can(definition, builder) else Builder.AZURE_ARM
            project.prepare(definition, one, project.folder_for(definition.sku, one))


def can(definition: Definition, builder: Builder) -> bool:
    return builder in definition.sku.builders


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for count in COUNTS:
            folder = make(Path(name) / str(count), count)
            definitions = catalogue.all(folder / "skus")
            render(definitions[:1])  # the templates are compiled once
            row = [
                seconds(command("list", cwd=folder)),
                seconds(command("lint", cwd=folder)),
                seconds(lambda definitions=definitions: render(definitions)),
                seconds(command("generate", cwd=folder), runs=1),
            ]
            rows.append([count, *(f"{each:.2f} s ({each / count * 1000:.1f} ms)" for each in row)])
            print(rows[-1], file=sys.stderr)
        cold = seconds(command("generate", "demo/debian-12", "--out", name, cwd=Path.cwd()), COLD)
        usage = seconds(command("--help", cwd=Path.cwd()), COLD)
    head = ["SKUs", "list", "lint", "render, two builders each", "generate, written"]
    text = (
        f"{results.machine()}\n\n{results.table(head, rows)}\n\n"
        f"One SKU, cold (`vmoffer generate`): {cold:.2f} s, goal 0.35. `vmoffer --help`: {usage:.3f} s, goal "
        "0.12. The goal for rendering 2,000 SKUs is 6 s. In brackets: per SKU."
    )
    results.write("Scale of a catalogue", text)
    print(text)


if __name__ == "__main__":
    main()
