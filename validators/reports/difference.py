"""What changed between two image versions: outcomes of rules, and the facts behind them."""

from __future__ import annotations

from typing import Any, Literal

from rich.console import Console
from rich.text import Text
from typing_extensions import TypedDict

from generator.printable import printable
from validators.engine import Verdict
from validators.reports.document import DiskFacts, Document, OutcomeFacts, StatusName

# From bad to good; what changes sides without changing its rank is neither better nor worse.
RANK: dict[StatusName, int] = {"fail": 0, "warn": 1, "undecidable": 2, "pass": 3, "skip": 3}
TITLES = {
    "worse": "Worse",
    "better": "Better",
    "other": "Applies or no longer applies",
    "facts": "Same outcome, other facts",
}
STYLES = {"worse": "bold red", "better": "green", "other": "yellow", "facts": "bold"}
# They differ for every version, or are shown one by one.
NAMED = ("path", "bytes_read", "partitions", "logical_volumes")


class Side(TypedDict):
    """What a rule says about one of the two; of a rule that does not apply to it nothing is said."""

    status: StatusName
    evidence: str
    where: str


class Change(TypedDict):
    rule: str
    title: str
    change: Literal["worse", "better", "other", "facts"]
    old: Side | None
    new: Side | None
    fix: str


class FactChange(TypedDict):
    """A fact of the disk itself, such as `size_bytes` or `partition 1: content`."""

    fact: str
    old: Any
    new: Any


class Version(TypedDict):
    path: str
    verdict: Verdict


class Difference(TypedDict):
    old: Version
    new: Version
    profile: str
    disk: list[FactChange]
    outcomes: list[Change]
    unchanged: int


def build(old: Document, new: Document) -> Difference:
    """The difference between two documents of one disk each; `unchanged` counts equal outcomes."""
    before = {outcome["rule"]: outcome for outcome in old["outcomes"]}
    after = {outcome["rule"]: outcome for outcome in new["outcomes"]}
    names = list(dict.fromkeys([*after, *before]))
    changes = [change for name in names if (change := _change(before.get(name), after.get(name))) is not None]
    order = list(TITLES)
    changes.sort(key=lambda change: (order.index(change["change"]), change["rule"]))
    return {
        "old": {"path": old["disks"][0]["path"], "verdict": old["verdict"]},
        "new": {"path": new["disks"][0]["path"], "verdict": new["verdict"]},
        "profile": new["profile"],
        "disk": _facts(old["disks"][0], new["disks"][0]),
        "outcomes": changes,
        "unchanged": len(names) - len(changes),
    }


def write(difference: Difference, console: Console) -> None:
    """The difference for people: what got worse first."""
    for name in ("old", "new"):
        version: Version = difference["old"] if name == "old" else difference["new"]
        _line(console, f"{name}: {version['path']}: {version['verdict'].upper()}", "bold")
    if difference["disk"]:
        _line(console, "\nThe disk", "bold")
    for fact in difference["disk"]:
        _line(console, f"  {fact['fact']}: {fact['old']} → {fact['new']}")
    for kind, title in TITLES.items():
        found = [change for change in difference["outcomes"] if change["change"] == kind]
        if found:
            _line(console, f"\n{title} ({len(found)})", STYLES[kind])
        for change in found:
            _line(console, f"  {change['rule']}  {change['title']}", STYLES[kind])
            _line(console, f"      - {_side(change['old'])}")
            _line(console, f"      + {_side(change['new'])}")
            if change["fix"] and kind == "worse":
                _line(console, f"      fix: {change['fix']}", "cyan")
    _line(console, f"\n{difference['unchanged']} outcomes are the same ({difference['profile']})", "bold")


def _change(old: OutcomeFacts | None, new: OutcomeFacts | None) -> Change | None:
    before, after = _seen(old), _seen(new)
    if before == after:
        return None
    known = new or old
    assert known is not None
    kind: Literal["worse", "better", "other", "facts"] = "other"
    if before is not None and after is not None:
        step = RANK[after["status"]] - RANK[before["status"]]
        if step:
            kind = "better" if step > 0 else "worse"
        elif before["status"] == after["status"]:
            kind = "facts"
    return {
        "rule": known["rule"],
        "title": known["title"],
        "change": kind,
        "old": before,
        "new": after,
        "fix": new["fix"] if new else "",
    }


def _seen(outcome: OutcomeFacts | None) -> Side | None:
    if outcome is None:
        return None
    return {"status": outcome["status"], "evidence": outcome["evidence"], "where": outcome["where"]}


def _facts(old: DiskFacts, new: DiskFacts) -> list[FactChange]:
    before, after = _flat(old), _flat(new)
    return [
        {"fact": name, "old": before.get(name), "new": after.get(name)}
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _flat(disk: DiskFacts) -> dict[str, Any]:
    """Fact → value, with a line for each fact of each partition and volume."""
    facts: dict[str, Any] = {name: value for name, value in disk.items() if name not in NAMED}
    for part in disk["partitions"]:
        for name, value in part.items():
            facts[f"partition {part['number']}: {name}"] = value
    for volume in disk["logical_volumes"]:
        for name, value in volume.items():
            facts[f"volume {volume['name']}: {name}"] = value
    return facts


def _side(side: Side | None) -> str:
    if side is None:
        return "does not apply"
    where = f"{side['where']}: " if side["where"] else ""
    return f"{side['status']}: {where}{side['evidence']}"


def _line(console: Console, text: str, style: str = "") -> None:
    start, text = ("\n", text[1:]) if text.startswith("\n") else ("", text)
    console.print(Text(start + printable(text), style=style), soft_wrap=True)
