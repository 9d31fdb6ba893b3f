"""The difference of two image versions: what got worse, what got better, and which facts moved."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from images import NAME, ROOT, Content_, decide, os_disk
from rich.console import Console

from validators.engine import Judgement
from validators.outcome import Outcome
from validators.reports import difference, document
from validators.reports.difference import Change, Difference

RULES = ("LNX-SSH-001", "LNX-SWAP-002", "LNX-HIST-001", "LNX-KERN-003")


def version(
    files: dict[str, Content_] | None = None, rules: tuple[str, ...] = RULES, **disk: Any
) -> document.Document:
    found = os_disk(files, **disk)
    outcomes: list[Outcome] = [decide(rule, found) for rule in rules]
    return document.build(Judgement((found,), tuple(outcomes), "strict", (), None))


def compared(old: document.Document, new: document.Document) -> tuple[Difference, dict[str, Change]]:
    found = difference.build(old, new)
    return found, {change["rule"]: change for change in found["outcomes"]}


OLD = {"/root/.bash_history": "secret\n"}
NEW: dict[str, Content_] = {"/etc/ssh/sshd_config": "ClientAliveInterval 20\n"}


def test_two_equal_versions_have_no_difference() -> None:
    found, changes = compared(version(), version())
    assert changes == {} and found["disk"] == [] and found["unchanged"] == len(RULES)


def test_what_is_no_longer_met_is_worse_and_what_is_met_now_is_better() -> None:
    found, changes = compared(version(OLD), version(NEW))
    assert {rule: change["change"] for rule, change in changes.items()} == {
        "LNX-SSH-001": "worse",
        "LNX-HIST-001": "better",
    }
    old = changes["LNX-HIST-001"]["old"]
    assert old is not None and "7 bytes" in old["evidence"]
    assert "ClientAliveInterval 180" in changes["LNX-SSH-001"]["fix"]
    assert (found["old"]["verdict"], found["new"]["verdict"]) == ("fail", "fail")


def test_a_fact_that_moved_under_the_same_outcome_is_shown() -> None:
    longer = {"/root/.bash_history": "secrets\n"}
    _, changes = compared(version(OLD), version(longer))
    assert changes["LNX-HIST-001"]["change"] == "facts"


def test_a_rule_that_speaks_of_one_version_only_is_neither_better_nor_worse() -> None:
    _, changes = compared(version(rules=RULES[:1]), version(rules=RULES[:2]))
    assert changes["LNX-SWAP-002"]["change"] == "other" and changes["LNX-SWAP-002"]["old"] is None


def test_the_disk_itself_is_compared_partition_by_partition() -> None:
    smaller = replace(ROOT, size=20 << 30)
    found, _ = compared(version(), version(partitions=(smaller,), size=31 << 30))
    facts = {fact["fact"]: (fact["old"], fact["new"]) for fact in found["disk"]}
    assert facts["size_bytes"] == (30 << 30, 31 << 30)
    assert facts["partition 1: size_bytes"] == (29 << 30, 20 << 30)
    assert facts["partition 15: content"] == ("fat", None)


def test_the_text_shows_old_and_new_side_and_no_control_characters() -> None:
    out = StringIO()
    old = version(rules=("LNX-HIST-001",))
    new = version({"/root/\x1b[31m/.zsh_history": "x\n"}, rules=("LNX-HIST-001",))
    difference.write(difference.build(old, new), Console(file=out, soft_wrap=True))
    text = out.getvalue()
    assert "Worse (1)" in text and "      - pass: " in text and "      + fail: " in text
    assert "fix: " in text and Path(NAME).name in text
    assert "\x1b" not in text
