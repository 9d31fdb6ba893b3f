"""What one rule says about one image: the unit that every report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The answer. Undecidable is never a pass: the rule could not see what it needed."""

    PASS = "pass"  # noqa: S105 - a status, not a password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    UNDECIDABLE = "undecidable"


class Severity(StrEnum):
    """How much an unmet rule weighs; only mandatory ones decide the verdict."""

    MANDATORY = "mandatory"
    WARNING = "warning"
    RECOMMENDATION = "recommendation"


GRADERS = ("tool", "lisa", "policy", "azcert", "guide-2015")  # who tests images, in the field's words


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule's answer: `graders` would complain, or do check it where the rule passes.

    `where` is a path, a line or a URI; `disk` the path of the disk file that it is on, if there is one.
    `elsewhere` goes with undecidable: another command, tool or option decides the rule, not this one.
    """

    rule: str
    status: Status
    severity: Severity
    graders: tuple[str, ...] = ()
    evidence: str = ""
    fix: str = ""
    where: str = ""
    disk: str = ""
    elsewhere: bool = False

    def as_json(self) -> dict[str, object]:
        """The outcome as the report's JSON has it."""
        return {
            "rule": self.rule,
            "status": self.status.value,
            "severity": self.severity.value,
            "graders": list(self.graders),
            "evidence": self.evidence,
            "fix": self.fix,
            "where": self.where,
        }
