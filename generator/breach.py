"""What a rule on a definition yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from generator.load import FieldPath

Status = Literal["warn", "fail"]


@dataclass(frozen=True)
class Breach:
    """A finding before it knows its file: the rule, the field that breaks it, what to do."""

    rule: str
    field: FieldPath
    evidence: str
    fix: str
    status: Status = "fail"
