"""The report: one JSON document is the truth, everything else is a view of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.text import Text

from validators import catalogue
from validators.catalogue import Rule
from validators.disk import Disk
from validators.engine import Judgement
from validators.outcome import Outcome, Severity, Status

STYLES = {
    Status.FAIL: "bold red",
    Status.WARN: "yellow",
    Status.UNDECIDABLE: "magenta",
    Status.PASS: "green",
    Status.SKIP: "dim",
}
ORDER = (Status.FAIL, Status.WARN, Status.UNDECIDABLE, Status.PASS, Status.SKIP)
TITLES = {
    Status.FAIL: "Not met",
    Status.WARN: "Warnings",
    Status.UNDECIDABLE: "Undecidable",
    Status.PASS: "Met",
    Status.SKIP: "Not applicable",
}


def as_json(judgement: Judgement) -> dict[str, Any]:
    """The document: verdict, disks and outcomes, and how they came about."""
    return {
        "verdict": judgement.verdict,
        "profile": judgement.profile,
        "sku": judgement.sku.id if judgement.sku else None,
        "image_version": judgement.sku.version if judgement.sku else None,
        "tool": {"name": "vmoffer", "version": metadata.version("vmoffer")},
        "summary": {status.value: count for status, count in sorted(_count(judgement.outcomes).items())},
        "waivers": [{"rule": name, "why": why} for name, why in sorted(judgement.waived.items())],
        "disks": [_disk(disk) for disk in judgement.disks],
        "outcomes": [outcome.as_json() for outcome in judgement.outcomes],
    }


def to_json(judgement: Judgement) -> str:
    return json.dumps(as_json(judgement), indent=2, ensure_ascii=False) + "\n"


def _disk(disk: Disk) -> dict[str, Any]:
    container = disk.container
    return {
        "path": str(disk.path),
        "role": disk.role,
        "lun": disk.lun,
        "generation": disk.generation.value if disk.generation else None,
        "format": container.kind,
        "size_bytes": container.size_bytes,
        "file_bytes": container.file_bytes,
        "allocated_bytes": container.allocated_bytes,
        "os": disk.os,
        "partition_table": disk.table.scheme,
        "partitions": [
            {
                "number": part.number,
                "start": part.start,
                "size_bytes": part.size,
                "type": part.type,
                "name": part.name,
                "content": part.content.kind,
                "label": part.content.label,
            }
            for part in disk.table.partitions
        ],
        "problems": [*container.problems, *disk.table.problems],
        "reason": disk.reason,
    }


def write_text(judgement: Judgement, console: Console, *, full: bool = False) -> None:
    """The report for people: failures with their fix first; `full` adds what is met and skipped."""
    for disk in judgement.disks:
        _line(console, _disk_title(disk), "bold")
    by_status = {
        status: [outcome for outcome in judgement.outcomes if outcome.status is status] for status in ORDER
    }
    rules = catalogue.rules()
    for status in ORDER[: None if full else 3]:
        if not by_status[status]:
            continue
        console.print()
        _line(console, f"{TITLES[status]} ({len(by_status[status])})", STYLES[status])
        for outcome in _sorted(by_status[status]):
            _outcome(console, outcome, rules[outcome.rule], judgement.waived.get(outcome.rule))
    console.print()
    counts = _count(judgement.outcomes)
    words = ", ".join(f"{counts[status]} {TITLES[status].lower()}" for status in ORDER if counts[status])
    style = STYLES[Status.FAIL if judgement.verdict == "fail" else Status.PASS]
    _line(console, f"{judgement.verdict.upper()} ({judgement.profile}): {words}", style)
    open_questions = undecided_mandatory(judgement)
    if open_questions:
        names = ", ".join(open_questions)
        _line(console, f"not decided although mandatory: {names}", STYLES[Status.UNDECIDABLE])


def undecided_mandatory(judgement: Judgement) -> list[str]:
    """Mandatory rules that an image can usually answer and this one did not."""
    rules = catalogue.rules()
    return sorted(
        {
            outcome.rule
            for outcome in judgement.outcomes
            if outcome.status is Status.UNDECIDABLE
            and outcome.severity is Severity.MANDATORY
            and not rules[outcome.rule].offline
        }
    )


def printable(text: str) -> str:
    """`text` from an image made harmless for a terminal: control characters are spelled out."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def _disk_title(disk: Disk) -> str:
    container = disk.container
    size = "unknown size" if container.size_bytes is None else f"{container.size_bytes / (1 << 30):.2f} GiB"
    lun = "" if disk.lun is None else f" at LUN {disk.lun}"
    system = f", {disk.os}" if disk.os else ""
    return f"{disk.path}: {disk.role} disk{lun}, {container.kind}, {size}{system}"


def _outcome(console: Console, outcome: Outcome, rule: Rule, waived: str | None) -> None:
    waiver = f" (waived: {waived})" if waived else ""
    _line(console, f"  {outcome.rule}  {rule.title}{waiver}", STYLES[outcome.status])
    graders = f" [{', '.join(outcome.graders)}]" if outcome.graders else ""
    _line(console, f"      {outcome.severity}{graders}, {outcome.where}: {outcome.evidence}", "")
    if outcome.fix:
        _line(console, f"      fix: {outcome.fix}", "cyan")


def _line(console: Console, text: str, style: str) -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)


def _sorted(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda outcome: (list(Severity).index(outcome.severity), outcome.rule))


def _count(outcomes: Iterable[Outcome]) -> Counter[Status]:
    return Counter(outcome.status for outcome in outcomes)
