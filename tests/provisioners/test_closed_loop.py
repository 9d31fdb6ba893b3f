"""Closed loop: on a model of every family the rules fail, the steps run, and the same rules pass.

The table of it is docs/families.md; VMOFFER_GOLDEN=1 writes it anew.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from systems import SYSTEMS, System, build

from generator import steps
from generator.generation import Generation
from validators.catalogue import rules
from validators.tree import Tree
from vmoffer import scratch

sys.path.insert(0, str(Path(__file__).parents[1] / "validators"))
import images

PAGE = Path(__file__).parents[2] / "docs/families.md"
RULES = [
    rule.id
    for rule in rules().values()
    if rule.subject == "linux" and "offline" in rule.decidable and not rule.offline
]
# Rules that a folder of files cannot decide or that no step makes true, and why.
OPEN = {
    "LNX-UDEV-001": "the agent's package brings the files, and package tools do not run on a model",
    "LNX-PY-002": "a package",
    "LNX-AGENT-002": "a package's version",
    "LNX-AGENT-003": "a package's version",
    "LNX-SSL-001": "a package's version",
    "LNX-PY-001": "a package's version",
}
NOT_MET = ("fail", "warn")


@dataclass(frozen=True)
class Loop:
    """What the rules said of one model before and after, and what the steps did."""

    system: System
    before: dict[str, str]
    after: dict[str, str]
    results: tuple[scratch.Result, ...]
    again: tuple[scratch.Result, ...]


def files_of(root: Path) -> dict[str, images.Content_]:
    found: dict[str, images.Content_] = {}
    for folder, names, files in os.walk(root):
        for path in (Path(folder, name) for name in [*names, *files]):
            key = f"/{path.relative_to(root)}"
            if path.is_symlink():
                found[key] = images.Link(str(path.readlink()))
            elif path.is_file():
                found[key] = path.read_bytes()
    return found


def judged(root: Path, system: System) -> dict[str, str]:
    generation = Generation.ARM64 if system.machine == "aarch64" else Generation.GEN2
    guest = Tree({"/": images.MemoryVolume(files_of(root))})
    disk = replace(images.os_disk(generation=generation), guest=guest)
    return {rule: images.decide(rule, disk).status.value for rule in RULES}


def loop(system: System, folder: Path) -> Loop:
    root = build(system, steps.distributions()[system.distribution].family, folder / "tree")
    before = judged(root, system)
    plan = [
        replace(step, env={**step.env, "ARCHITECTURE": system.machine, **system.settings.get(step.id, {})})
        for step in scratch.planned(system.distribution)
    ]
    results = tuple(scratch.run(root, plan))
    after = judged(root, system)
    # Distributions that are `like` another have its steps; one of them is enough.
    twice = system.distribution not in ("alma", "rocky", "oracle", "centos")
    return Loop(system, before, after, results, tuple(scratch.run(root, plan)) if twice else ())


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> list[Loop]:
    folders = [tmp_path_factory.mktemp("system") for _ in SYSTEMS]
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(loop, SYSTEMS, folders))


def test_every_step_succeeds_within_the_paths_it_declares(loops: list[Loop]) -> None:
    for one in loops:
        planned = [step.id for step in scratch.planned(one.system.distribution)]
        assert [result.step for result in one.results] == planned, one.system.name
        for result in one.results:
            assert result.status == 0, (one.system.name, result.complained)
            assert not [change.path for change in result.changes if not change.declared], one.system.name


def test_second_run_of_every_step_changes_nothing(loops: list[Loop]) -> None:
    for one in loops:
        for result in one.again:
            assert result.said == f"vmoffer: {result.step}: nothing to change", one.system.name
            assert not result.changes, (one.system.name, result.step)


def test_rules_that_fail_before_pass_after(loops: list[Loop]) -> None:
    for one in loops:
        left = {rule: one.after[rule] for rule in RULES if one.after[rule] not in ("pass", "skip")}
        assert left.keys() <= OPEN.keys() | {rule for rule in left if left[rule] == "undecidable"}, (
            one.system.name,
            left,
        )
        worse = [rule for rule in RULES if one.before[rule] == "pass" and one.after[rule] != "pass"]
        assert not worse, (one.system.name, worse)


def test_rules_that_a_step_fixes_fail_on_every_unprepared_model(loops: list[Loop]) -> None:
    fixed = {
        rule for one in loops for rule in RULES if one.before[rule] in NOT_MET and one.after[rule] == "pass"
    }
    assert len(fixed) >= 30
    everywhere = {rule for rule in fixed if all(one.before[rule] in NOT_MET for one in loops)}
    # What is left is for one family or one machine only.
    assert fixed - everywhere == {"LNX-NET-002", "LNX-NET-003", "LNX-KERN-002"}
    assert all(rules()[rule].step for rule in fixed)


def test_nothing_of_the_build_is_left_on_any_model(loops: list[Loop]) -> None:
    for one in loops:
        gone = {
            change.path for result in one.results for change in result.changes if change.word == "removed"
        }
        assert {"/home/packer", "/root/.bash_history", "/swapfile"} <= gone, one.system.name


def table(loops: list[Loop]) -> Iterator[str]:
    names = list(dict.fromkeys(one.system.distribution for one in loops))
    yield "| rule | step | " + " | ".join(names) + " |\n"
    yield "| --- | --- |" + " --- |" * len(names) + "\n"
    for rule in RULES:
        cells = []
        for name in names:
            words = Counter(_word(one, rule) for one in loops if one.system.distribution == name)
            cells.append(", ".join(f"{word} {count}" for word, count in words.items()))
        yield f"| {rule} | {rules()[rule].step or 'none'} | " + " | ".join(cells) + " |\n"
    words = Counter(_word(one, rule) for one in loops for rule in RULES)
    yield f"\nAll together, {len(RULES)} rules on {len(loops)} models: "
    yield ", ".join(f"{word} {count}" for word, count in words.most_common()) + ".\n"


def _word(one: Loop, rule: str) -> str:
    before, after = one.before[rule], one.after[rule]
    if after == "pass":
        return "kept" if before == "pass" else "fixed"
    return {"skip": "no concern", "undecidable": "undecided"}.get(after, "open")


def page(loops: list[Loop]) -> str:
    systems = ", ".join(one.system.name for one in loops)
    reasons = "".join(f"- {rule}: {why}\n" for rule, why in OPEN.items())
    return f"""\
# Families and rules

<!-- Written by `VMOFFER_GOLDEN=1 pytest tests/provisioners/test_closed_loop.py`. -->

What the provisioner steps do on a model of every family: the rules judge the unprepared tree, the steps run,
the same rules judge it again. The models are folders with the files that each distribution documents, not
installed systems, and no package tool, boot loader tool or initramfs tool runs on them; what depends on those
is undecided or open. Models: {systems}.

*fixed*: not met before, met after; *kept*: met before and after; *no concern*: not for this system;
*undecided*: needs an installed system; *open*: see below the table. The number counts models of the
distribution.

{"".join(table(loops))}
Why a rule is open or undecided on a model:

{reasons}"""


def test_page_of_families_is_what_the_steps_do(loops: list[Loop]) -> None:
    if os.environ.get("VMOFFER_GOLDEN"):
        PAGE.write_text(page(loops))
    text = PAGE.read_text()
    assert text == page(loops), "VMOFFER_GOLDEN=1 writes it anew"
    cells = [
        cell.strip()
        for line in text.splitlines()
        if line.startswith("| LNX")
        for cell in line.split("|")[1:-1]
    ]
    assert cells
    assert all(cells)
