"""Every error leads to a section that exists: on docs/troubleshooting.md, or on docs/rules.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.errors import Surroundings
from tools.doctor import NATIVE
from vmoffer import cli, topics

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("generator", "validators", "publisher", "tools", "vmoffer")
ERRORS = {"NotMet", "Unusable", "Surroundings", "Invalid"}
RULE_ANCHORS = set(re.findall(r'<a id="([^"]+)"', (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")))


def _raised() -> Iterator[tuple[str, ast.Call]]:
    """Every error that the code makes, with the module that makes it."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                    yield module, node


def test_every_command_has_a_topic_so_that_whatever_it_calls_has_one() -> None:
    silent = {"vmoffer.commands.help", "vmoffer.commands.schema"}  # these have nothing to explain
    modules = {f"vmoffer.commands.{path.stem}" for path in (ROOT / "vmoffer" / "commands").glob("[a-z]*.py")}
    assert modules - silent <= set(topics.TOPICS), "give it a row in vmoffer/topics.py"


def test_every_module_with_a_topic_exists() -> None:
    for module in topics.TOPICS:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


def test_every_topic_is_a_section_with_text_and_every_section_can_be_reached() -> None:
    sections = topics.sections()
    statuses = {f"status-{number}" for number in (1, 2, 3, 4)}
    assert {*topics.TOPICS.values(), *topics.BY_ERRNO.values(), *statuses} == set(sections)
    for name, text in sections.items():
        title, _, body = text.partition("\n\n")
        assert title.strip() and len(body.split()) >= 15, name


def test_every_rule_that_an_error_names_has_an_anchor() -> None:
    from validators import catalogue

    assert {rule.lower() for rule in catalogue.rules()} <= RULE_ANCHORS
    named = {
        part.value
        for _, call in _raised()
        for keyword in call.keywords
        if keyword.arg == "rule"
        for part in ast.walk(keyword.value)
        if isinstance(part, ast.Constant) and re.fullmatch(r"[A-Z]{3}-[A-Z]+-\d{3}", str(part.value))
    }
    assert named and {rule.lower() for rule in named} <= RULE_ANCHORS


def test_no_anchor_is_there_twice() -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        anchors = re.findall(r'<a id="([^"]+)"', page.read_text(encoding="utf-8"))
        assert len(anchors) == len(set(anchors)), page


@pytest.mark.parametrize(
    ("arguments", "status", "leads_to"),
    [
        (["lint", "nothing/here"], 2, "vmoffer help no-sku (docs/troubleshooting.md#no-sku)"),
        (["lint"], 2, "vmoffer help no-sku (docs/troubleshooting.md#no-sku)"),
        (["new", "shop/basic", "--os", "beos-5"], 2, "vmoffer help new (docs/troubleshooting.md#new)"),
        (["new", "S/basic", "--os", "debian-12"], 1, "vmoffer rules OFR-ID-001 (docs/rules.md#ofr-id-001)"),
        (["validate", "nothing.vhd"], 2, "vmoffer help disk-file (docs/troubleshooting.md#disk-file)"),
        (["sas", "check"], 2, "vmoffer help sas (docs/troubleshooting.md#sas)"),
        (["rules", "LNX-NONE-001"], 2, "vmoffer help validate (docs/troubleshooting.md#validate)"),
        (["lint", "--nonsense"], 2, "vmoffer help status-2 (docs/troubleshooting.md#status-2)"),
    ],
)
def test_an_error_says_where_it_is_explained(
    arguments: list[str],
    status: int,
    leads_to: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(arguments) == status
    assert capsys.readouterr().err.endswith(f"  help: {leads_to}\n")


def test_a_full_disk_is_one_wherever_it_happens(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vmoffer", "schema"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 3
    assert done.stderr.endswith("  help: vmoffer help disk-full (docs/troubleshooting.md#disk-full)\n")


def test_an_error_of_a_module_without_a_topic_has_that_of_its_caller() -> None:
    places = {"__name__": "generator.nobody"}, {"__name__": "vmoffer.commands.upload"}
    exec("def fail():\n    raise OSError('broken')", places[0])
    exec("def call(inner):\n    inner()", places[1])
    with pytest.raises(OSError) as caught:
        places[1]["call"](places[0]["fail"])  # type: ignore[operator]
    assert topics.topic_of(Surroundings("broken"), caught.value) == "upload"


def test_an_error_from_nowhere_leads_to_its_status() -> None:
    problem = Surroundings("something else")
    assert topics.topic_of(problem, problem) == "status-3"


def test_help_shows_a_section_without_the_marks_of_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    for name in topics.sections():
        assert cli.run(["help", f"docs/troubleshooting.md#{name}"]) == 0
        shown = capsys.readouterr().out
        assert "**" not in shown and "](" not in shown and "<a id" not in shown
    assert cli.run(["help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(topics.sections())


def test_what_doctor_misses_is_in_its_section() -> None:
    section = topics.sections()["missing-tool"]
    for native in NATIVE:
        assert native.name in section
        assert all(package in section for package in native.packages), native.name
