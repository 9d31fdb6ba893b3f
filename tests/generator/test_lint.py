"""Every rule that a definition can be judged by finds its breach and names the field, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import LINUX, WINDOWS, changed, define, write

from generator import catalogue, offer_rules
from generator.drives import foreign
from generator.errors import NotMet
from generator.limits import PROFILES
from generator.lint import Finding, lint, require, unusable
from generator.load import Invalid
from validators import waiver
from validators.catalogue import rules

ROOT = Path(__file__).parent.parent.parent


def _disks(*luns: int, size: int = 4) -> list[dict[str, int]]:
    return [{"lun": lun, "size_gib": size} for lun in luns]


def _sizes(count: int) -> list[str]:
    return [f"Standard_D{cpus}s_v5" for cpus in (8, 16, 32, 48, 64, 96, 2)[:count]]


def _versions(count: int) -> list[str]:
    return [f"1.0.{n}" for n in range(count)]


SIZE = "Standard_D2s_v5"


QEMU = {"qemu": {"recipe": "debian-12"}}
RHEL = {"azure-arm": {"marketplace": {"publisher": "RedHat", "offer": "RHEL", "sku": "94_gen2"}}}
OTHER = {"publisher": "someone", "offer": "something", "sku": "else"}
GALLERY = {"resource_group": "rg", "name": "gallery", "image": "basic"}
LARGE = {"vm_size": "Standard_D16s_v5"}  # takes 32 data disks


def _found(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.rule, finding.status, finding.field) for finding in findings]


BREACHES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("OFR-VER-001", "fail", "version", {"version": "1.2"}),
    ("OFR-VER-001", "fail", "version", {"version": "1.2.3.4"}),
    ("OFR-VER-001", "fail", "version", {"version": "1.2.3\n"}),
    ("OFR-VER-001", "fail", "version", {"version": f"1.2.{'3' * 30}"}),
    ("OFR-ID-001", "fail", "plan.id", {"plan__id": "Bad_Plan!"}),
    ("OFR-ID-001", "fail", "plan.id", {"plan__id": "x" * 51}),
    ("OFR-ID-001", "fail", "offer.id", {"offer__id": "ab"}),
    ("OFR-ID-001", "fail", "offer.id", {"offer__id": "../../etc"}),
    ("OFR-VER-001", "fail", "version", {"published": ["1.2.2", "1.2.3"]}),
    ("OFR-VER-001", "fail", "version", {"published": ["1.10.0"]}),
    ("OFR-VER-001", "fail", "published[0]", {"published": ["1.0"]}),
    ("OFR-ID-001", "fail", "plan.alias", {"plan__alias": "x" * 126}),
    ("OFR-SKU-001", "fail", "generations", {"generations": ["gen2", "gen2"]}),
    ("OFR-SIZE-001", "fail", "recommended_sizes", {"recommended_sizes": _sizes(7)}),
    ("OFR-SIZE-001", "fail", "recommended_sizes[0]", {"recommended_sizes": ["D2s_v5"]}),
    ("OFR-SIZE-001", "warn", "recommended_sizes[1]", {"recommended_sizes": ["d2s-standard-v5", SIZE]}),
    ("OFR-VER-003", "warn", "published", {"version": "2.0.0", "published": _versions(95)}),
    ("OFR-VER-003", "fail", "published", {"version": "2.0.0", "published": _versions(100)}),
    ("OFR-PORT-002", "warn", "ports[0].range", {"ports": [{"label": "ssh", "range": "22"}]}),
    ("OFR-PORT-002", "warn", "ports[0].range", {"ports": [{"label": "rdp", "range": "3389"}]}),
    ("OFR-PORT-002", "warn", "ports[0].range", {"ports": [{"label": "all", "range": "1-65535"}]}),
    ("OFR-PORT-001", "fail", "ports[0].range", {"ports": [{"label": "web", "range": "65536"}]}),
    ("OFR-PORT-001", "fail", "ports[0].range", {"ports": [{"label": "web", "range": "65535-65536"}]}),
    ("OFR-PORT-001", "fail", "ports[0].range", {"ports": [{"label": "web", "range": "0"}]}),
    ("OFR-PORT-001", "fail", "ports[0].label", {"ports": [{"label": "ab", "range": "80"}]}),
    ("OFR-PORT-001", "fail", "ports[0].label", {"ports": [{"label": "web/1", "range": "80"}]}),
    ("OFR-PORT-001", "fail", "ports[0].label", {"ports": [{"label": "web-", "range": "80"}]}),
    ("OFR-PORT-001", "fail", "ports[0].range", {"ports": [{"label": "web", "range": "90-80"}]}),
    ("OFR-PORT-001", "fail", "ports[0].range", {"ports": [{"label": "web", "range": "70000"}]}),
    (
        "OFR-PORT-001",
        "fail",
        "ports",
        {"ports": [{"label": "web", "range": str(n)} for n in range(5000, 5101)]},
    ),
    ("OFR-OS-001", "fail", "os.friendly_name", {"os__friendly_name": "x" * 101}),
    ("OFR-OS-001", "fail", "os.distribution", {"os__distribution": "windows-server"}),
    ("LST-NAME-001", "fail", "offer.title", {"offer__title": "x" * 201}),
    ("LST-NAME-001", "fail", "plan.title", {"plan__title": "Shop 🚀"}),
    ("LST-SUM-001", "fail", "offer.summary", {"offer__summary": "x" * 101}),
    ("DSK-SIZE-002", "fail", "os_disk.size_gib", {"os_disk": {"size_gib": 1024}}),
    ("DSK-SIZE-002", "warn", "os_disk.size_gib", {"os_disk": {"size_gib": 29}, "base": QEMU}),
    ("DSK-SIZE-002", "warn", "os_disk.size_gib", {"os_disk": {"size_gib": 51}}),
    ("DSK-SIZE-005", "fail", "data_disks[0].size_gib", {"data_disks": _disks(0, size=2048)}),
    ("DSK-DATA-001", "fail", "data_disks[1].lun", {"data_disks": _disks(0, 0)}),
    ("DSK-DATA-001", "fail", "data_disks", {"data_disks": _disks(0, 2)}),
    ("DSK-DATA-001", "fail", "data_disks", {"data_disks": _disks(1)}),
    ("DSK-DATA-001", "fail", "data_disks", {"data_disks": _disks(*range(17)), "build": LARGE}),
    ("DSK-GEN-001", "fail", "base.azure-arm.marketplace.sku", {"generations": ["gen2", "gen1"]}),
    ("DSK-GEN-003", "fail", "base.azure-arm.marketplace.sku", {"generations": ["gen2", "arm64"]}),
    ("OFR-PROP-001", "fail", "properties.nvme", {"generations": ["gen1"], "properties__nvme": True}),
    (
        "OFR-PROP-001",
        "fail",
        "properties.hibernation",
        {"properties": {"hibernation": True, "trusted_launch": True}},
    ),
    (
        "OFR-PROP-001",
        "fail",
        "properties.trusted_launch",
        {"generations": ["gen1"], "properties__trusted_launch": True},
    ),
    ("OFR-PROP-001", "fail", "properties.backup", {"properties": {"backup": True, "extensions": False}}),
    (
        "OFR-PROP-001",
        "fail",
        "properties.aad_login",
        {"properties": {"aad_login": True, "extensions": False}},
    ),
    ("OFR-LOCK-001", "warn", "properties.remote_connection", {"properties__remote_connection": False}),
    ("OFR-ID-003", "fail", "plan.id", {"plan__id": "-x"}),
    ("OFR-ID-003", "fail", "plan.id", {"plan__id": "_x"}),
    ("OFR-ID-003", "fail", "plan.id", {"plan__id": "basic-preview"}),
    ("OFR-ID-003", "fail", "offer.id", {"offer__id": "shop-preview"}),
    ("OFR-SIZE-002", "fail", "recommended_sizes[1]", {"recommended_sizes": [SIZE, "d2ps-standard-v5"]}),
    ("OFR-SIZE-002", "warn", "recommended_sizes[0]", {"recommended_sizes": ["Standard_D2s_v6"]}),
    ("OFR-SIZE-002", "warn", "recommended_sizes[0]", {"recommended_sizes": ["Standard_Z9s_v1"]}),
    (
        "OFR-SIZE-002",
        "fail",
        "recommended_sizes[0]",
        {"recommended_sizes": [SIZE], "data_disks": _disks(*range(5)), "build": LARGE},
    ),
    (
        "OFR-SIZE-003",
        "warn",
        "steps[0]",
        {"recommended_sizes": [SIZE], "steps": [{"inline": ["mkdir /mnt/resource/spool"]}]},
    ),
    ("OFR-BUILD-001", "fail", "build.vm_size", {"build__vm_size": [SIZE, "Standard_D2ps_v5"]}),
    ("OFR-BUILD-001", "fail", "build.vm_size", {"data_disks": _disks(*range(5))}),
    ("OFR-BUILD-001", "fail", "build.vm_size", {"properties__nvme": True}),
    ("OFR-BUILD-001", "warn", "build.vm_size", {"build__vm_size": "Standard_Z9s_v1"}),
    ("OFR-BUILD-002", "fail", "os_disk.size_gib", {"base": RHEL}),
    ("OFR-BUILD-002", "warn", "os_disk.size_gib", {"base": {"azure-arm": {"marketplace": OTHER}}}),
    ("OFR-BUILD-003", "fail", "storage.account", {"storage__account": "My_Account"}),
    ("OFR-BUILD-003", "fail", "storage.account", {"storage": {"account": "images"}}),
    (
        "OFR-BUILD-004",
        "fail",
        "data_disks[0]",
        {"gallery": GALLERY, "data_disks": [{"lun": 0, "size_gib": 1, "image": "sku.yaml"}]},
    ),
    (
        "OFR-BUILD-004",
        "fail",
        "data_disks[0].caching",
        {"gallery": GALLERY, "data_disks": [{"lun": 0, "size_gib": 1, "caching": "read-only"}]},
    ),
]


@pytest.mark.parametrize(("rule", "status", "field", "changes"), BREACHES)
def test_a_breach_is_named_by_rule_and_field(
    tmp_path: Path, rule: str, status: str, field: str, changes: dict[str, Any]
) -> None:
    assert _found(lint([define(tmp_path, **changes)])) == [(rule, status, field)]


@pytest.mark.parametrize("size", [29, 251])
def test_a_windows_disk_has_limits_of_its_own(tmp_path: Path, size: int) -> None:
    wrong = define(tmp_path, WINDOWS, os_disk={"size_gib": size})
    found = [one for one in _found(lint([wrong])) if one[0].startswith("DSK")]
    assert found == [("DSK-SIZE-003", "fail", "os_disk.size_gib")]


def test_the_limits_themselves_are_allowed(tmp_path: Path) -> None:
    edge = define(
        tmp_path,
        offer__id="abc",
        plan__id="x" * 50,
        os_disk={"size_gib": 50},
        data_disks=_disks(*range(16), size=1023),
        build=LARGE,
        recommended_sizes=[*_sizes(5), "e16s-standard-v5"],
        ports=[{"label": "web", "range": "3390-65535"}, {"label": "Shop 1.0 for-you_2-3", "range": "1-21"}],
        plan__alias="x" * 125,
        published=["0.9.9", "1.2.2"],
        offer__summary="x" * 100,
        plan__title="Windows® apps, résumé — 中文",
    )
    assert lint([edge]) == []


def test_a_locked_plan_that_opens_the_login_port_contradicts_itself(tmp_path: Path) -> None:
    ports = [{"label": "web", "range": "443"}, {"label": "all", "range": "20-30"}]
    closed = define(tmp_path, properties={"remote_connection": False, "aad_login": True}, ports=ports)
    assert sorted(_found(lint([closed]))) == [
        ("OFR-LOCK-001", "warn", "properties.remote_connection"),
        ("OFR-PORT-002", "warn", "ports[1].range"),
        ("OFR-PROP-001", "fail", "properties.aad_login"),
        ("OFR-PROP-001", "warn", "ports[1].range"),
    ]


@pytest.mark.parametrize(
    ("base", "changes", "strict", "guide"),
    [
        (LINUX, {"recommended_sizes": _sizes(4)}, [], ["OFR-SIZE-001"]),
        (LINUX, {"data_disks": _disks(0, 2)}, ["DSK-DATA-001"], []),
        (LINUX, {"data_disks": _disks(0, 16)}, ["DSK-DATA-001"] * 2, ["DSK-DATA-001"]),
        (LINUX, {"data_disks": _disks(1, 1)}, ["DSK-DATA-001"] * 2, ["DSK-DATA-001"]),
        (LINUX, {"os_disk": {"size_gib": 60}}, ["DSK-SIZE-002"], ["DSK-SIZE-002"]),
        (LINUX, {"data_disks": _disks(0, size=1024)}, ["DSK-SIZE-005"], []),
        (LINUX, {"published": ["1.1.9"]}, [], ["OFR-VER-001"]),
        (LINUX, {"published": ["1.2.2"]}, [], []),
        (LINUX, {"ports": [{"label": "x", "range": "80"}]}, ["OFR-PORT-001"], []),
        (WINDOWS, {}, [], ["DSK-SIZE-003"]),
        (WINDOWS, {"os_disk": {"size_gib": 128}}, [], []),
    ],
)
def test_the_guide_of_2015_has_numbers_of_its_own(
    tmp_path: Path, base: dict[str, Any], changes: dict[str, Any], strict: list[str], guide: list[str]
) -> None:
    definition = define(tmp_path, base, **changes)
    assert [one.rule for one in lint([definition])] == strict
    found = lint([definition], "guide-2015")
    assert [one.rule for one in found if one.status == "fail"] == guide


def test_every_rule_of_the_offer_that_lint_decides_is_broken_by_a_row() -> None:
    # The clean case of each is `test_the_limits_themselves_are_allowed`, and the definitions in skus/.
    wanted = {rule.id for rule in rules().values() if rule.subject == "offer" and not rule.offline}
    between = {"OFR-SAME-001"}  # between definitions: test_the_plans_of_an_offer_agree_about_it
    assert {rule for rule, *_ in BREACHES if rule.startswith("OFR")} | between == wanted


def test_the_limits_are_those_of_the_catalogue() -> None:
    known = rules()
    for limits, grader in ((PROFILES["strict"], "policy"), (PROFILES["guide-2015"], "guide-2015")):
        linux, windows, data, sizes = (
            known[name].graders[grader]
            for name in ("DSK-SIZE-002", "DSK-SIZE-003", "DSK-SIZE-005", "OFR-SIZE-001")
        )
        assert (limits.linux_gib[0], limits.linux_gib[-1]) == (linux["min_gib"], linux["max_gib"])
        assert (limits.windows_gib[0], limits.windows_gib[-1]) == (windows["min_gib"], windows["max_gib"])
        assert (limits.data_gib, limits.sizes) == (data["max_gib"], sizes["max"])
    decided = {rule for rule, *_ in BREACHES} | {"DSK-SIZE-003", "WIN-DRIVE-001"}
    for rule in decided:
        assert PROFILES["guide-2015"].ask(rule) == ("guide-2015" in known[rule].graders), rule


def test_a_gallery_version_alone_takes_luns_with_gaps_and_vhds_do_not(tmp_path: Path) -> None:
    gallery = {"resource_group": "g", "name": "n", "image": "i"}
    beside = define(tmp_path / "a", data_disks=_disks(0, 2), gallery=gallery)
    alone = define(tmp_path / "b", data_disks=_disks(0, 2), gallery={**gallery, "vhds": False})
    assert "DSK-DATA-001" in [one.rule for one in lint([beside])]
    assert "DSK-DATA-001" not in [one.rule for one in lint([alone])]


def test_the_numbers_of_the_offer_are_those_of_the_catalogue() -> None:
    known = rules()
    assert known["OFR-PORT-001"].limits["max"] == offer_rules.MAX_PORTS
    assert known["OFR-PORT-002"].limits["ports"] == list(offer_rules.LISTED_BY_DEFAULT)
    versions = {"max": offer_rules.MAX_VERSIONS, "warn_above": offer_rules.MANY_VERSIONS}
    assert known["OFR-VER-003"].limits == versions


def test_two_plans_with_one_id_are_both_found_from_either_file(tmp_path: Path) -> None:
    one, two = define(tmp_path / "a"), define(tmp_path / "b")
    found = lint([one, two])
    assert _found(found) == [("OFR-SKU-001", "fail", "plan.id")] * 2
    assert str(two.path) in found[0].evidence and found[0].where == f"{one.path}:9"
    assert str(one.path) in found[1].evidence and found[1].where == f"{two.path}:9"
    other_offer = define(tmp_path / "c", offer__id="other")
    assert _found(lint([one, other_offer])) == [("OFR-SKU-001", "fail", "plan.id")] * 2, "of one publisher"
    assert lint([one, define(tmp_path / "d", publisher="fabrikam")]) == []


def test_the_plans_of_an_offer_agree_about_it(tmp_path: Path) -> None:
    page = {"privacy_policy": "https://contoso.com/privacy"}
    one = define(tmp_path / "a", listing=page)
    same = define(tmp_path / "b", plan__id="pro")
    other = define(tmp_path / "c", plan__id="max", offer__title="Store", offer__summary="A store")
    page2 = define(
        tmp_path / "d", plan__id="mini", listing={**page, "privacy_policy": "https://contoso.com/p"}
    )
    found = [two for two in lint([one, same, other, page2]) if two.rule == "OFR-SAME-001"]
    assert [(two.where.split(":")[0], two.field) for two in found] == [
        (str(other.path), "offer.title"),
        (str(other.path), "offer.summary"),
        (str(page2.path), "listing"),
    ]
    assert str(one.path) in found[0].evidence and "'Shop'" in found[0].evidence
    apart = define(tmp_path / "e", plan__id="max", offer__title="Store", offer__id="store")
    assert not [two for two in lint([one, apart]) if two.rule == "OFR-SAME-001"]


def test_an_id_derived_for_a_generation_belongs_to_one_plan(tmp_path: Path) -> None:
    market = {"publisher": "Debian", "offer": "debian-12", "sku": {"gen1": "12", "gen2": "12-gen2"}}
    both = define(tmp_path / "a", generations=["gen2", "gen1"], base={"azure-arm": {"marketplace": market}})
    clash = define(tmp_path / "b", plan__id="basic-gen1")
    assert _found(lint([both, clash])) == [("OFR-SKU-001", "fail", "plan.id")] * 2


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("base.qemu.file", {"base": {"qemu": {"file": "none.img"}}}),
        ("data_disks[0].content", {"data_disks": [{"lun": 0, "size_gib": 1, "content": "none"}]}),
        ("data_disks[0].image", {"data_disks": [{"lun": 0, "size_gib": 1, "image": "none.vhd"}]}),
        ("steps[0].script", {"steps": [{"script": "none.sh"}]}),
        ("steps[0].script", {"steps": [{"script": "."}]}),
        ("steps[0].file.source", {"steps": [{"file": {"source": "none", "destination": "/a"}}]}),
        ("steps[0].file.destination", {"steps": [{"file": {"source": ".", "destination": "etc"}}]}),
        ("storage.container", {"storage": {"container": "No--good"}}),
        ("listing.logos.large", {"listing": {"logos": {"large": "none.png"}}}),
        ("listing.screenshots[0].file", {"listing": {"screenshots": [{"file": "none.png"}]}}),
        ("listing.videos[0].thumbnail", {"listing": {"videos": [{"url": "u", "thumbnail": "none.png"}]}}),
        ("settings.sshd.nothing", {"settings": {"sshd": {"nothing": 1}}}),
        (
            "base.azure-arm.marketplace.sku",
            {"base": {"azure-arm": {"marketplace": {"publisher": "p", "offer": "o", "sku": {"gen1": "s"}}}}},
        ),
    ],
)
def test_what_cannot_be_built_is_unusable_and_has_a_line(
    tmp_path: Path, field: str, changes: dict[str, Any]
) -> None:
    definition = define(tmp_path, **changes)
    problems = unusable([definition])
    assert [one.field for one in problems] == [field]
    assert problems[0].line > 1
    with pytest.raises(Invalid):
        require([definition])


def test_require_lets_warnings_pass_and_stops_at_failures(tmp_path: Path) -> None:
    assert [one.status for one in require([define(tmp_path, os_disk={"size_gib": 60})])] == ["warn"]
    with pytest.raises(NotMet, match="OFR-VER-001"):
        require([define(tmp_path, version="1")])


def test_the_shipped_definitions_are_clean() -> None:
    definitions = catalogue.all(ROOT / "skus")
    assert len(definitions) >= 4
    assert unusable(definitions) == []
    assert [one for one in lint(definitions) if one.status == "fail"] == []


def test_a_sku_is_found_by_id_wherever_its_file_is(tmp_path: Path) -> None:
    path = write(tmp_path / "some" / "name.yml", LINUX)
    write(tmp_path / "some" / "broken.yaml", {"publisher": 1})
    write(tmp_path / "some" / "data" / "not-a-sku.yaml", {})
    assert catalogue.find("shop/basic", tmp_path).path == path
    assert catalogue.find(str(path)).sku.id == "shop/basic"
    with pytest.raises(Exception, match="no SKU 'shop/basik'") as caught:
        catalogue.find("shop/basik", tmp_path)
    assert caught.value.hint == "did you mean shop/basic?"  # type: ignore[attr-defined]
    with pytest.raises(Invalid):
        catalogue.all(tmp_path)
    assert changed(LINUX) == LINUX


@pytest.mark.parametrize(
    ("line", "letters"),
    [
        (r"Copy-Item C:\a E:\b", ["E"]),
        (r'format "f:/data"', ["F"]),
        ("Get-Volume -DriveLetter g", ["G"]),
        ('diskpart "E:"', ["E"]),
        (r"D:\pagefile.sys", []),
        ("https://example.com/x $env:PATH HKLM:\\SOFTWARE [System.Math]::Abs(1) $script:x", []),
        (r"# once on E:\old", []),
        (r"rem E:\old", []),
    ],
)
def test_drives_other_than_c_and_d_are_seen(line: str, letters: list[str]) -> None:
    assert foreign(line) == letters


def test_a_script_that_names_another_drive_is_a_warning_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "install.ps1").write_text("Set-Location C:\\\nNew-Item E:\\data\n", encoding="utf-16")
    own = [{"name": "Install", "script": "install.ps1"}, {"inline": ["mkdir F:\\x"]}]
    definition = define(tmp_path, WINDOWS, steps=own)
    found = [one for one in lint([definition]) if one.rule == "WIN-DRIVE-001"]
    assert [one.status for one in found] == ["warn", "warn"]
    assert found[0].evidence == f"E: in {tmp_path / 'install.ps1'}:2"
    assert found[1].evidence == "F: in inline:1"
    assert [one.field for one in found] == ["steps[0]", "steps[1]"]
    linux = define(tmp_path, steps=own)
    assert not [one for one in lint([linux]) if one.rule == "WIN-DRIVE-001"]


# --- waivers in the definition ---------------------------------------------------------------------------
def _waived(tmp_path: Path, until: str | None) -> list[Finding]:
    waive = {"rule": "OFR-VER-001", "why": "agreed", **({"until": until} if until else {})}
    return lint([define(tmp_path, changed(LINUX, version="1.2", waive=[waive]))])


@pytest.mark.parametrize("until", [None, "2999-12-31"])
def test_a_waiver_of_the_definition_makes_a_broken_rule_a_warning_that_names_it(
    tmp_path: Path, until: str | None
) -> None:
    [found] = _waived(tmp_path, until)
    assert (found.rule, found.status) == ("OFR-VER-001", "warn")
    assert "waived" in found.evidence and "agreed" in found.evidence and (until or "") in found.evidence


def test_an_expired_waiver_counts_no_longer_and_lint_says_so(tmp_path: Path) -> None:
    assert _found(_waived(tmp_path, "2020-01-31")) == [
        ("OFR-VER-001", "fail", "version"),
        ("OFR-VER-001", "warn", "waive[0]"),
    ]


def test_a_waiver_of_a_rule_that_there_is_none_of_is_found_before_a_build(tmp_path: Path) -> None:
    definition = define(tmp_path, changed(LINUX, waive=[{"rule": "LNX-SSH-999", "why": "x"}]))
    [problem] = waiver.unknown(definition)
    assert problem.field == "waive[0].rule" and "did you mean LNX-SSH-" in str(problem)
    with pytest.raises(Invalid):
        waiver.require_known(definition)
