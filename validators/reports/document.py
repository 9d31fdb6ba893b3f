"""The report as one JSON document; its shape is written down here and published as a JSON Schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from generator import printable
from validators import catalogue
from validators.disk import Disk
from validators.engine import Judgement, Verdict
from validators.outcome import Outcome, Status

StatusName = Literal["pass", "warn", "fail", "skip", "undecidable"]
SeverityName = Literal["mandatory", "warning", "recommendation"]
SCHEMA_VERSION: Literal[2] = 2  # 1 had no verdict `open`, no `not_checked`, `unread` and `elsewhere`


class ToolFacts(TypedDict):
    name: str
    version: str


class WaiverFacts(TypedDict):
    """A rule that does not fail the image, why, and the last day (UTC) of that; `expired`: it is over."""

    rule: str
    why: str
    until: str | None
    expired: bool


class UnreadFacts(TypedDict):
    """A disk that was not checked to its end: `status` 3, it cannot be read; 4, a fault of vmoffer."""

    disk: str
    reason: str
    status: Literal[3, 4]


class PartitionFacts(TypedDict):
    """`start` and `size_bytes` in bytes; `type` a GPT GUID or an MBR byte like `0x83`."""

    number: int
    start: int
    size_bytes: int
    type: str
    name: str
    content: str
    label: str


class VolumeFacts(TypedDict):
    """A logical volume of LVM; `name` is group and volume."""

    name: str
    size_bytes: int
    content: str
    label: str


class DiskFacts(TypedDict):
    """`reason` says why no system was read; `bytes_read` is what judging took, null where nobody counts."""

    path: str
    role: Literal["os", "data"]
    lun: int | None
    generation: str | None
    format: str
    size_bytes: int | None
    file_bytes: int
    allocated_bytes: int
    os: Literal["linux", "windows"] | None
    partition_table: Literal["gpt", "mbr", "none"]
    partitions: list[PartitionFacts]
    logical_volumes: list[VolumeFacts]
    problems: list[str]
    reason: str
    bytes_read: int | None


class OutcomeFacts(TypedDict):
    """What one rule says about the disk at the path `disk`; `where` is a place inside it, if there is one.

    `elsewhere` goes with undecidable: another command, tool or option decides the rule.
    """

    rule: str
    title: str
    status: StatusName
    severity: SeverityName
    graders: list[str]
    evidence: str
    fix: str
    disk: str
    where: str
    elsewhere: bool


class Document(TypedDict):
    """`undecided`: mandatory rules that this command could have decided and did not; they make it `open`.

    `not_checked`: mandatory rules that another command, tool or option decides. `require_decided`: whether
    both are asked for, so that the exit status is 1 while there are any. `summary` leaves out
    what is elsewhere.
    """

    schema_version: Literal[2]
    verdict: Verdict
    require_decided: bool
    profile: str
    sku: str | None
    image_version: str | None
    created: str
    tool: ToolFacts
    summary: dict[StatusName, int]
    undecided: list[str]
    not_checked: list[str]
    unread: list[UnreadFacts]
    waivers: list[WaiverFacts]
    disks: list[DiskFacts]
    outcomes: list[OutcomeFacts]


def build(judgement: Judgement, *, require_decided: bool = False) -> Document:
    """The document of one judgement."""
    count = Counter(outcome.status for outcome in judgement.outcomes if not outcome.elsewhere)
    # The OS disk first, then by LUN, however the shell ordered the files.
    disks = sorted(judgement.disks, key=lambda disk: (disk.role != "os", disk.lun or 0))
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": judgement.verdict,
        "require_decided": require_decided,
        "profile": judgement.profile,
        "sku": judgement.sku.id if judgement.sku else None,
        "image_version": judgement.sku.version if judgement.sku else None,
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tool": {"name": "vmoffer", "version": metadata.version("vmoffer")},
        "summary": {status.value: count[status] for status in Status if count[status]},
        "undecided": judgement.undecided,
        "not_checked": judgement.not_checked,
        "unread": [
            {"disk": one.disk, "reason": one.reason, "status": one.status} for one in judgement.unread
        ],
        "waivers": [
            {
                "rule": one.rule,
                "why": one.why,
                "until": one.until.isoformat() if one.until else None,
                "expired": one.expired,
            }
            for one in judgement.waivers
        ],
        "disks": [_disk(disk, judgement.bytes_read.get(disk.path)) for disk in disks],
        "outcomes": [_outcome(outcome) for outcome in judgement.outcomes],
    }


def to_json(document: Mapping[str, Any]) -> str:
    """A document as text that every file and terminal takes: the unprintable is escaped as in JSON."""
    return printable.to_json(document) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    from pydantic import TypeAdapter

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(Document).json_schema(),
        "title": "Report of vmoffer validate",
    }


def exit_status(document: Document) -> int:
    """0, or why not: 1 a rule is not met, or not decided where that is asked for; 3, 4 a disk is not read."""
    if document["unread"]:
        return max(one["status"] for one in document["unread"])
    left_open = document["require_decided"] and (document["undecided"] or document["not_checked"])
    return 1 if document["verdict"] == "fail" or left_open else 0


def waived(document: Document) -> dict[str, str]:
    """Rule → why, of the waivers that hold today."""
    return {one["rule"]: one["why"] for one in document["waivers"] if not one["expired"]}


def elsewhere(document: Document) -> list[str]:
    """The rules that another command, tool or option decides, whatever they weigh; each once."""
    return list(dict.fromkeys(one["rule"] for one in document["outcomes"] if one["elsewhere"]))


def _outcome(outcome: Outcome) -> OutcomeFacts:
    return {
        "rule": outcome.rule,
        "title": catalogue.rules()[outcome.rule].title,
        "status": outcome.status.value,
        "severity": outcome.severity.value,
        "graders": list(outcome.graders),
        "evidence": outcome.evidence,
        "fix": outcome.fix,
        "disk": outcome.disk,
        "where": outcome.where,
        "elsewhere": outcome.elsewhere,
    }


def _disk(disk: Disk, bytes_read: int | None) -> DiskFacts:
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
        "logical_volumes": [
            {
                "name": part.name,
                "size_bytes": part.size,
                "content": part.content.kind,
                "label": part.content.label,
            }
            for part in disk.logical
        ],
        "problems": [*container.problems, *disk.table.problems],
        "reason": disk.reason,
        "bytes_read": bytes_read,
    }
