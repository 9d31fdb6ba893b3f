"""docs/guide-2015.md goes through the guide of 2015 by its numbers, and all that it names exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest

from generator import steps
from validators import catalogue
from vmoffer.cli import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "guide-2015.md").read_text(encoding="utf-8")
# The guide's own numbering: section → how many numbered steps each of its lists has.
SECTIONS: dict[str, tuple[int, ...]] = {
    "1": (), "1.1": (3,), "1.2": (3,),
    "2": (), "2.1": (2,), "2.2": (), "2.3": (5,), "2.4": (), "2.5": (), "2.6": (), "2.7": (), "2.8": (),
    "2.9": (),
    "3": (), "3.1": (), "3.2": (7,), "3.3": (4, 6), "3.4": (), "3.5": (), "3.6": (), "3.7": (),
    "4": (), "4.1": (), "4.2": (3,),
    "5": (), "5.1": (4, 3, 2), "5.2": (11,), "5.3": (14,),
    "Next step": (),
}  # fmt: skip
NOT_YET = ("3.3", "4", "4.1", "4.2", "5.1", "5.3", "Next step")
ROW = re.compile(r"^\| (-|[0-9.]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
RULE = re.compile(r"\b[A-Z]{3}-[A-Z]+-\d{3}\b")
CITING = [rule for rule in catalogue.rules().values() if "2015" in str(rule.sources)]


def _sections() -> dict[str, str]:
    """The text under each heading, by its number; that of a chapter ends where its first section begins."""
    parts = re.split(r"^##+ (Next step|[0-9.]+)(?: .*)?$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_section_of_the_guide_is_there_in_its_order() -> None:
    assert list(_sections()) == list(SECTIONS)


@pytest.mark.parametrize(("section", "lists"), SECTIONS.items())
def test_every_numbered_step_of_a_section_has_a_row(section: str, lists: tuple[int, ...]) -> None:
    numbers = [row[0] for row in ROW.findall(_sections()[section]) if row[0] != "-"]
    assert numbers == [f"{section}.{step}" for count in lists for step in range(1, count + 1)]
    assert ROW.findall(_sections()[section]), "a section has at least one row"


@pytest.mark.parametrize("section", SECTIONS)
def test_what_another_issue_brings_says_not_yet_and_nothing_else_does(section: str) -> None:
    assert ("ot yet" in _sections()[section]) is (section in NOT_YET)


def test_every_rule_that_the_page_names_exists() -> None:
    assert set(RULE.findall(PAGE)) <= set(catalogue.rules())
    assert len(set(RULE.findall(PAGE))) > 50


@pytest.mark.parametrize("rule", CITING, ids=lambda rule: rule.id)
def test_a_rule_that_cites_a_section_is_named_there(rule: catalogue.Rule) -> None:
    for cited in (name.partition(" ")[2] for name in rule.sources if name.startswith("2015 ")):
        assert rule.id in RULE.findall(_sections()[cited]), f"{rule.id} cites {cited}"


def test_every_step_that_the_page_names_is_one_of_ours() -> None:
    named = set(re.findall(r"steps\.md#((?:linux|windows)-[a-z-]+)", PAGE))
    ours = {f"linux-{step}" for step in _ids("linux")} | {f"windows-{step}" for step in _ids("windows")}
    assert named and named <= ours


def _ids(family: Literal["linux", "windows"]) -> set[str]:
    return {entry.id for entry in steps.entries(family)}


def test_every_command_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`vmoffer ([a-z]+)", PAGE))
    assert len(named) >= 10 and named <= set(COMMANDS)
