"""Rules over the syntax trees of the Windows steps; no PowerShell runs here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from scratch import make_sku

from generator import steps
from generator.model import Builder
from generator.powershell import QUOTES, here_string, literal
from validators.catalogue import rules

tree_sitter = pytest.importorskip("tree_sitter", reason="tree-sitter is not installed")
powershell = pytest.importorskip("tree_sitter_powershell", reason="tree-sitter-powershell is not installed")

PARSER = tree_sitter.Parser(tree_sitter.Language(powershell.language()))
FOLDER = Path(__file__).parents[2] / "provisioners/windows"
SCRIPTS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.ps1"))}
ENTRIES = [entry for entry in steps.entries("windows") if not entry.plugin]
RENDERED = {f"{entry.id} rendered": steps.script(entry.id, "windows") for entry in ENTRIES}
TABLES: dict[str, Any] = {
    path.stem: YAML(typ="safe").load(path.read_text())
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "steps.yaml"
}
ROWS = [(name, row) for name, table in TABLES.items() if isinstance(table, list) for row in table]
REGISTRY = [(name, row) for name, row in ROWS if "hive" in row]
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
    text = RENDERED["remote-desktop rendered"]
    assert re.search(r"^\$table = @\($.*?^\)$", text, re.DOTALL | re.MULTILINE)
    assert "'value' = 'MaxInstanceCount'; 'type' = 'DWord'; 'data' = 4294967295" in text
    assert "Import-Table" not in "".join(RENDERED.values())


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from(QUOTES + '$`"@{}()')))
def test_any_text_is_one_literal_that_runs_nothing(text: str) -> None:
    shown = literal(text)
    assert re.sub(f"([{QUOTES}])\\1", r"\1", shown[1:-1]) == text
    # No quote of any kind stands alone, so nothing in the text ends the string.
    assert not re.sub(f"([{QUOTES}])\\1", "", shown[1:-1]).strip("".join({*text} - {*QUOTES}))


@pytest.mark.parametrize("value", ["a\nb", "a\0", 1.5, None])
def test_what_has_no_literal_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        literal(value)


def test_text_that_would_end_its_here_string_is_refused() -> None:
    with pytest.raises(ValueError, match="ends the string"):
        here_string("one\n'@\ntwo")


def test_every_table_belongs_to_a_step_that_reads_it() -> None:
    read = {name for text in SCRIPTS.values() for name in re.findall(r"PSScriptRoot\\([a-z-]+)\.yaml", text)}
    assert read == set(TABLES)


def test_rules_tables_and_steps_name_each_other() -> None:
    catalogue = rules()
    owners: dict[str, set[str]] = {}
    for entry in steps.entries("windows"):
        for rule in entry.rules:
            assert rule in catalogue, (entry.id, rule)
            owners.setdefault(rule, set()).add(entry.id)
    for name, row in ROWS:
        step = "blockers" if name == "roles" else name
        assert step in owners[row["rule"]], (name, row)
    # What no step can make true: the base image, the product, the listener of a running machine.
    other = {
        "WIN-BASE-001": "the base image", "WIN-ARCH-001": "the base image", "WIN-IC-001": "the base image",
        "WIN-WINRM-001": "made on a running machine", "WIN-DRIVE-001": "vmoffer lint",
        "WIN-PATCH-004": "left as Windows has it", "WIN-USER-001": "the publisher's product",
    }  # fmt: skip
    windows = {rule for rule in catalogue if rule.startswith("WIN-")}
    assert windows == {rule for rule in owners if rule.startswith("WIN-")} | set(other)
    assert not set(other) & set(owners)


# Every value that certification-rules names for a registry rule, written down a second time on purpose.
ASKED = {
    "WIN-DVD-001": {"Start": 1, "Deny_All": None, "Deny_Read": None},
    "WIN-RDP-001": {"fDenyTSConnections": 0},
    "WIN-RDP-002": {
        "PortNumber": 3389, "LanAdapter": 0, "UserAuthentication": 1, "KeepAliveTimeout": 1,
        "fInheritReconnectSame": 1, "fReconnectSame": 0, "MaxInstanceCount": 0xFFFFFFFF,
        "SSLCertificateSHA1Hash": None,
    },
    "WIN-RDP-003": {"KeepAliveEnable": 1, "KeepAliveInterval": 1, "fDisableAutoReconnect": 0},
    "WIN-TIME-001": {"RealTimeIsUniversal": 1},
    "WIN-ENV-001": {"TEMP": "%SystemRoot%\\TEMP", "TMP": "%SystemRoot%\\TEMP"},
    "WIN-DUMP-001": {
        "CrashDumpEnabled": 2, "DumpFile": "%SystemRoot%\\MEMORY.DMP", "NMICrashDump": 1,
        "DumpFolder": "C:\\CrashDumps", "CrashCount": 10, "DumpType": 2,
    },
    "WIN-PAGE-001": {"PagingFiles": ["D:\\pagefile.sys"]},
    "WIN-NVME-001": {"IoTimeoutValue": 240},
}  # fmt: skip
AUTOMATIC = {"BFE", "Dhcp", "Dnscache", "IKEEXT", "iphlpsvc", "nsi", "mpssvc", "RemoteRegistry", "w32time"}
MANUAL = {"Netlogon", "Netman", "TermService", "WerSvc"}


def test_tables_hold_what_the_rules_ask_for() -> None:
    found: dict[str, dict[str, object]] = {}
    for name, row in REGISTRY:
        if name != "services":
            found.setdefault(row["rule"], {})[row["value"]] = row.get("data")
    assert found == ASKED
    starts = {row["key"].rpartition("\\")[2]: row["data"] for row in TABLES["services"]}
    assert starts == {**dict.fromkeys(AUTOMATIC, 2), **dict.fromkeys(MANUAL, 3), "sacsvr": 2}


@pytest.mark.parametrize(("name", "row"), REGISTRY, ids=[f"{n}-{row['value']}" for n, row in REGISTRY])
def test_registry_row_is_complete(name: str, row: dict[str, Any]) -> None:
    kinds = {"DWord": int, "ExpandString": str, "MultiString": list}
    assert row["hive"] in {"SYSTEM", "SOFTWARE"}
    assert row["key"].startswith("CurrentControlSet\\") == (row["hive"] == "SYSTEM")
    if row["type"] == "absent":
        assert "data" not in row
    else:
        assert type(row["data"]) is kinds[row["type"]]


def test_updates_come_from_the_plugin_and_can_be_left_out() -> None:
    steps_of = {step.id: step for step in steps.plan(make_sku("windows-server"), Builder.AZURE_ARM)}
    update = steps_of["windows-update"]
    assert (update.plugin, update.text, update.env["SEARCH"]) == (
        "windows-update", "", "BrowseOnly=0 and IsInstalled=0",
    )  # fmt: skip
    without = make_sku("windows-server", **{"windows-update": {"skip": True}})
    assert "windows-update" not in {step.id for step in steps.plan(without, Builder.AZURE_ARM)}


def test_blockers_come_right_before_the_clean_up_and_sysprep() -> None:
    order = [step.id for step in steps.plan(make_sku("windows-server"), Builder.AZURE_ARM)]
    assert order[-4:] == ["first-boot", "blockers", "clean", "sysprep"]


def test_first_boot_task_deletes_itself_only_after_success() -> None:
    lines = SCRIPTS["first-boot-task.ps1"].splitlines()
    failed = next(i for i, line in enumerate(lines) if "ExitCode -ne 0" in line)
    gone = next(i for i, line in enumerate(lines) if line.startswith("Unregister-ScheduledTask"))
    assert "exit $process.ExitCode" in "".join(lines[failed:gone])
    assert "vmoffer-first-boot" in lines[gone]
    assert lines[gone + 1].startswith("Remove-Item -LiteralPath $PSCommandPath")
    assert SCRIPTS["first-boot-task.ps1"].rstrip() in RENDERED["first-boot rendered"]
