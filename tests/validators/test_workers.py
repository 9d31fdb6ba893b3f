"""Disks are read by processes of their own: what happens to one is an outcome, never the end of the call."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from validators import engine, workers
from validators.check import CHECKS, Answer, Case, met
from validators.engine import Judgement
from validators.footer import make_footer
from validators.outcome import Outcome, Status

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
