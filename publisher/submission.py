"""The URIs of one image together: one OS disk, data disks at LUNs 0, 1, 2 …, no blob twice (DSK-DATA-001)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from publisher.sasuri import parse
from validators import catalogue
from validators.outcome import Outcome, Status

RULE = "DSK-DATA-001"


def check(document: dict[str, Any]) -> Outcome:
    """What DSK-DATA-001 says of the disks in a `sas.json`; the outcome holds no signature.

    Partner Center answers `DataDisk- InvalidUrl` to LUNs that are out of sequence.
    """
    grader = "guide-2015" if document.get("profile") == "guide-2015" else "policy"
    rule = catalogue.find(RULE)
    problems = list(_problems(document["disks"], gaps=rule.graders[grader]["gaps"]))
    status = Status.FAIL if problems else Status.PASS
    evidence = "; ".join(problems) or f"an OS disk and {len(document['disks']) - 1} data disks in sequence"
    fix = rule.fix_for("any") if problems else ""
    return Outcome(RULE, status, rule.severity, tuple(rule.graders), evidence, fix, "all disks together")


def _problems(disks: list[dict[str, Any]], *, gaps: bool) -> Iterator[str]:
    luns = [disk.get("lun") for disk in disks]
    systems, data = luns.count(None), sorted(str(lun) for lun in luns if lun is not None)
    most = catalogue.find(RULE).limits["max_disks"]
    if systems != 1:
        yield f"{systems} OS disks instead of one"
    if len(data) > most:
        yield f"{len(data)} data disks, and at most {most} are taken"
    if not gaps and data != sorted(str(lun) for lun in range(len(data))):
        yield f"LUNs {', '.join(data)} instead of 0 to {len(data) - 1} without gaps"
    if gaps and (len(set(data)) < len(data) or not set(data) <= {str(lun) for lun in range(most)}):
        yield f"LUNs {', '.join(data)}: each disk has its own, 0 to {most - 1}"
    blobs = Counter(parse(disk["uri"]).shown for disk in disks)
    for blob, count in blobs.items():
        if count > 1:
            yield f"{blob} is given for {count} disks"
