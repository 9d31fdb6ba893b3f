"""The house holds: imports point one way, linters find nothing, no machine shows in the tree."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Each room and the rooms it may import. `tools` is a leaf beside the road.
ROOMS = {
    "generator": set(),
    "tools": {"generator"},
    "validators": {"generator"},
    "publisher": {"generator", "validators", "tools"},
    "vmoffer": {"generator", "validators", "publisher", "tools"},
}


def _tracked(*patterns: str) -> list[Path]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    allowed = ROOMS[room] | {room}
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _tracked(f"{room}/*.py", f"{room}/**/*.py")
        for name in _imports(path) & (set(ROOMS) | {"tests", "bench"})
        if name not in allowed
    }
    assert not wrong


@pytest.mark.parametrize("name", ["azure", "dfvfs", "jinja2", "hcl2", "requests"])
def test_help_imports_nothing_heavy(name: str) -> None:
    code = f"import sys; from vmoffer.cli import run; run(['--help']); sys.exit('{name}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_every_command_has_help_with_an_example() -> None:
    from vmoffer.cli import COMMANDS, root

    for name in COMMANDS:
        command = root.get_command(None, name)  # type: ignore[arg-type]  # no context is needed to look up
        assert command is not None, name
        assert "vmoffer " in (command.help or ""), f"{name} --help shows no example"


def _tool(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["ruff", "format", "mypy"],
)
def test_python_linters_find_nothing(command: tuple[str, ...]) -> None:
    done = _tool(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def _shell_scripts() -> list[Path]:
    return _tracked("*.sh", "**/*.sh", ".ci/run")


def test_shellcheck_finds_nothing() -> None:
    binary = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run(
        [binary, "--external-sources", "--source-path=SCRIPTDIR", *_shell_scripts()],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_shfmt_finds_nothing() -> None:
    binary = Path(sys.executable).parent / "shfmt"
    done = subprocess.run([binary, "-i", "4", "-ci", "-d", *_shell_scripts()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_path_of_one_machine_is_in_the_tree() -> None:
    mark = f"{ROOT}/".encode()
    assert [path for path in _tracked() if mark in path.read_bytes()] == []
