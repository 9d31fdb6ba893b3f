"""The local store as a process: started once, found again, stopped, and only ever ours."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.errors import Surroundings
from publisher import store
from tools import azurite, cache, doctor


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty state folder; whatever was started in it is stopped."""
    for name in ("node", "npm"):
        if doctor.which(name) is None:
            pytest.skip(f"needs {name}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield tmp_path / "vmoffer" / "store"
    azurite.stop()


def test_a_store_is_started_found_again_and_comes_back_with_its_blobs(state: Path) -> None:
    said: list[str] = []
    first = azurite.ensure_running(said.append)
    env = {"AZURE_STORAGE_CONNECTION_STRING": first.connection_string}
    store.connect("kept", env).upload_blob("a.txt", b"text")
    again = azurite.ensure_running(said.append)
    assert (first.started, again.started) == (True, False)
    assert again.pid == first.pid
    assert "reused" in said[-1]
    assert azurite.stop()
    assert azurite.status() is not None
    assert not azurite.status().running  # type: ignore[union-attr]
    assert not azurite.stop()
    third = azurite.ensure_running(said.append)
    assert (third.port, third.key, third.started) == (first.port, first.key, True)
    assert store.connect("kept", env).download_blob("a.txt").readall() == b"text"
    assert not any(first.key in line for line in said)


def test_the_key_is_in_a_file_of_its_owner_and_nowhere_else(state: Path) -> None:
    running = azurite.ensure_running(print)
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "store.json").stat().st_mode & 0o777 == 0o600
    assert running.key not in repr(running)
    assert running.key not in Path(f"/proc/{running.pid}/cmdline").read_text()
    holders = [path.name for path in state.rglob("*") if path.is_file() and running.key in _text(path)]
    assert holders == ["store.json"]


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def test_a_store_listens_on_this_machine_only(state: Path) -> None:
    running = azurite.ensure_running(print)
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{running.port:04X}") and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{running.port:04X}"]


def test_a_killed_store_is_started_again_on_another_port_if_its_own_is_taken(state: Path) -> None:
    first = azurite.ensure_running(print)
    assert first.pid
    os.killpg(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    assert azurite.status() is not None
    assert not azurite.status().running  # type: ignore[union-attr]
    with socket.create_server(("127.0.0.1", first.port)):
        second = azurite.ensure_running(print)
    assert second.started
    assert second.port != first.port
    assert second.key == first.key


def test_a_process_that_is_not_ours_is_never_stopped(state: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "azurite-blob"])
    try:
        state.mkdir(parents=True)
        (state / "store.json").write_text(json.dumps({"port": 1, "key": "a2V5", "pid": other.pid}))
        assert not azurite.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "5", '{"port": 1}', "\x00", "[" * 100_000),
        *(
            f'{{"port": {port}, "key": {key}, "pid": {pid}}}'
            for port, key, pid in [
                ('"x"', '"a2V5"', 1),
                (-1, '"a2V5"', 1),
                (70000, '"a2V5"', 1),
                (True, '"a2V5"', 1),
                (1, 5, 1),
                (1, '"="', 1),
                (1, '""', 1),
                (1, '"a2V5;AccountName=x"', 1),
                (1, '"a2V5"', '"self"'),
                (1, '"a2V5"', -1),
                (1, '"a2V5"', 1e300),
                (1, '"a2V5"', "[]"),
            ]
        ),
    ],
)
def test_a_damaged_state_file_counts_as_none(text: str, state: Path) -> None:
    state.mkdir(parents=True)
    (state / "store.json").write_text(text)
    assert azurite.status() is None


def test_a_store_survives_the_command_and_not_ctrl_c_while_it_starts(state: Path) -> None:
    command = [sys.executable, "-m", "vmoffer", "store"]
    started = subprocess.run([*command, "start"], capture_output=True, text=True, timeout=60)
    assert started.returncode == 0, started.stderr
    shown = subprocess.run([*command, "status"], capture_output=True, text=True, timeout=60)
    known = azurite.status()
    assert known
    assert shown.stdout == f"{known.blob_endpoint}\n"
    assert known.key not in started.stdout + started.stderr + shown.stdout + shown.stderr
    stopped = subprocess.run([*command, "stop"], capture_output=True, text=True, timeout=60)
    assert "stopped" in stopped.stderr
    assert subprocess.run([*command, "status"], capture_output=True).returncode == 3
    starting = subprocess.Popen([*command, "start"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (state / "azurite.log").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    pid = _wait_for_pid(deadline)
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=30)
    assert starting.returncode in (0, 130)  # it may just have been ready
    if starting.returncode == 130:
        assert not Path(f"/proc/{pid}").exists()


def _wait_for_pid(deadline: float) -> int:
    while time.monotonic() < deadline:
        known = azurite.status()
        if known and known.pid and known.running:
            return known.pid
        time.sleep(0.01)
    raise AssertionError("the store did not start")


def test_a_machine_without_node_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "which", lambda name: None)
    with pytest.raises(Surroundings, match="node") as raised:
        azurite.ensure_running(print)
    assert "install Node.js" in (raised.value.hint or "")


def test_an_installation_that_fails_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\nmkdir -p node_modules/.bin\ntouch node_modules/.bin/azurite-blob\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "require", lambda *names: {"npm": npm, "node": npm})
    with pytest.raises(Surroundings, match="npm ci failed"):
        azurite.ensure_running(print)
    assert list((cache.root() / "tools").iterdir()) == []


def test_the_lock_file_names_no_registry() -> None:
    locked = json.loads((azurite.PACKAGE / "package-lock.json").read_text())
    assert all("resolved" not in package for package in locked["packages"].values())
    assert all("integrity" in package for name, package in locked["packages"].items() if name)
