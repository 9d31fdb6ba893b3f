"""Rules over the syntax trees of the Windows steps; no PowerShell runs here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator import steps

tree_sitter = pytest.importorskip("tree_sitter", reason="tree-sitter is not installed")
powershell = pytest.importorskip("tree_sitter_powershell", reason="tree-sitter-powershell is not installed")

PARSER = tree_sitter.Parser(tree_sitter.Language(powershell.language()))
FOLDER = Path(__file__).parents[2] / "provisioners/windows"
SCRIPTS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.ps1"))}
RENDERED = {f"{entry.id} rendered": steps.script(entry.id, "windows") for entry in steps.entries("windows")}
every = pytest.mark.parametrize("text", [*SCRIPTS.values(), *RENDERED.values()], ids=[*SCRIPTS, *RENDERED])
rendered = pytest.mark.parametrize("text", RENDERED.values(), ids=RENDERED)


def nodes(text: str) -> Iterator[tree_sitter.Node]:
    waiting = [PARSER.parse(text.encode()).root_node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def source(node: tree_sitter.Node) -> str:
    return bytes(node.text).decode()


@every
def test_script_parses(text: str) -> None:
    assert not [node.start_point for node in nodes(text) if node.is_error or node.is_missing]


@rendered
def test_script_is_strict_and_stops_at_the_first_error(text: str) -> None:
    commands = [source(node) for node in nodes(text) if node.type == "command"]
    assert any(command.startswith("Set-StrictMode -Version") for command in commands)
    assignments = [source(node) for node in nodes(text) if node.type == "assignment_expression"]
    assert "$ErrorActionPreference = 'Stop'" in assignments
    assert [node for node in nodes(text) if node.type == "trap_statement"]
    assert text.rstrip().endswith("Complete-Step")


@every
def test_commands_are_written_out_and_not_aliases(text: str) -> None:
    names = [source(node) for node in nodes(text) if node.type == "command_name"]
    assert names
    assert not [name for name in names if not re.fullmatch(r"[A-Z][A-Za-z]+-[A-Z][A-Za-z]+", name)]


@every
def test_every_loop_ends(text: str) -> None:
    for node in nodes(text):
        assert node.type not in {"do_statement", "for_statement"}, source(node)
        if node.type == "while_statement":
            condition = next(child for child in node.children if child.type == "while_condition")
            assert "(Get-Date) -lt $deadline" in source(condition)


@every
def test_no_secret_is_written_in_a_script(text: str) -> None:
    assert not re.search(r"password|passwd|secret|AsPlainText|credential", text, re.IGNORECASE)


@every
def test_nothing_depends_on_drives_other_than_c_and_d(text: str) -> None:
    strings = [source(node) for node in nodes(text) if "string" in node.type]
    assert not [
        drive for string in strings for drive in re.findall(r"\b([A-Z]):\\", string) if drive not in "CD"
    ]


def test_sysprep_runs_as_the_marketplace_asks() -> None:
    text = RENDERED["sysprep rendered"]
    command = next(
        source(node) for node in nodes(text) if node.type == "command" and "sysprep.exe" in source(node)
    )
    for argument in ("/generalize", "/oobe", "/quit", "/mode:vm"):
        assert argument in command
    assert "unattend:" not in command


def test_table_is_part_of_the_rendered_script() -> None:
    text = RENDERED["registry rendered"]
    assert re.search(r"^\$table = @'\n\[.*?\n'@ \| ConvertFrom-Json$", text, re.DOTALL | re.MULTILINE)
    assert "fDenyTSConnections" in text
