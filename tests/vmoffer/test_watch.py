"""A failed `packer build` is told as what it was: a step, a post-processor, or the surroundings."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import NotMet, Surroundings, Unusable, VmofferError
from vmoffer.watch import Watch

# As Packer 1.16 writes them.
STEP = "==> qemu.gen2: Provisioning with shell script: build/a/b/1.0.0/packer/qemu/scripts/11-sshd.sh"
POST = "==> qemu.gen2: Running post-processor: validate (type shell-local)"
BAD = "Build 'qemu.gen2' errored after 2 minutes: 1 error(s): Script exited with non-zero exit status: {}."


def verdict(out: Path, *lines: str) -> VmofferError:
    watch = Watch()
    for line in lines:
        watch(line)
    return watch.verdict(out)


def test_a_step_that_fails_in_the_guest_is_named_and_does_not_meet_the_rules(tmp_path: Path) -> None:
    error = verdict(tmp_path, STEP, BAD.format(7))
    assert isinstance(error, NotMet)
    assert error.where == "11-sshd.sh"
    assert "exit status 7" in error.what


def test_a_step_whose_guest_is_lost_has_no_exit_status(tmp_path: Path) -> None:
    assert "deadline or lost guest" in verdict(tmp_path, STEP, "Timeout waiting for SSH").what


@pytest.mark.parametrize(
    ("status", "kind"), [(1, NotMet), (2, Unusable), (3, Surroundings), (137, Surroundings)]
)
def test_the_status_of_a_post_processor_is_handed_on(
    tmp_path: Path, status: int, kind: type[VmofferError]
) -> None:
    error = verdict(tmp_path, STEP, POST, BAD.format(status))
    assert type(error) is kind
    assert error.where == "validate"


def test_a_guest_that_never_answers_is_a_failure_of_the_surroundings(tmp_path: Path) -> None:
    error = verdict(
        tmp_path, "==> qemu.gen2: Waiting for SSH to become available...", "Timeout waiting for SSH."
    )
    assert isinstance(error, Surroundings)


def test_an_exit_status_of_an_earlier_step_is_not_blamed_on_a_later_one(tmp_path: Path) -> None:
    assert "no exit status" in verdict(tmp_path, STEP, BAD.format(4), STEP.replace("11-sshd", "12-next")).what


def test_the_end_of_the_serial_console_is_shown_with_control_characters_made_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = tmp_path / "gen2/serial.log"
    console.parent.mkdir()
    console.write_bytes(b"first\n" * 100 + b"\x1b[2Jkernel panic \xff\n")
    verdict(tmp_path, STEP, BAD.format(1))
    shown = capsys.readouterr().err
    assert "kernel panic" in shown
    assert "\x1b" not in shown
    assert shown.count("first") == 29


def test_a_post_processor_that_fails_shows_no_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gen2").mkdir()
    (tmp_path / "gen2/serial.log").write_text("login:\n")
    verdict(tmp_path, POST, BAD.format(1))
    assert "login:" not in capsys.readouterr().err
