"""How a rule is written: a function from a case to an answer, registered under the rule's id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.generation import Generation
from validators.catalogue import Rule
from validators.disk import Disk
from validators.guest import Guest, Undecidable
from validators.outcome import Severity, Status

if TYPE_CHECKING:
    from generator.model import Sku


@dataclass(frozen=True)
class Case:
    """What a rule judges: one disk (and the guest on it), the definition if there is one."""

    rule: Rule
    disk: Disk
    disks: Sequence[Disk]
    graders: tuple[str, ...]
    sku: Sku | None = None

    @property
    def guest(self) -> Guest:
        """The system on the disk. Raises Undecidable with the reason where there is none to read."""
        if self.disk.guest is None:
            raise Undecidable(self.disk.reason or "no system was found on this disk")
        return self.disk.guest

    @property
    def generation(self) -> Generation | None:
        return self.disk.generation

    @property
    def thresholds(self) -> Mapping[str, Mapping[str, Any]]:
        """The numbers of each grader in force."""
        return {name: self.rule.graders[name] for name in self.graders}


@dataclass(frozen=True)
class Answer:
    """`fail` means the rule is not met; the engine makes it a warning where the rule is not mandatory.

    `graders` narrows down who would complain (default: all that check the rule), `severity` overrides
    the rule's own, for rules that weigh more where a property is declared. `elsewhere` goes with undecided:
    another command, tool or option decides the rule, so that the verdict does not wait for it.
    """

    status: Status
    evidence: str
    where: str = ""
    graders: tuple[str, ...] | None = None
    severity: Severity | None = None
    elsewhere: bool = False


def met(evidence: str, where: str = "") -> Answer:
    return Answer(Status.PASS, evidence, where)


def unmet(
    evidence: str,
    where: str = "",
    *,
    graders: tuple[str, ...] | None = None,
    severity: Severity | None = None,
) -> Answer:
    return Answer(Status.FAIL, evidence, where, graders, severity)


def warned(evidence: str, where: str = "", *, graders: tuple[str, ...] | None = None) -> Answer:
    """Met in the main thing, but somebody would remark on it."""
    return Answer(Status.WARN, evidence, where, graders)


def skipped(reason: str) -> Answer:
    """The rule does not apply to this image."""
    return Answer(Status.SKIP, reason)


def undecided(reason: str, where: str = "") -> Answer:
    """This command was given all that the rule needs, and could not decide it: a mandatory one is open."""
    return Answer(Status.UNDECIDABLE, reason, where)


def elsewhere(reason: str, where: str = "") -> Answer:
    """Not checked here: `reason` says what another command, tool or option takes to decide it."""
    return Answer(Status.UNDECIDABLE, reason, where, elsewhere=True)


def shown(items: Sequence[str], limit: int = 5) -> str:
    """The first `limit` items, and how many more there are."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


Check = Callable[[Case], Answer]
CHECKS: dict[str, Check] = {}


def rule(name: str) -> Callable[[Check], Check]:
    """Register a function as the check of the rule `name`."""

    def register(check: Check) -> Check:
        if name in CHECKS:
            raise ValueError(f"{name} has two checks")
        CHECKS[name] = check
        return check

    return register
