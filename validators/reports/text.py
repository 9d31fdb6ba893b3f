"""The report for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from validators.reports.document import DiskFacts, Document, OutcomeFacts, StatusName

STYLES: dict[StatusName, str] = {
    "fail": "bold red",
    "warn": "yellow",
    "undecidable": "magenta",
    "pass": "green",
    "skip": "dim",
}
# The order of every report that people read: what needs hands first.
TITLES: dict[StatusName, str] = {
    "fail": "Not met",
    "warn": "Warnings",
    "undecidable": "Undecidable",
    "pass": "Met",
    "skip": "Not applicable",
}
SEVERITIES = ("mandatory", "warning", "recommendation")


def write(document: Document, console: Console, *, full: bool = False) -> None:
    """Failures with their fix first; `full` adds what is met and skipped."""
    waived = {waiver["rule"]: waiver["why"] for waiver in document["waivers"]}
    for disk in document["disks"]:
        _line(console, disk_title(disk), "bold")
        if "://" in disk["path"] and disk["bytes_read"] is not None:
            part = disk["bytes_read"] / (disk["file_bytes"] or 1)
            _line(console, f"  {size(disk['bytes_read'])} of it were read over the network ({part:.2%})", "")
    for status in list(TITLES)[: None if full else 3]:
        found = [outcome for outcome in document["outcomes"] if outcome["status"] == status]
        if found:
            console.print()
            _line(console, f"{TITLES[status]} ({len(found)})", STYLES[status])
        for outcome in in_order(found):
            _outcome(console, outcome, waived.get(outcome["rule"]))
    console.print()
    passed: StatusName = "warn" if document["undecided"] else "pass"
    style = STYLES["fail" if document["verdict"] == "fail" else passed]
    _line(console, f"{document['verdict'].upper()} ({document['profile']}): {counts(document)}", style)
    if document["undecided"]:
        names = ", ".join(document["undecided"])
        _line(console, f"not decided although mandatory: {names}", STYLES["undecidable"])


def counts(document: Document) -> str:
    """`90 met, 1 warnings`, in the order of the report."""
    summary = document["summary"]
    return ", ".join(f"{summary[status]} {TITLES[status].lower()}" for status in TITLES if status in summary)


def in_order(outcomes: Iterable[OutcomeFacts]) -> list[OutcomeFacts]:
    """The heaviest first, then by rule."""
    return sorted(outcomes, key=lambda one: (SEVERITIES.index(one["severity"]), one["rule"]))


def place(outcome: OutcomeFacts) -> str:
    """The disk, and where on it."""
    return ": ".join(part for part in (name(outcome["disk"]), outcome["where"]) if part)


def name(path: str) -> str:
    """The file name of a disk."""
    return path.rpartition("/")[2]


def disk_title(disk: DiskFacts) -> str:
    lun = "" if disk["lun"] is None else f" at LUN {disk['lun']}"
    system = f", {disk['os']}" if disk["os"] else ""
    return f"{disk['path']}: {disk['role']} disk{lun}, {disk['format']}, {size(disk['size_bytes'])}{system}"


def size(count: int | None) -> str:
    """Bytes in the unit that people say."""
    if count is None:
        return "unknown size"
    for unit, width in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << width:
            return f"{count / (1 << width):.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{count} bytes"


def printable(text: str) -> str:
    """`text` from an image made harmless for whoever shows it: control characters are spelled out."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def _outcome(console: Console, outcome: OutcomeFacts, waived: str | None) -> None:
    waiver = f" (waived: {waived})" if waived else ""
    _line(console, f"  {outcome['rule']}  {outcome['title']}{waiver}", STYLES[outcome["status"]])
    graders = f" [{', '.join(outcome['graders'])}]" if outcome["graders"] else ""
    _line(console, f"      {outcome['severity']}{graders}, {place(outcome)}: {outcome['evidence']}", "")
    if outcome["fix"]:
        _line(console, f"      fix: {outcome['fix']}", "cyan")


def _line(console: Console, text: str, style: str) -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)
