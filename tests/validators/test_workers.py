"""Disks are read by processes of their own: what happens to one is an outcome, never the end of the call."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from validators import engine, workers
from validators.check import CHECKS, Answer, Case, met
from validators.disk import Disk, Role
from validators.engine import Judgement
from validators.footer import make_footer
from validators.guest import Undecidable
from validators.outcome import Outcome, Status
from validators.reports import document

MIB = 1 << 20
FIRST, SECOND = "DSK-FMT-001", "DSK-FMT-002"


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "plan-1.0.0-gen2-data-0.vhd"
    with path.open("wb") as file:
        file.truncate(32 * MIB)
        file.seek(32 * MIB)
        file.write(make_footer(32 * MIB).pack())
    return path


def judged(path: Path, seconds: float = 20) -> dict[str, Outcome]:
    return {outcome.rule: outcome for outcome in engine.judge([path], seconds=seconds).outcomes}


def answers(monkeypatch: pytest.MonkeyPatch, rule: str, check: Callable[[Case], Answer]) -> None:
    """Have `rule` decided by `check`; the processes are forked, so it reaches them."""
    engine.load_checks()
    monkeypatch.setitem(CHECKS, rule, check)


def dies(case: Case) -> Answer:
    os.kill(os.getpid(), signal.SIGKILL)
    return met("never")


def test_a_crash_makes_one_rule_undecidable_and_the_others_go_on(
    blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = judged(blank)
    answers(monkeypatch, FIRST, dies)
    after = judged(blank)
    assert after[FIRST].status is Status.UNDECIDABLE and "SIGKILL" in after[FIRST].evidence
    assert {rule: one for rule, one in after.items() if rule != FIRST} == {
        rule: one for rule, one in before.items() if rule != FIRST
    }


def test_a_rule_that_hangs_is_undecidable_after_its_deadline(
    blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(case: Case) -> Answer:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(600)
        return met("never")

    answers(monkeypatch, FIRST, hangs)
    start = time.monotonic()
    found = judged(blank, seconds=1)
    assert time.monotonic() - start < 15
    assert found[FIRST].evidence == "it took longer than 1 seconds"
    assert found[SECOND].status is Status.PASS


def test_a_rule_that_wants_too_much_memory_is_undecidable(
    blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, FIRST, lambda case: met(str(len(bytearray(4 << 30)))))
    found = judged(blank)
    assert found[FIRST].status is Status.UNDECIDABLE and "MemoryError" in found[FIRST].evidence
    assert found[SECOND].status is Status.PASS


def test_a_disk_that_stops_its_process_again_and_again_is_left_alone(
    blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.load_checks()
    for rule in list(CHECKS):
        monkeypatch.setitem(CHECKS, rule, dies)
    found = judged(blank)
    assert {one.status for one in found.values()} <= {Status.UNDECIDABLE, Status.SKIP}
    assert f"stopped {workers.MAX_RESTARTS + 1} times" in list(found.values())[-1].evidence


def test_a_disk_that_cannot_even_be_opened_is_judged_as_the_os_disk(
    blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("validators.worker.open_disk", broken)
    judgement = engine.judge([blank])
    assert judgement.disks[0].role == "os" and "SIGKILL" in judgement.disks[0].reason
    found = {outcome.rule: outcome for outcome in judgement.outcomes}
    assert found["LNX-SSH-001"].status is Status.UNDECIDABLE and "SIGKILL" in found["LNX-SSH-001"].evidence
    assert found[FIRST].status is Status.PASS  # the file itself can still be judged


def status(judgement: Judgement) -> int:
    return document.exit_status(document.build(judgement))


@pytest.mark.parametrize("role", ["os", "data", None])
def test_a_reader_that_is_killed_at_every_start_is_never_a_pass_and_a_fault_of_ours(
    role: Role | None, blank: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """K1: nearly all rules were undecidable, the verdict was pass and the exit status 0."""
    starts = tmp_path / "starts"

    def broken(path: Path) -> None:
        with starts.open("a") as file:
            file.write(".")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("validators.worker.open_disk", broken)
    with blank.open("wb") as file:  # large enough for an OS disk
        file.truncate(2048 * MIB)
        file.seek(2048 * MIB)
        file.write(make_footer(2048 * MIB).pack())
    judgement = engine.judge([blank], role=role)
    assert judgement.verdict == "open" and status(judgement) == 4
    assert "SIGKILL" in judgement.unread[0].reason
    assert len(starts.read_text()) == workers.MAX_RESTARTS + 1


def test_a_reader_that_is_killed_once_is_started_again_and_the_disk_is_read(
    blank: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from validators.disk import open_disk

    def once(path: Path) -> Disk:
        if not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return open_disk(path)

    monkeypatch.setattr("validators.worker.open_disk", once)
    judgement = engine.judge([blank], role="data")
    assert (tmp_path / "killed").exists()
    assert judgement.verdict == "pass" and judgement.unread == () and status(judgement) == 0


def test_rules_that_kill_the_reader_until_its_restarts_are_used_up_are_a_fault_of_ours(
    blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.load_checks()
    for rule in list(CHECKS):
        monkeypatch.setitem(CHECKS, rule, dies)
    judgement = engine.judge([blank], role="data")
    assert judgement.verdict == "open" and status(judgement) == 4


def test_a_disk_that_cannot_be_read_is_never_a_pass(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(container: object) -> None:
        raise Undecidable("the key is missing")

    monkeypatch.setattr("validators.disk.open_blocks", closed)
    judgement = engine.judge([blank], role="data")
    assert judgement.verdict == "open" and status(judgement) == 3
    assert judgement.unread[0].reason == "the key is missing"


def test_a_disk_that_does_not_open_in_time_is_never_a_pass(
    blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("validators.worker.open_disk", lambda path: time.sleep(600))
    judgement = engine.judge([blank], role="data", seconds=1)
    assert judgement.verdict == "open" and status(judgement) == 3


@pytest.mark.parametrize("change", ["written", "replaced", "cut", "removed"])
def test_a_disk_that_changes_while_it_is_read_is_noticed(
    change: str, blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes(case: Case) -> Answer:
        if change == "written":
            with blank.open("r+b") as file:
                file.write(b"x")
        elif change == "cut":
            os.truncate(blank, 16 * MIB)
        elif change == "removed":
            blank.unlink()
        else:
            other = blank.with_suffix(".new")
            shutil.copy2(blank, other)
            other.replace(blank)
        return met("as it was")

    answers(monkeypatch, FIRST, changes)
    judgement = engine.judge([blank], role="data")
    assert judgement.verdict == "open" and status(judgement) == 3
    asked = [one for one in judgement.outcomes if not one.elsewhere]
    assert {one.status for one in asked} == {Status.UNDECIDABLE}
    assert {one.evidence for one in asked} == {judgement.unread[0].reason}
    assert "changed while it was read" in judgement.unread[0].reason


def test_a_disk_that_stays_as_it_is_is_not_said_to_change(blank: Path) -> None:
    assert engine.judge([blank], role="data").unread == ()


def test_an_endless_answer_is_cut(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, FIRST, lambda case: met("x" * 10_000_000))
    assert len(judged(blank)[FIRST].evidence) < 2 * engine.EVIDENCE_LIMIT


def test_disks_are_judged_at_the_same_time(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(case: Case) -> Answer:
        time.sleep(1)
        return met("at last")

    paths = [blank, *(blank.with_name(f"{n}.vhd") for n in range(3))]
    for path in paths[1:]:
        path.write_bytes(blank.read_bytes())
    answers(monkeypatch, FIRST, slow)
    start = time.monotonic()
    judgement: Judgement = engine.judge(paths)
    assert time.monotonic() - start < 3.5
    assert [one.disk for one in judgement.outcomes if one.rule == FIRST] == [str(path) for path in paths]


def test_no_process_is_left_over(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import multiprocessing

    answers(monkeypatch, FIRST, dies)
    judged(blank)
    assert multiprocessing.active_children() == []


def test_the_bytes_that_were_read_are_counted(blank: Path) -> None:
    if not Path("/proc/self/io").exists():
        pytest.skip("/proc/self/io is missing: this system does not count")
    read = engine.judge([blank]).bytes_read[blank]
    assert 512 <= read < 16 * MIB
