"""The catalogue is complete, agrees with the checks and the provisioner steps, and docs/ shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import Unusable
from validators import catalogue, engine, explain
from validators.outcome import GRADERS

ROOT = Path(__file__).parents[2]
IDS = Path(__file__).with_name("rule_ids.txt").read_text().split()


def test_the_catalogue_has_exactly_the_published_ids() -> None:
    assert sorted(catalogue.rules()) == sorted(IDS)


def test_every_check_belongs_to_a_rule_and_to_none_that_is_undecidable_offline() -> None:
    for name in engine.load_checks():
        assert not catalogue.rules()[name].offline, name


@pytest.mark.parametrize("rule", catalogue.rules().values(), ids=lambda rule: rule.id)
def test_a_rule_says_what_why_from_where_and_how_to_mend_it(rule: catalogue.Rule) -> None:
    assert rule.title and rule.why and rule.sources and rule.decidable
    assert rule.fix.get("any")
    assert set(rule.graders) <= set(GRADERS)
    assert bool(rule.offline) <= ("offline" not in rule.decidable or rule.subject != "disk")


def test_every_named_step_exists_and_says_that_it_fixes_the_rule() -> None:
    from ruamel.yaml import YAML

    steps = {
        (system, step["id"]): step.get("rules", [])
        for system in ("linux", "windows")
        for step in YAML(typ="safe").load((ROOT / f"provisioners/{system}/steps.yaml").read_text())
    }
    for rule in catalogue.rules().values():
        system = "windows" if rule.subject == "windows" else "linux"
        if rule.step:
            assert rule.id in steps.get((system, rule.step), []), f"{rule.id}: {rule.step}"


def test_a_rule_is_found_in_any_case_and_a_mistyped_one_gets_a_suggestion() -> None:
    assert catalogue.find("lnx-ssh-001").id == "LNX-SSH-001"
    with pytest.raises(Unusable) as found:
        catalogue.find("LNX-SHS-001")
    assert "LNX-SSH-001" in str(found.value.hint)


def test_a_mistake_in_the_catalogue_is_named() -> None:
    with pytest.raises(ValueError, match="X-1: unknown nobody"):
        catalogue._rule(
            "X-1", {"title": "", "subject": "disk", "severity": "warning", "graders": {"nobody": {}}}
        )


def test_docs_rules_is_current() -> None:
    page = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    assert page == explain.markdown(list(catalogue.rules().values())), (
        "write it anew: vmoffer rules --format markdown > docs/rules.md"
    )
