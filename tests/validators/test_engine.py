"""The engine gives disks their roles, never stops at a broken rule, and weighs what is not met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from images import GIB, MemoryBlocks, decide, os_disk, sku

from generator.errors import Unusable
from generator.model import Generation
from validators import engine
from validators import waiver as waivers
from validators.check import CHECKS, Answer, Case, unmet
from validators.disk import Disk
from validators.engine import Judgement, Unread, assign
from validators.outcome import Outcome, Severity, Status


def data_disk(name: str) -> Disk:
    return os_disk(name=name, role="data", system=None, partitions=(), roots=(), generation=None)


def judgement(*outcomes: Outcome, waived: dict[str, str] | None = None) -> Judgement:
    return Judgement((os_disk(),), outcomes, "strict", waivers.collect(waived or {}, None), None)


def outcome(status: Status = Status.FAIL, evidence: str = "e", rule: str = "LNX-SSH-001") -> Outcome:
    return Outcome(rule, status, Severity.MANDATORY, ("tool",), evidence, "f", "w")


def failing(check: Callable[[Case], Answer], monkeypatch: pytest.MonkeyPatch, **settings: str) -> Outcome:
    engine.load_checks()
    monkeypatch.setitem(CHECKS, "LNX-SSH-001", check)
    return decide("LNX-SSH-001", os_disk(), **settings)


# --- roles ---------------------------------------------------------------------------------------------
def test_the_first_disk_with_a_system_is_the_os_disk() -> None:
    disks = [data_disk("a.vhd"), os_disk(name="b.vhd", role="data"), os_disk(name="c.vhd", role="data")]
    assert [disk.role for disk in assign(disks, None, None, None)] == ["data", "os", "data"]


def test_names_of_the_plan_decide_role_lun_and_generation() -> None:
    plan = sku(data_disks=[{"lun": 0, "size_gib": 4}], generations=["gen1", "gen2"])
    names = ["debian-12-1.0.0-gen1-data-0.vhd", "debian-12-1.0.0-gen1-os.vhd"]
    disks = [os_disk(name=name, role="data", generation=None) for name in names]
    found = assign(disks, plan, None, None)
    assert [(disk.role, disk.lun, disk.generation) for disk in found] == [
        ("data", 0, Generation.GEN1),
        ("os", None, Generation.GEN1),
    ]


def test_a_role_that_is_given_wins() -> None:
    assert assign([data_disk("a.vhd")], None, Generation.GEN2, "os")[0].role == "os"


def test_a_disk_that_was_meant_to_boot_is_an_os_disk_even_if_nothing_on_it_can_be_read() -> None:
    broken = replace(os_disk(system=None, roots=(), role="data"), guest=None)
    assert assign([broken], None, None, None)[0].role == "os"


# --- weighing --------------------------------------------------------------------------------------------
def test_a_rule_that_breaks_is_undecidable_and_never_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> Answer:
        raise KeyError("oops")

    found = failing(broken, monkeypatch)
    assert found.status is Status.UNDECIDABLE
    assert "KeyError" in found.evidence


def test_the_heaviest_grader_that_complains_decides_the_severity() -> None:
    without = {"/boot/grub/grub.cfg": "menuentry x {\n linux /vmlinuz root=/\n}\n"}
    strict, tool, guide = (
        decide("LNX-KERN-003", os_disk(without), profile=profile)
        for profile in ("strict", "tool", "guide-2015")
    )
    assert (strict.status, tool.status, guide.status) == (Status.WARN, Status.WARN, Status.FAIL)
    assert guide.severity is Severity.MANDATORY


def test_a_profile_skips_what_its_grader_does_not_ask_for() -> None:
    assert decide("LNX-SUDO-001", os_disk(), profile="guide-2015").status is Status.SKIP


def test_a_grader_outside_of_the_profile_does_not_complain(monkeypatch: pytest.MonkeyPatch) -> None:
    found = failing(lambda case: unmet("e", graders=("tool", "guide-2015")), monkeypatch)
    assert found.graders == ("tool",)


def test_a_rule_that_is_undecidable_offline_says_why() -> None:
    found = decide("LNX-PATCH-001", os_disk())
    assert found.status is Status.UNDECIDABLE
    assert "repositories" in found.evidence


def test_only_mandatory_rules_that_nobody_waived_fail_the_image() -> None:
    assert judgement(outcome(Status.WARN)).verdict == "pass"
    lesser = replace(outcome(Status.UNDECIDABLE), severity=Severity.WARNING)
    assert judgement(lesser).verdict == "pass"
    assert judgement(outcome()).verdict == "fail"
    assert judgement(outcome(), waived={"LNX-SSH-001": "locked down"}).verdict == "pass"


def test_unknown_profiles_and_rules_are_unusable(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="no profile"):
        engine.judge([], profile="lenient")
    with pytest.raises(Unusable, match="no rule") as found:
        engine.judge([], waived={"LNX-SSH-01": "x"})
    assert "LNX-SSH-001" in str(found.value.hint)


def test_a_guest_that_cannot_be_read_leaves_its_rules_undecidable() -> None:
    nothing = replace(os_disk(system=None, roots=()), guest=None, reason="LUKS", blocks=MemoryBlocks(GIB))
    found = decide("LNX-SSH-001", nothing)
    assert (found.status, found.evidence) == (Status.UNDECIDABLE, "LUKS")


# --- the verdict `open` ----------------------------------------------------------------------------------
def test_a_mandatory_rule_that_was_not_decided_makes_the_verdict_open() -> None:
    undecided = outcome(Status.UNDECIDABLE, rule="LNX-KERN-001")
    assert judgement(undecided).verdict == "open"
    assert judgement(undecided).undecided == ["LNX-KERN-001"]
    assert judgement(undecided, outcome()).verdict == "fail"
    assert judgement(undecided, waived={"LNX-KERN-001": "its root is encrypted"}).verdict == "pass"


@pytest.mark.parametrize(
    "rule", ["DSK-BLOB-001", "LNX-PATCH-001", "LNX-MAL-001", "LNX-LOG-001", "LNX-RES-001"]
)
def test_a_rule_that_another_command_decides_leaves_the_verdict_alone(rule: str) -> None:
    found = decide(rule, os_disk())
    assert (found.status, found.elsewhere) == (Status.UNDECIDABLE, True)
    assert judgement(found).verdict == "pass"
    listed = [rule] if found.severity is Severity.MANDATORY else []
    assert (judgement(found).undecided, judgement(found).not_checked) == ([], listed)


def test_a_disk_that_was_not_read_is_never_a_pass() -> None:
    unread = replace(judgement(), unread=(Unread("os.vhd", "killed", 4),))
    assert unread.verdict == "open"
    assert replace(unread, outcomes=(outcome(),)).verdict == "fail"


def test_what_a_check_cannot_read_is_open_and_not_elsewhere() -> None:
    nothing = replace(os_disk(system=None, roots=()), guest=None, reason="LUKS", blocks=MemoryBlocks(GIB))
    assert not decide("LNX-SSH-001", nothing).elsewhere


def test_an_image_without_a_recognised_os_disk_is_open() -> None:
    alone = decide("DSK-OS-002", data_disk("a.vhd"))
    assert (alone.status, alone.severity, alone.elsewhere) == (Status.UNDECIDABLE, Severity.MANDATORY, False)
    assert "no disk was recognised" in alone.evidence and "--role data" in alone.evidence
    assert decide("DSK-OS-002", os_disk()).status is Status.PASS
