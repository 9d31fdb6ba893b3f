"""`vmoffer validate` and `vmoffer rules`: exit status, standard output, and no traceback for anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vmoffer.cli import run

MIB = 1 << 20
DEFINITION = """\
publisher: contoso
offer: {id: shop, title: Shop}
plan: {id: basic, title: Basic, summary: Small.}
version: 1.0.0
os: {family: linux, distribution: debian, version: "12", friendly_name: Debian 12}
base: {qemu: {recipe: debian-12}}
"""


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """A blank fixed VHD: as a data disk it passes."""
    from validators.footer import make_footer

    path = tmp_path / "plan-1.0.0-gen2-data-0.vhd"
    with path.open("wb") as file:
        file.truncate(32 * MIB)
        file.seek(32 * MIB)
        file.write(make_footer(32 * MIB).pack())
    return path


def test_a_good_data_disk_passes(blank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(blank), "--role", "data"]) == 0
    assert "PASS (strict)" in capsys.readouterr().out


def test_a_disk_that_nobody_recognises_or_calls_a_data_disk_is_no_plain_pass(
    blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", str(blank)]) == 0
    shown = capsys.readouterr().out
    assert "OPEN (strict)" in shown and "PASS" not in shown
    assert "open: mandatory and not decided: DSK-OS-002" in shown
    assert run(["validate", str(blank), "--require-decided"]) == 1


def test_what_another_command_decides_is_one_line_and_waived_or_required(
    blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["validate", str(blank), str(blank), "--role", "data"]
    assert run(arguments) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "DSK-BLOB-001" in line] == [
        "not checked here (1): DSK-BLOB-001; "
        "`vmoffer rules ID` says which command, tool or option decides each"
    ]
    assert run([*arguments, "--require-decided"]) == 1
    waived = ["--waive", "DSK-BLOB-001", "--why", "checked by sas check"]
    assert run([*arguments, "--require-decided", *waived]) == 0


@pytest.mark.parametrize(("until", "status"), [("2999-12-31", 0), ("2020-01-31", 1)])
def test_a_waiver_in_the_definition_counts_until_its_day(
    until: str, status: int, blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = blank.parent / "shop.yaml"
    definition.write_text(
        f"{DEFINITION}waive:\n  - {{rule: DSK-BLOB-002, why: renamed on upload, until: {until}}}\n"
    )
    odd = blank.rename(blank.with_name("odd.name.vhd.bak"))
    assert run(["validate", str(odd), "--role", "data", "--sku", str(definition)]) == status
    said = capsys.readouterr().out
    assert f"until {until}: renamed on upload" in said
    assert ("waiver expired: DSK-BLOB-002" in said) is (status == 1)


def test_a_mandatory_failure_is_status_1_and_json_is_all_of_stdout(
    blank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "report.json"
    with blank.open("r+b") as file:
        file.truncate(32 * MIB)
    assert run(["validate", str(blank), "--format", "json", "--out", str(out)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "fail"
    assert document == json.loads(out.read_text())


def test_the_suffix_of_a_file_says_its_format(blank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beginnings = {".json": "{", ".xml": "<?xml", ".sarif": "{", ".html": "<!doctype html>", ".txt": "/"}
    out = [argument for suffix in beginnings for argument in ("--out", str(blank.with_suffix(suffix)))]
    assert run(["validate", str(blank), "--format", "html", *out]) == 0
    for suffix, beginning in beginnings.items():
        assert blank.with_suffix(suffix).read_text("utf-8").startswith(beginning)
    assert capsys.readouterr().out == blank.with_suffix(".html").read_text("utf-8")


def test_two_versions_are_compared_and_the_new_one_decides(
    blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = blank.with_name("bad name.vhd")
    blank.write_bytes(blank.read_bytes())  # both take their whole size on disk
    bad.write_bytes(blank.read_bytes())
    assert run(["validate", str(blank), str(bad), "--diff", "--format", "json"]) == 1
    changes = json.loads(capsys.readouterr().out)["outcomes"]
    assert [(change["rule"], change["change"]) for change in changes] == [("DSK-BLOB-002", "worse")]
    assert run(["validate", str(bad), str(blank), "--diff"]) == 0
    assert "Better (1)" in capsys.readouterr().out


def test_a_waiver_with_a_reason_passes_and_is_recorded(
    blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = blank.with_name("odd.name.vhd.bak")
    blank.rename(odd)
    assert run(["validate", str(odd)]) == 1
    arguments = ["--waive", "DSK-BLOB-002", "--why", "renamed on upload", "--format", "json"]
    capsys.readouterr()
    assert run(["validate", str(odd), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["waivers"] == [
        {"rule": "DSK-BLOB-002", "why": "renamed on upload", "until": None, "expired": False}
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.vhd"],
        ["."],
        ["empty.vhd"],
        [],
        ["blank.vhd", "--waive", "DSK-BLOB-002"],
        ["blank.vhd", "--waive", "NO-RULE-1", "--why", "x"],
        ["blank.vhd", "--profile", "lenient"],
        ["blank.vhd", "--out", "report.pdf"],
        ["blank.vhd", "--diff"],
        ["blank.vhd", "blank.vhd", "--diff", "--format", "html"],
        ["blank.vhd", "blank.vhd", "--diff", "--out", "report.html"],
        ["blank.vhd", "--sku", "no/such"],
    ],
)
def test_an_unusable_call_is_status_2(
    arguments: list[str], blank: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blank.rename(blank.with_name("blank.vhd"))
    blank.with_name("empty.vhd").touch()
    monkeypatch.chdir(blank.parent)
    assert run(["validate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_rules_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 0
    assert "LNX-SSH-001" in capsys.readouterr().out
    assert run(["rules", "lnx-swap-002"]) == 0
    text = capsys.readouterr().out
    assert "No swap file" in text and "provisioner step swap" in text
    assert run(["rules", "LNX-SWAP-999"]) == 2


def test_rules_as_json_count_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    from validators import catalogue

    assert run(["rules", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(catalogue.rules())
    assert run(["rules", "DSK-FMT-001", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["implemented"] is True


def test_one_open_rule_is_open_in_every_format_of_one_call(
    blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real disk that nothing is recognised on: DSK-OS-002 stays undecided, and everything else is met."""
    files = {suffix: blank.with_suffix(suffix) for suffix in (".txt", ".json", ".xml", ".sarif", ".html")}
    out = [argument for file in files.values() for argument in ("--out", str(file))]
    assert run(["validate", str(blank), *out]) == 0
    said = {suffix: file.read_text("utf-8") for suffix, file in files.items()}
    assert capsys.readouterr().out == said[".txt"]
    assert "OPEN (strict)" in said[".txt"] and "PASS" not in said[".txt"]
    document = json.loads(said[".json"])
    assert (document["verdict"], document["undecided"]) == ("open", ["DSK-OS-002"])
    assert 'name="verdict" value="open"' in said[".xml"] and 'message="open: ' in said[".xml"]
    [run_] = json.loads(said[".sarif"])["runs"]
    assert run_["properties"]["verdict"] == "open"
    assert ("DSK-OS-002", "open") in [(one["ruleId"], one["kind"]) for one in run_["results"]]
    assert '<header class="open">' in said[".html"] and "<title>OPEN: " in said[".html"]
    assert run(["validate", str(blank), *out, "--require-decided"]) == 1
    assert "<error" in files[".xml"].read_text("utf-8")
