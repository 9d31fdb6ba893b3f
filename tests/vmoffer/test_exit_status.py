"""The one table of exit statuses, for every command, from outside: each line is a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from calls import ROOT, VMOFFER, clean, each, run

from generator.errors import STATUSES
from vmoffer.cli import COMMANDS

NOWHERE = 65534
BELOW = {"disk": ("create", "info"), "sas": ("make", "check"), "store": ("start", "stop", "status")}
EACH = [[name, *below] for name in COMMANDS for below in ([[one] for one in BELOW.get(name, ())] or [[]])]
# Root reads everything; without these two capabilities it is refused like anybody else.
UNPRIVILEGED = ("--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
# A call per command that reads a file of the user's, and those that read a list of them.
READING = """
lint X.yaml
bump X.yaml patch
generate X.yaml
build X.yaml
new shop/a --from X.yaml
finalize X.yaml --generation gen2 --raw r --out o
import X.pkr.hcl shop/x
import good.pkr.hcl shop/x --var-file X.pkr.hcl
convert X.vhd o.vhd
convert --in-place X.vhd o.vhd
validate X.vhd
validate good.vhd X.vhd
validate good.vhd --sku X.yaml
disk info X.vhd
disk create n.vhd --content X.vhd
upload X.vhd
sas check --offline --file X.json
sas make --renew X.json
""".strip().splitlines()
NOTHING_GIVEN = """
validate -
validate
disk info
disk info -
upload
sas check -
sas check --offline -
sas check
sas make
sas make --renew empty.json
sas check --file empty.json
download - out.vhd
""".strip().splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with one plan, a disk, a template; and no.*, gone.*, dir.*, loop.* that none can read."""
    here = tmp_path_factory.mktemp("calls")
    assert run(["new", "shop/basic", "--os", "debian-12"], here)[0] == 0
    assert run(["disk", "create", "good.vhd", "--size", "1G"], here)[0] == 0
    (here / "good.yaml").write_text((here / "skus/shop/basic.yaml").read_text())
    (here / "good.pkr.hcl").write_text(
        'source "azure-arm" "x" {\n  os_type = "Linux"\n}\nbuild {\n  sources = ["source.azure-arm.x"]\n}\n'
    )
    (here / "good.json").write_text("{}")
    (here / "empty.json").write_text('{"disks": []}')
    for ending in ("yaml", "vhd", "json", "pkr.hcl"):
        shutil.copy(here / f"good.{ending}", here / f"no.{ending}")
        if os.geteuid() == 0:
            os.chown(here / f"no.{ending}", NOWHERE, NOWHERE)
        (here / f"no.{ending}").chmod(0)
        (here / f"loop.{ending}").symlink_to(f"loop.{ending}")
    return here


@pytest.fixture(scope="module")
def refused() -> tuple[str, ...]:
    """What to put before a command so that modes of files count."""
    return ("setpriv", *UNPRIVILEGED) if os.geteuid() == 0 else ()


def test_the_table_is_the_same_in_the_help_and_on_the_pages(folder: Path) -> None:
    told = " ".join(run(["--help"], folder)[1].split())
    troubles = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for number, meaning in STATUSES.items():
        assert f"{number} {meaning}" in told
        assert f"| {number} | {meaning} |" in troubles
        assert re.search(rf"\b{number} {re.split('[;:,]', meaning)[0]}", readme)


def test_an_option_that_there_is_not_is_2_for_every_command(folder: Path) -> None:
    for call, (status, out, err) in each(EACH, lambda words: run([*words, "--nonsense"], folder)):
        assert (status, out) == (2, ""), call
        assert re.fullmatch(
            r"vmoffer: No such option '--nonsense'.*\n  → vmoffer .*\n  help: .*status-2\)\n", err
        ), err


def test_a_fault_of_ours_is_4_for_every_command_and_shows_no_text_of_the_error(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import click\nwas = click.Command.invoke\n"
        "def invoke(self, ctx):\n"
        "    if isinstance(self, click.Group): return was(self, ctx)\n"
        "    raise KeyError('https://x/?sig=c2VjcmV0c2VjcmV0c2VjcmV0')\n"
        "click.Command.invoke = invoke\n"
    )
    words = {"new": ["a/b"], "import": ["t"], "bump": ["a/b", "patch"], "ci": ["github"], "build": ["a/b"]}
    words |= {"finalize": ["a/b", "--generation", "gen2", "--raw", "r", "--out", "o"], "convert": ["a", "b"]}
    words |= {"provision": ["--family", "debian"], "validate": ["a"], "upload": ["a"], "download": ["a", "b"]}
    words |= {"disk create": ["a"], "disk info": ["a"]}
    path = f"{tmp_path}:{ROOT}"
    calls = [[*one, *words.get(" ".join(one), [])] for one in EACH]
    for call, (status, out, err) in each(calls, lambda one: run(one, folder, PYTHONPATH=path)):
        assert (status, out) == (4, ""), (call, err)
        assert err.startswith(
            f"vmoffer: {tmp_path}/sitecustomize.py: a fault of vmoffer itself: KeyError in invoke, line 5\n"
        )
        assert "please report it" in err and "help: vmoffer help status-4" in err
        assert "Traceback" not in err and "c2Vj" not in err
    status, _, err = run(["--debug", "list"], folder, PYTHONPATH=path)
    assert status == 4 and "Traceback" in err and "c2Vj" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_is_130_for_every_command(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import click, sys, time\nwas = click.Command.invoke\n"
        "def invoke(self, ctx):\n"
        "    if isinstance(self, click.Group): return was(self, ctx)\n"
        "    print('there', flush=True); time.sleep(60)\n"
        "click.Command.invoke = invoke\n"
    )
    commands = [
        ["rules"],
        ["list"],
        ["doctor"],
        ["store", "status"],
        ["validate", "good.vhd"],
        ["build", "a/b"],
    ]

    def stop(words: Sequence[str]) -> tuple[int, str, str]:
        # Under nohup the tests would hand on that hang-ups are ignored, which vmoffer respects.
        command = ["env", "--default-signal=HUP", *VMOFFER, *words]
        env = {**clean(), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=folder, env=env, text=True, **pipes) as process:  # type: ignore[call-overload]
            assert process.stdout.readline() == "there\n"
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
            return process.returncode, "", err

    for call, found in each(commands, stop):
        assert found == (130, "", "vmoffer: interrupted; what was started has been stopped\n"), call


def test_nohup_keeps_a_command_from_being_hung_up(folder: Path) -> None:
    command = ["nohup", *VMOFFER, "sas", "check", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, env=clean(), text=True, **pipes) as process:  # type: ignore[call-overload]
        _wait_for_stdin(process.pid)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate("", timeout=30)
    assert process.returncode == 2 and "no URI" in err


def _wait_for_stdin(pid: int) -> None:
    deadline = time.monotonic() + 30
    while "pipe_read" not in Path(f"/proc/{pid}/wchan").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reader_that_is_gone_changes_no_status_for_any_command(folder: Path) -> None:
    def unread(words: Sequence[str]) -> tuple[int, str, str]:
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [*VMOFFER, *words], cwd=folder, env=clean(), stdout=write,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip
        os.close(write)
        return done.returncode, "", done.stderr

    helps = [[*one, "--help"] for one in EACH]
    more = [
        ["list"],
        ["rules"],
        ["schema"],
        ["lint"],
        ["ci", "github", "--out", "-"],
        ["rules", "--format", "json"],
    ]
    more += [["help"], ["disk", "info", "good.vhd"], ["provision", "--family", "debian", "--list"]]
    for call, (status, _, err) in each([*helps, *more], unread):
        assert status == 0, call
        assert "Broken pipe" not in err and "Traceback" not in err and "Exception" not in err, call
    # What was found out is said by the status, read or not.
    blank = ["validate", "good.vhd", "--role", "os"]
    assert unread(blank)[0] == run(blank, folder)[0] == 1
    assert unread(["lint", "gone.yaml"])[0] == 2


def test_a_full_disk_is_3_wherever_the_product_goes(folder: Path) -> None:
    def full(words: Sequence[str]) -> tuple[int, str, str]:
        with Path("/dev/full").open("w") as sink:
            done = subprocess.run(
                [*VMOFFER, *words], cwd=folder, env=clean(), stdout=sink,
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120,
            )  # fmt: skip
        return done.returncode, "", done.stderr

    calls = [[*one, "--help"] for one in EACH]
    calls += [
        ["list"],
        ["rules"],
        ["schema"],
        ["lint"],
        ["help"],
        ["ci", "github", "--out", "-"],
        ["validate", "good.vhd"],
    ]
    for call, (status, _, err) in each(calls, full):
        assert status == 3, (call, err)
        assert "No space left on device" in err and "Traceback" not in err and "Exception" not in err, call


@pytest.mark.parametrize(("name", "expected"), [("no", 3), ("gone", 2), ("loop", 2)])
def test_a_file_that_may_not_be_read_is_3_and_one_that_is_none_is_2(
    folder: Path, refused: tuple[str, ...], name: str, expected: int
) -> None:
    calls = [line.replace("X", name).split() for line in READING]
    told = each(calls, lambda words: run(words, folder, wrap=refused))
    for call, (status, out, err) in told:
        assert status == expected, (call, err)
        assert f"{name}." in out + err and "Traceback" not in err, (call, err)
        if expected == 3:
            assert "ermission denied" in err, (call, err)


def test_an_empty_list_is_2_for_every_command_that_takes_one(folder: Path) -> None:
    for call, (status, out, err) in each(
        [line.split() for line in NOTHING_GIVEN], lambda one: run(one, folder)
    ):
        assert (status, out) == (2, ""), (call, err)
        assert err.startswith("vmoffer: ") and "Traceback" not in err, (call, err)
