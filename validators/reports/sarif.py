"""The report as SARIF 2.1.0, for code scanning and its viewers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from generator.printable import printable
from validators import catalogue, explain
from validators.catalogue import Rule
from validators.reports.document import Document, OutcomeFacts, waived
from validators.reports.text import name, notes, place

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"mandatory": "error", "warning": "warning", "recommendation": "note"}
SHOWN = ("fail", "warn", "undecidable")  # what is met or does not apply is no finding


def render(document: Document) -> str:
    """One run with a result per finding; undecidable ones are of the kind `open`, waived ones suppressed.

    What opens the verdict, waivers, and what another command decides are notifications of the run.
    """
    found = [one for one in document["outcomes"] if one["status"] in SHOWN and not one["elsewhere"]]
    rules = list(dict.fromkeys(outcome["rule"] for outcome in found))
    reasons = waived(document)
    disks = {disk["path"]: index for index, disk in enumerate(document["disks"])}
    tool = document["tool"]
    generations = [disk["generation"] for disk in document["disks"] if disk["generation"]]
    # Up to the last slash it is what code scanning calls a category: one for each image of a plan.
    names = ["vmoffer", document["sku"] or "validate", *generations[:1], document["image_version"] or ""]
    run = {
        "tool": {
            "driver": {
                "name": tool["name"],
                "version": tool["version"],
                "rules": [_rule(catalogue.find(one)) for one in rules],
            }
        },
        "automationDetails": {"id": "/".join(names)},
        "invocations": [
            {
                "executionSuccessful": not document["unread"],
                "endTimeUtc": document["created"],
                "toolExecutionNotifications": [
                    {
                        "level": "warning" if line.startswith("open:") else "note",
                        "message": {"text": printable(line)},
                    }
                    for line in notes(document)
                ],
            }
        ],
        "artifacts": [
            {
                "location": {"uri": _uri(disk["path"])},
                "length": disk["file_bytes"],
                "roles": ["analysisTarget"],
                "description": {"text": printable(f"{disk['role']} disk, {disk['format']}")},
            }
            for disk in document["disks"]
        ],
        "results": [
            _result(one, rules.index(one["rule"]), document, disks.get(one["disk"], -1), reasons)
            for one in found
        ],
        "properties": {"verdict": document["verdict"], "profile": document["profile"]},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    remedies = explain.fixes(rule)
    listed = "".join(f"\n- {one}" for one in remedies)
    address = next((url for cited in rule.sources if (url := catalogue.source(cited).url)), "")
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why} Fix: {'; '.join(remedies)}. `vmoffer rules {rule.id}` says more.",
            "markdown": f"{rule.why}\n\n**Fix**\n{listed}\n\n[{rule.id}](docs/rules.md#{rule.id.lower()})",
        },
        **({"helpUri": address} if address else {}),
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": [rule.subject, *rule.graders], "sources": list(rule.sources)},
    }


def _result(
    outcome: OutcomeFacts, rule: int, document: Document, disk: int, reasons: dict[str, str]
) -> dict[str, Any]:
    open_question = outcome["status"] == "undecidable"
    fix = f" Fix: {outcome['fix']}" if outcome["fix"] else ""
    key = "\0".join([outcome["rule"], name(outcome["disk"]), outcome["where"]])
    fingerprint = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    result: dict[str, Any] = {
        "ruleId": outcome["rule"],
        "ruleIndex": rule,
        "kind": "open" if open_question else "fail",
        "level": "none" if open_question else LEVELS[outcome["severity"]],
        "message": {"text": printable(f"{place(outcome)}: {outcome['evidence']}.{fix}")},
        "partialFingerprints": {"ruleAndPlace/v1": fingerprint},
        "properties": {"severity": outcome["severity"], "graders": outcome["graders"]},
    }
    if disk >= 0:
        uri = _uri(document["disks"][disk]["path"])
        result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": uri, "index": disk}}}]
        if outcome["where"]:
            inside = {"fullyQualifiedName": printable(outcome["where"]), "kind": "resource"}
            result["locations"][0]["logicalLocations"] = [inside]
    if outcome["rule"] in reasons:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": printable(reasons[outcome["rule"]])}
        ]
    return result


def _uri(path: str) -> str:
    if "://" in path:  # a remote disk: no path of a file keeps two slashes
        return path
    return Path(path).as_uri() if path.startswith("/") else quote(path.encode("utf-8", "surrogateescape"))
