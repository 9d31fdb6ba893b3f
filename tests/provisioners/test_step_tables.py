"""The tables beside the scripts, and what the SKU's settings make of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from scratch import make_sku

from generator import steps
from generator.errors import Unusable
from generator.model import Builder, Distribution
from generator.steps_page import page
from validators.catalogue import rules

ROOT = Path(__file__).parents[2]
FOLDERS = {"linux": ROOT / "provisioners/linux", "windows": ROOT / "provisioners/windows"}
EVERY = [(family, entry) for family in FOLDERS for entry in steps.entries(family)]
LINUX = [name for name in Distribution.__args__ if name != "windows-server"]
SCRIPTED = [(family, entry) for family, entry in EVERY if not entry.plugin]
# The remediation table's rows for Linux.
FIXES = {
    "F-AGENT", "F-AN", "F-CLEAN", "F-CLOUDINIT", "F-CRED", "F-DEPROV", "F-EFI", "F-FSTAB", "F-FW", "F-GRUB",
    "F-HIST", "F-INITRD", "F-MOD", "F-NET", "F-NVME", "F-REPO", "F-SSH", "F-SUDO", "F-SWAP", "F-UPDATE",
    "F-UPLOAD", "F-VHD", "F-WACONF",
}  # fmt: skip
each = pytest.mark.parametrize(
    ("family", "entry"), EVERY, ids=[f"{family}-{entry.id}" for family, entry in EVERY]
)
each_script = pytest.mark.parametrize(
    ("family", "entry"), SCRIPTED, ids=[f"{family}-{entry.id}" for family, entry in SCRIPTED]
)


@pytest.mark.parametrize(("family", "suffix"), [("linux", "sh"), ("windows", "ps1")])
def test_every_script_has_an_entry_and_every_entry_a_script(family: str, suffix: str) -> None:
    scripts = {path.stem for path in FOLDERS[family].glob(f"*.{suffix}")} - {"lib", "first-boot-task"}
    assert scripts == {entry.id for entry in steps.entries(family) if not entry.plugin}


def test_every_distribution_of_the_model_has_a_row() -> None:
    assert set(steps.distributions()) == set(LINUX)


def test_rows_set_only_parameters_that_exist() -> None:
    known = {entry.id: entry for entry in steps.entries("linux")}
    for name, row in steps.distributions().items():
        for step_id, parameters in row.steps.items():
            assert row.family in known[step_id].families, (name, step_id)
            assert set(parameters) <= set(known[step_id].parameters), (name, step_id)


@each
def test_entry_names_rules_that_the_catalogue_has(family: str, entry: steps.Entry) -> None:
    # A family of rules that the catalogue does not hold at all is still to be written.
    written = {rule.split("-")[0] for rule in rules()}
    assert not [rule for rule in entry.rules if rule.split("-")[0] in written and rule not in rules()]


def test_every_rule_whose_fix_is_a_step_is_named_by_that_step() -> None:
    named = {(rule.step, rule.id) for rule in rules().values() if rule.step}
    assert named
    assert named <= {(entry.id, rule) for _, entry in EVERY for rule in entry.rules}


def test_every_rule_that_a_linux_step_names_has_a_step_as_its_fix() -> None:
    named = {entry.id: entry.rules for entry in steps.entries("linux")}
    for step_id, own in named.items():
        for rule in own:
            fixing = rules()[rule].step
            assert fixing and rule in named[fixing], (step_id, rule)


def test_every_fix_for_linux_is_done_by_a_step_or_says_why_not() -> None:
    done = {fix for entry in steps.entries("linux") for fix in entry.fixes}
    undone = YAML(typ="safe").load((FOLDERS["linux"] / "not-steps.yaml").read_text())
    assert done | undone.keys() == FIXES
    assert not done & undone.keys()
    assert all(undone.values())


@each_script
def test_script_reads_every_parameter_of_its_entry_and_no_other(family: str, entry: steps.Entry) -> None:
    text = (FOLDERS[family] / ("lib.sh" if family == "linux" else "lib.ps1")).read_text()
    text += steps.script(entry.id, family)
    for name in entry.parameters:
        assert re.search(rf"\b{name.upper()}\b", text), name
    if family == "windows":
        used = set(re.findall(r"\$env:([A-Z_]+)\b", text))
        assert used == {name.upper() for name in entry.parameters}


@each_script
def test_rendered_script_needs_no_other_file(family: str, entry: steps.Entry) -> None:
    text = steps.script(entry.id, family)
    assert "lib.sh" not in text.replace("# shellcheck", "")
    assert "PSScriptRoot" not in text
    assert text.startswith("#!/bin/sh\n" if family == "linux" else "#")


@each
def test_property_that_gives_a_default_is_one_of_the_plan(family: str, entry: steps.Entry) -> None:
    sku = make_sku("debian")
    for parameter in entry.parameters.values():
        assert parameter.property is None or isinstance(getattr(sku.properties, parameter.property), bool)


@pytest.mark.parametrize("distribution", [*LINUX, "windows-server"])
@pytest.mark.parametrize("builder", list(Builder))
def test_plan_ends_with_generalize_and_keeps_the_order_of_phases(distribution: str, builder: Builder) -> None:
    plan = steps.plan(make_sku(distribution), builder)
    order = ["prepare", "cleanup", "generalize"]
    assert [order.index(step.phase) for step in plan] == sorted(order.index(step.phase) for step in plan)
    assert [step.last for step in plan] == [False] * (len(plan) - 1) + [True]
    assert plan[-1].env["POWEROFF"] == ("yes" if builder is Builder.QEMU else "no")


def test_uncovered_steps_and_planned_steps_are_all_steps() -> None:
    for distribution in LINUX:
        sku = make_sku(distribution)
        planned = [step.name for step in steps.plan(sku, Builder.QEMU)]
        assert sorted(planned + steps.uncovered(sku)) == sorted(
            entry.title for entry in steps.entries("linux")
        )
    assert steps.uncovered(make_sku("debian")) == []


def test_family_data_replaces_defaults_and_settings_replace_both() -> None:
    def agent(sku: steps.Sku) -> str:
        return next(step for step in steps.plan(sku, Builder.QEMU) if step.id == "agent").env["PACKAGE"]

    assert agent(make_sku("debian")) == "waagent"
    assert agent(make_sku("ubuntu")) == "walinuxagent"
    assert agent(make_sku("ubuntu", agent={"package": "own-agent"})) == "own-agent"


def test_skipped_step_is_not_in_the_plan() -> None:
    plan = steps.plan(make_sku("debian", firewall={"skip": True}), Builder.QEMU)
    assert "firewall" not in [step.id for step in plan]


def test_property_of_the_plan_reaches_the_step() -> None:
    sku = make_sku("debian")
    sku = sku.model_copy(update={"properties": sku.properties.model_copy(update={"nvme": True})})
    assert {step.id: step.env.get("NVME") for step in steps.plan(sku, Builder.QEMU)}[
        "kernel-cmdline"
    ] == "yes"


@pytest.mark.parametrize(
    ("settings", "field", "allowed"),
    [
        ({"ssh": {"alive_interval": 180}}, "settings.ssh", "sshd"),
        ({"sshd": {"interval": 180}}, "settings.sshd.interval", "alive_interval"),
        ({"sshd": {"alive_interval": "180"}}, "settings.sshd.alive_interval", "a whole number"),
        ({"sshd": {"alive_interval": True}}, "settings.sshd.alive_interval", "a whole number"),
        ({"updates": {"upgrade": "no"}}, "settings.updates.upgrade", "true, false"),
        ({"updates": {"skip": 1}}, "settings.updates.skip", "true, false"),
        (
            {"waagent-conf": {"provisioning_agent": "disabled"}},
            "provisioning_agent",
            "auto, cloud-init, waagent",
        ),
        ({"kernel-cmdline": {"extra": "a\nb"}}, "settings.kernel-cmdline.extra", "one line"),
        ({"generalize": {"skip": True}}, "settings.generalize.skip", "without it"),
    ],
)
def test_wrong_setting_is_refused_and_names_what_is_allowed(
    settings: dict[str, dict[str, str | int | bool]], field: str, allowed: str
) -> None:
    with pytest.raises(Unusable) as caught:
        steps.plan(make_sku("debian", **settings), Builder.QEMU)
    assert field in caught.value.what
    assert allowed in (caught.value.hint or "")


def test_every_wrong_setting_is_reported_at_once() -> None:
    sku = make_sku("debian", ssh={"a": 1}, sshd={"b": 1, "alive_interval": "x"})
    assert [problem.field for problem in steps.check(sku)] == [
        "settings.ssh", "settings.sshd.b", "settings.sshd.alive_interval",
    ]  # fmt: skip


def test_setting_of_a_step_that_does_not_know_the_distribution_is_refused() -> None:
    with pytest.raises(Unusable, match="does not know this distribution"):
        steps.plan(make_sku("other", firewall={"packages": "nftables"}), Builder.QEMU)


VALUES = st.text(max_size=8) | st.integers() | st.booleans()


@given(
    st.dictionaries(st.sampled_from(["sshd", "updates", "x"]), st.dictionaries(st.text(max_size=8), VALUES))
)
def test_any_settings_give_a_plan_or_a_refusal(settings: dict[str, dict[str, str | int | bool]]) -> None:
    sku = make_sku("debian", **settings)
    if steps.check(sku):
        with pytest.raises(Unusable):
            steps.plan(sku, Builder.QEMU)
    else:
        assert steps.plan(sku, Builder.QEMU)[-1].last


def test_page_of_steps_is_written_from_the_tables() -> None:
    assert (ROOT / "docs/steps.md").read_text() == page(), (
        "run: python -m generator.steps_page > docs/steps.md"
    )
    for family, entry in EVERY:
        assert page().count(f'<a id="{family}-{entry.id}"></a>') == 1


@pytest.mark.parametrize("entry", steps.entries("linux"), ids=lambda entry: entry.id)
def test_rendered_script_passes_shellcheck(entry: steps.Entry) -> None:
    binary = Path(sys.executable).parent / "shellcheck"
    if not binary.exists():
        pytest.skip("shellcheck is not installed")
    # SC2016: awk programs stand in single quotes.
    command = [binary, "--shell=sh", "--exclude=SC2016", "-"]
    done = subprocess.run(command, input=steps.script(entry.id, "linux"), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_linux_tools_run_only_under_a_deadline() -> None:
    tools = (
        r"(apt-get|dnf|tdnf|zypper|update-grub|grub2-mkconfig|kernel-install|update-initramfs|dracut|grubby"
        r"|restorecon|fstrim|sfdisk|wipefs|waagent|swapoff|SUSEConnect|subscription-manager)"
    )
    for path in FOLDERS["linux"].glob("*.sh"):
        for line in path.read_text().splitlines():
            code = line.split("#")[0].strip()
            if re.search(rf"(^|[;&|!] |if |then ){tools} ", code):
                raise AssertionError(f"{path.name}: {code}")
