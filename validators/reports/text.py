"""The report for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from generator.printable import printable
from validators.reports.document import (
    DiskFacts,
    Document,
    OutcomeFacts,
    StatusName,
    WaiverFacts,
    elsewhere,
    waived,
)

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
VERDICTS: dict[str, StatusName] = {"fail": "fail", "open": "undecidable", "pass": "pass"}  # in whose style
SEVERITIES = ("mandatory", "warning", "recommendation")


def write(document: Document, console: Console, *, full: bool = False) -> None:
    """Failures with their fix first; `full` adds what is met and skipped."""
    reasons = waived(document)
    for disk in document["disks"]:
        _line(console, disk_title(disk), "bold")
        if "://" in disk["path"] and disk["bytes_read"] is not None:
            part = disk["bytes_read"] / (disk["file_bytes"] or 1)
            _line(console, f"  {size(disk['bytes_read'])} of it were read over the network ({part:.2%})", "")
    for status in list(TITLES)[: None if full else 3]:
        found = [one for one in document["outcomes"] if one["status"] == status and not one["elsewhere"]]
        if found:
            console.print()
            _line(console, f"{TITLES[status]} ({len(found)})", STYLES[status])
        for outcome in in_order(found):
            _outcome(console, outcome, reasons.get(outcome["rule"]))
    console.print()
    style = STYLES[VERDICTS[document["verdict"]]]
    _line(console, f"{document['verdict'].upper()} ({document['profile']}): {counts(document)}", style)
    for line in notes(document):
        _line(console, line, style if line.startswith("open:") else "")


def notes(document: Document) -> list[str]:
    """What goes with the verdict, a line each: unread disks, open rules, waivers, what is not checked."""
    found = [f"open: {name(one['disk'])} was not read: {one['reason']}" for one in document["unread"]]
    if document["undecided"]:
        found.append(f"open: mandatory and not decided: {', '.join(document['undecided'])}")
    found += [waiver_line(one) for one in document["waivers"]]
    if others := elsewhere(document):
        found.append(
            f"not checked here ({len(others)}): {', '.join(others)}; "
            "`vmoffer rules ID` says which command, tool or option decides each"
        )
    return found


def waiver_line(waiver: WaiverFacts) -> str:
    """`waived: RULE until DATE: why`, or that it has expired."""
    until = f" until {waiver['until']}" if waiver["until"] else ""
    if waiver["expired"]:
        return f"waiver expired: {waiver['rule']}{until}: {waiver['why']}; the rule counts again"
    return f"waived: {waiver['rule']}{until}: {waiver['why']}"


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


def _outcome(console: Console, outcome: OutcomeFacts, reason: str | None) -> None:
    shown = reason and outcome["status"] in ("fail", "undecidable")
    waiver = f" (waived: {reason})" if shown else ""
    _line(console, f"  {outcome['rule']}  {outcome['title']}{waiver}", STYLES[outcome["status"]])
    graders = f" [{', '.join(outcome['graders'])}]" if outcome["graders"] else ""
    _line(console, f"      {outcome['severity']}{graders}, {place(outcome)}: {outcome['evidence']}", "")
    if outcome["fix"]:
        _line(console, f"      fix: {outcome['fix']}", "cyan")


def _line(console: Console, text: str, style: str) -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)
