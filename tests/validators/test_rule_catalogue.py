"""The catalogue is complete, agrees with the checks and the provisioner steps, and docs/ shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.errors import Unusable
from validators import catalogue, engine, explain
from validators.outcome import GRADERS

ROOT = Path(__file__).parents[2]
# Every published rule, and where it can be decided: O on the disk, L in the running guest, A in Azure.
PUBLISHED = dict(line.split() for line in Path(__file__).with_name("rule_ids.txt").read_text().splitlines())
LETTERS = {"offline": "O", "live": "L", "azure": "A"}
# Decidable offline by what is published, and still not decided: each says why.
OUT_OF_REACH = {"LNX-MAL-001"}


def test_the_catalogue_has_exactly_the_published_ids() -> None:
    assert sorted(catalogue.rules()) == sorted(PUBLISHED)


def test_every_rule_that_can_be_decided_offline_is_and_every_other_says_why_not() -> None:
    found = catalogue.rules().values()
    decided = {rule.id for rule in found if explain.places(rule)}
    reasons = {rule.id for rule in found if rule.offline}
    assert decided | reasons == set(PUBLISHED)
    assert decided & reasons == set()
    offline = {name for name, letters in PUBLISHED.items() if "O" in letters}
    assert offline - decided == OUT_OF_REACH
    # All that the reference leaves to Azure, and is decided none the less.
    assert decided - offline == {"DSK-BLOB-001", "DSK-DATA-001", "SAS-LIVE-001", "OFR-LOCK-001"}


def test_a_rule_is_decidable_where_it_was_published_to_be() -> None:
    for rule in catalogue.rules().values():
        assert set(PUBLISHED[rule.id]) <= {LETTERS[place] for place in rule.decidable}, rule.id


def test_the_catalogue_counts_what_decides_its_rules() -> None:
    shown = explain.table(list(catalogue.rules().values())).splitlines()
    assert len(shown) == len(PUBLISHED) + 1
    numbers = [int(number) for number in re.findall(r"\d+", shown[-1])]  # all, image, definition, URI, rest
    assert numbers[0] == len(PUBLISHED)
    subjects = [rule.subject for rule in catalogue.rules().values() if not rule.offline]
    from_definition = subjects.count("offer") + subjects.count("listing")
    assert numbers[2:4] == [from_definition, subjects.count("sas")], "OFR and LST, SAS"
    # OFR-PROP-001 is decided from the definition and from the image.
    assert sum(numbers[1:]) == len(PUBLISHED) + 1


def test_every_check_belongs_to_a_rule_and_to_none_that_is_undecidable_offline() -> None:
    for name in engine.load_checks():
        assert not catalogue.rules()[name].offline, name


@pytest.mark.parametrize("rule", catalogue.rules().values(), ids=lambda rule: rule.id)
def test_a_rule_says_what_why_from_where_and_how_to_mend_it(rule: catalogue.Rule) -> None:
    assert rule.title and rule.why and rule.sources and rule.decidable
    assert rule.fix.get("any")
    assert set(rule.graders) <= set(GRADERS)
    assert bool(rule.offline) <= ("offline" not in rule.decidable or rule.subject != "disk")


@pytest.mark.parametrize("rule", catalogue.rules().values(), ids=lambda rule: rule.id)
def test_a_rule_that_cites_the_guide_of_2015_is_in_its_profile_and_no_other_is(rule: catalogue.Rule) -> None:
    assert any(cited.startswith("2015") for cited in rule.sources) == ("guide-2015" in rule.graders)


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


def test_a_rule_explained_says_who_asks_for_how_much_the_fix_by_family_and_the_step() -> None:
    told = explain.text(catalogue.find("LNX-SSH-001"))
    assert "mandatory; decided from the image" in told
    for line in (
        r"  tool +min 30, max 235, want 180",
        r"  SUSE +where only /usr/etc/ssh/sshd_config exists",
        r"  everywhere else +put ClientAliveInterval 180",
        r"  the linux provisioner step sshd of `vmoffer build`",
        r"  2015 2.6 +Guide to create .* section 2.6 https://",
    ):
        assert re.search(f"^{line}", told, re.MULTILINE), line
    for name, where in (
        ("WIN-PWR-001", "in the running guest"),
        ("NVA-HA-001", "in Azure or Partner Center"),
    ):
        assert f"; decided {where}\n" in explain.text(catalogue.find(name))
    assert "EnableFirewall: 1" in explain.text(catalogue.find("WIN-FW-001"))
    assert "\nSources\n" in told and "For everybody" not in told
    assert re.search(
        r"^  large pixels +216, 350$", explain.text(catalogue.find("LST-LOGO-001")), re.MULTILINE
    )


def test_every_rule_can_be_explained_and_every_source_is_cited() -> None:
    cited = set()
    for rule in catalogue.rules().values():
        told = explain.text(rule)
        assert rule.why in told and all(fix in told for fix in rule.fix.values())
        cited |= {name.partition(" ")[0] for name in rule.sources}
    assert cited == set(catalogue.sources())


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
