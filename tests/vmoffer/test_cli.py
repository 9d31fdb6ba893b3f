"""One error boundary: what, where, which rule, what next; an exit status; a traceback only on request."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from generator.errors import NotMet, Surroundings, Unusable, VmofferError
from vmoffer import cli


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # a function that takes what to raise
    def fail_with(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(cli.Commands, "get_command", lambda *arguments: command)

    return fail_with


@pytest.mark.parametrize(("kind", "status"), [(NotMet, 1), (Unusable, 2), (Surroundings, 3)])
def test_each_kind_of_error_has_its_status_and_says_everything(
    failing, capsys: pytest.CaptureFixture[str], kind: type[VmofferError], status: int
) -> None:
    failing(kind("it broke", where="disk.vhd", rule="DSK-FMT-001", hint="mend it"))
    assert cli.run(["lint"]) == status
    told = capsys.readouterr()
    assert told.err == "vmoffer: disk.vhd: it broke [DSK-FMT-001]\n  → mend it\n" + (
        "  help: vmoffer rules DSK-FMT-001 (docs/rules.md#dsk-fmt-001)\n"
    )
    assert told.out == ""


def test_an_operating_system_error_is_a_failure_of_the_surroundings(
    failing, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(PermissionError(13, "Permission denied", "/root/x"))
    assert cli.run(["lint"]) == 3
    told = capsys.readouterr().err
    assert told.splitlines()[0] == "vmoffer: /root/x: Permission denied"
    assert "docs/troubleshooting.md#permission" in told


def test_debug_shows_a_traceback_and_nothing_else_does(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(Unusable("no"))
    cli.run(["lint"])
    assert "Traceback" not in capsys.readouterr().err
    cli.run(["--debug", "lint"])
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_or_option_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["frobnicate"]) == 2
    assert cli.run(["rules", "--frobnicate"]) == 2
    assert "No such" in capsys.readouterr().err


def test_ctrl_c_is_status_130_without_a_traceback(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(KeyboardInterrupt())
    assert cli.run(["lint"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    pipe = f"{sys.executable} -m vmoffer rules | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_sigterm_ends_a_command_like_ctrl_c() -> None:
    command = [sys.executable, "-m", "vmoffer", "sas", "check", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while b"sas" not in Path(f"/proc/{process.pid}/cmdline").read_bytes() or not _waits(process.pid):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in told
    assert "Traceback" not in told


def _waits(pid: int) -> bool:
    """Whether the process waits for its standard input."""
    return "pipe_read" in Path(f"/proc/{pid}/wchan").read_text()


def _options(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    """Every option and argument of `command` and of the commands below it, with what to call it by."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from _options(below, f"{name} {each}")
    yield from ((name, parameter) for parameter in command.params)


def test_each_documented_value_of_an_option_is_one_that_it_takes() -> None:
    seen = 0
    for name, parameter in _options(cli.root, "vmoffer"):
        if not isinstance(parameter.type, click.Choice):
            continue
        shown = parameter.get_error_hint(click.Context(click.Command(name)))
        for value in parameter.type.choices:
            seen += 1
            # An enum's member is a documented value by its value, and click takes its name.
            assert type(value) is str, f"{name} {shown}: give the values, as text"
            assert parameter.type_cast_value(
                click.Context(click.Command(name)),
                [value] if parameter.multiple or parameter.nargs == -1 else value,
            )
    assert seen > 40


@pytest.mark.parametrize("builder", ["qemu", "azure-arm"])
def test_build_takes_each_builder_by_the_name_that_is_documented(builder: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vmoffer", "build", "no/such-plan", "--builder", builder]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "is not one of" not in done.stderr
    assert "no/such-plan" in done.stderr
