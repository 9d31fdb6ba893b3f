"""Every rule that decides has an image that meets it and one that does not; the clean image meets all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from access_cases import ACCESS_ROWS
from images import decide, os_disk, sku
from rule_cases import ROWS, Row
from windows_cases import DOCUMENT, WINDOWS_ROWS, WindowsRow
from windows_images import windows_disk

from validators import engine
from validators.catalogue import rules
from validators.disk import Disk
from validators.outcome import Status

ALL_ROWS: list[Row | WindowsRow] = [*ROWS, *ACCESS_ROWS, *WINDOWS_ROWS]


@pytest.mark.parametrize("row", ALL_ROWS, ids=lambda row: f"{row.rule}-{row.status}")
def test_a_rule_answers_as_its_row_says(row: Row | WindowsRow) -> None:
    outcome = decide(row.rule, row.image(), sku=row.definition(), profile=row.profile)
    assert outcome.status == row.status, outcome
    assert row.evidence in outcome.evidence
    assert "does not understand" not in outcome.evidence


def test_every_rule_that_decides_has_a_row_for_yes_and_one_for_no() -> None:
    met = {row.rule for row in ALL_ROWS if row.status in ("pass", "skip")}
    unmet = {row.rule for row in ALL_ROWS if row.status in ("fail", "warn")}
    unmet |= {"DSK-OS-002"}  # what is not recognised may still be an OS disk: undecidable, and never a fail
    assert set(engine.load_checks()) == met & unmet


def uploaded(disk: Disk) -> Disk:
    """The disk as a page blob, of which every rule can be decided."""
    return replace(disk, container=replace(disk.container, blob_type="PageBlob"))


@pytest.mark.parametrize("profile", engine.PROFILES)
def test_the_clean_image_meets_every_rule_of_every_profile(profile: str) -> None:
    engine.load_checks()
    for rule in rules().values():
        if rule.id not in engine.load_checks() or rule.subject in ("windows", "data-disk"):
            continue
        outcome = decide(rule.id, uploaded(os_disk()), sku=sku(), profile=profile)
        assert outcome.status in (Status.PASS, Status.SKIP), outcome


@pytest.mark.parametrize("profile", engine.PROFILES)
def test_the_clean_windows_meets_every_rule_of_every_profile(profile: str) -> None:
    plan = sku(**DOCUMENT, properties={"nvme": True})
    disk = uploaded(windows_disk())
    for rule in rules().values():
        if rule.id in engine.load_checks() and rule.subject in ("windows", "os-disk", "disk"):
            outcome = decide(rule.id, disk, sku=plan, profile=profile)
            assert outcome.status in (Status.PASS, Status.SKIP), outcome


def test_an_unmet_mandatory_rule_names_a_fix_and_who_complains() -> None:
    outcome = decide("LNX-SSH-001", os_disk({"/etc/ssh/sshd_config": "ClientAliveInterval 20\n"}))
    assert outcome.status is Status.FAIL
    # LISA accepts anything from 1 second on.
    assert outcome.graders == ("tool", "policy")
    assert "ClientAliveInterval 180" in outcome.fix and "provisioner step: sshd" in outcome.fix
    assert outcome.where == "/etc/ssh/sshd_config:1"


def test_the_fix_is_the_one_for_the_family_of_the_image() -> None:
    fedora = {"/usr/lib/os-release": "ID=fedora\n", "/usr/sbin/waagent": None}
    assert "dnf install" in decide("LNX-AGENT-001", os_disk(fedora)).fix
    assert "apt-get install" in decide("LNX-AGENT-001", os_disk({"/usr/sbin/waagent": None})).fix
