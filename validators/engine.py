"""Run the rules over a set of disks; whatever goes wrong inside a rule, its outcome is undecidable."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from generator.errors import Unusable
from generator.generation import Generation
from validators import catalogue
from validators.catalogue import DISK_SUBJECTS, Rule
from validators.check import CHECKS, Answer, Case, elsewhere, skipped, undecided
from validators.disk import Disk, Role
from validators.guest import Undecidable
from validators.linux import release
from validators.outcome import GRADERS, Outcome, Severity, Status
from validators.remote import Place
from validators.waiver import Waiver, collect, in_force

if TYPE_CHECKING:
    from generator.model import Disk as PlannedDisk
    from generator.model import Sku

# Importing a module registers its checks.
CHECK_MODULES = (
    "disk_file", "disk_layout", "linux_agent", "linux_boot", "linux_kernel", "linux_swap",
    "linux_network", "linux_ssh", "linux_accounts", "linux_software", "linux_repositories", "linux_identity",
    "windows", "windows_files", "promises", "linux_guide",
)  # fmt: skip
# strict: every grader of today and what is only documented. The guide's own numbers are a profile.
PROFILES: Mapping[str, tuple[str, ...]] = {
    "strict": ("tool", "lisa", "policy", "azcert"),
    **{name: (name,) for name in GRADERS},
}
RULE_SECONDS = 30.0  # for one rule; the slowest takes about a tenth of one second
EVIDENCE_LIMIT = 2000  # characters
Verdict = Literal["pass", "fail", "open"]
WEIGHT = {Severity.RECOMMENDATION: 0, Severity.WARNING: 1, Severity.MANDATORY: 2}


@dataclass(frozen=True)
class Unread:
    """A disk that was not checked to its end, and the exit status that says whose fault it is.

    3: it cannot be read, or it changed meanwhile; 4: a process of ours that read it died, and so did those
    that replaced it.
    """

    disk: str
    reason: str
    status: Literal[3, 4]


@dataclass(frozen=True)
class Judgement:
    """Everything a report says. `bytes_read` maps a disk to what checking it took."""

    disks: tuple[Disk, ...]
    outcomes: tuple[Outcome, ...]
    profile: str
    waivers: tuple[Waiver, ...]
    sku: Sku | None
    bytes_read: Mapping[Place, int] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """`fail`: a mandatory rule is not met. `open`: one is undecided, or a disk is not read. Else `pass`.

        What is waived, and what another command, tool or option decides, does not count.
        """
        waived = in_force(self.waivers)
        if any(one.status is Status.FAIL and one.rule not in waived for one in self.outcomes):
            return "fail"
        return "open" if self.unread or self.undecided else "pass"

    @property
    def undecided(self) -> list[str]:
        """Mandatory rules that this command was given enough to decide, and did not; they make it `open`."""
        return self._mandatory(elsewhere=False)

    @property
    def not_checked(self) -> list[str]:
        """Mandatory rules that another command, tool or option decides."""
        return self._mandatory(elsewhere=True)

    def _mandatory(self, *, elsewhere: bool) -> list[str]:
        waived = in_force(self.waivers)
        found = {
            one.rule
            for one in self.outcomes
            if one.status is Status.UNDECIDABLE
            and one.severity is Severity.MANDATORY
            and one.elsewhere is elsewhere
        }
        return sorted(found - waived.keys())


def load_checks() -> Mapping[str, object]:
    """Every check by rule id."""
    for name in CHECK_MODULES:
        importlib.import_module(f"validators.rules.{name}")
    return CHECKS


def judge(
    paths: Sequence[Place],
    *,
    sku: Sku | None = None,
    generation: Generation | None = None,
    role: Role | None = None,
    profile: str = "strict",
    waived: Mapping[str, str] | None = None,
    seconds: float = RULE_SECONDS,
    meanwhile: Callable[[], object] = lambda: None,
) -> Judgement:
    """Judge the disks at `paths` together, as one image of one plan.

    `role` None finds out: from the names in `sku`, else the first disk that holds a system is the OS
    disk. Each disk is read by a process of its own, which has `seconds` for every rule and for opening
    the disk; a remote one has ten times as long. `meanwhile` is called once, while they open it.

    Raises Unusable for a path that is no disk file and for an unknown profile or waived rule, and
    Surroundings when a remote disk can no longer be read.
    """
    from validators.workers import reading

    if profile not in PROFILES:
        raise Unusable(f"there is no profile {profile!r}", hint=f"one of {', '.join(PROFILES)}")
    waivers = collect(waived or {}, sku)
    load_checks()
    known = catalogue.rules()  # before the processes are forked, as the checks: once for all of them
    with reading(paths, seconds) as workers:
        meanwhile()
        disks = assign(workers.disks(), sku, generation, role)
        rules = [[rule.id for rule in known.values() if _applies(rule, disk)] for disk in disks]
        if role != "data":  # what it holds together is asked once, of the first
            rules[:1] = [
                [*one, *(rule.id for rule in known.values() if rule.subject == "image")] for one in rules[:1]
            ]
        found = workers.decide(disks, sku, profile, rules)
        read, unread = workers.bytes_read(), workers.unread()
    order = {name: index for index, name in enumerate(known)}
    outcomes = sorted((one for each in found for one in each), key=lambda outcome: order[outcome.rule])
    return Judgement(disks, tuple(outcomes), profile, waivers, sku, read, unread)


def assign(
    disks: Sequence[Disk], sku: Sku | None, generation: Generation | None, role: Role | None
) -> tuple[Disk, ...]:
    """Give every disk its role, LUN and generation."""
    planned = _planned(sku, generation)
    given: list[tuple[Disk, bool]] = []
    for disk in disks:
        plan, meant = planned.get(disk.path.name, (None, generation))
        if role or plan:
            chosen: Role = role or (plan.role if plan else "data")
            disk = replace(disk, role=chosen, lun=plan.lun if plan else None, generation=meant)
        given.append((disk, bool(role or plan)))
    system = None  # the place of the disk that is taken for the OS disk
    if not any(known and disk.role == "os" for disk, known in given):
        bootable = [n for n, (disk, known) in enumerate(given) if not known and disk.looks_bootable]
        unread = [n for n, (disk, known) in enumerate(given) if not known and disk.blocks is None]
        system = next(iter([*bootable, *unread]), None)
    return tuple(
        replace(disk, role="os" if n == system else disk.role, generation=disk.generation or generation)
        for n, (disk, _) in enumerate(given)
    )


def _planned(
    sku: Sku | None, generation: Generation | None
) -> dict[str, tuple[PlannedDisk, Generation | None]]:
    """The disks of the plan by file name, for one generation or all of them."""
    if sku is None:
        return {}
    wanted = [generation] if generation else sku.generations
    return {disk.filename: (disk, gen) for gen in wanted for disk in sku.disks(gen)}


def _applies(rule: Rule, disk: Disk) -> bool:
    if rule.subject == "offer":  # what it declares is compared with the OS disk
        return disk.role == "os" and rule.id in CHECKS
    if rule.subject not in DISK_SUBJECTS:
        return False
    if rule.subject == "image":
        return False
    if rule.subject == "disk":
        return True
    if rule.subject == "data-disk":
        return disk.role == "data"
    if disk.role != "os":
        return False
    return rule.subject in ("os-disk", "plan") or rule.subject == (disk.os or "linux")


def decide(
    rule: Rule,
    disk: Disk,
    disks: Sequence[Disk],
    sku: Sku | None,
    profile: str,
    unanswered: str | None = None,
) -> Outcome:
    """The outcome of one rule on one of `disks`; never raises. `unanswered`: why the rule is not asked."""
    active = tuple(name for name in PROFILES[profile] if name in rule.graders)
    case = Case(rule, disk, disks, active, sku)
    answer = undecided(unanswered) if unanswered else _answer(case, profile)
    graders = active if answer.graders is None else tuple(n for n in active if n in answer.graders)
    severity = answer.severity or _severity(rule, graders or active)
    status = answer.status
    known = {name for name in answer.graders or () if name in rule.graders}
    if known and not graders and status in (Status.FAIL, Status.WARN):
        status = Status.PASS  # only graders that are not asked would complain
    if status is Status.FAIL and severity is not Severity.MANDATORY:
        status = Status.WARN
    fix = rule.fix_for(_family(disk)) if status in (Status.FAIL, Status.WARN) else ""
    return Outcome(
        rule.id,
        status,
        severity,
        graders,
        _bounded(answer.evidence),
        fix,
        _bounded(answer.where),
        str(disk.path),
        answer.elsewhere,
    )


def _bounded(text: str) -> str:
    """`text`, cut where an image makes it longer than a person reads."""
    more = len(text) - EVIDENCE_LIMIT
    return text if more <= 0 else f"{text[:EVIDENCE_LIMIT]} … and {more} more characters"


def _answer(case: Case, profile: str) -> Answer:
    if profile != "strict" and not case.graders:
        return skipped(f"{profile} does not ask for this")
    if case.rule.offline:
        return elsewhere(case.rule.offline)
    check = CHECKS.get(case.rule.id)
    if check is None:
        return undecided("this version does not read it from an image yet")
    try:
        return check(case)
    except Undecidable as reason:
        return undecided(str(reason))
    except Exception as error:  # a rule that breaks must never stop the others, nor look like a pass
        return undecided(f"the rule met something it does not understand: {type(error).__name__}: {error}")


def _severity(rule: Rule, graders: Sequence[str]) -> Severity:
    severities = [rule.severity_for(name) for name in graders] or [rule.severity]
    return max(severities, key=lambda severity: WEIGHT[severity])


def _family(disk: Disk) -> str:
    if disk.guest is None or disk.os != "linux":
        return "any"
    try:
        return release.read(disk.guest).family
    except Undecidable:
        return "any"
