# ruff: noqa: E501 - a row is a line
"""What each profile makes of the same image: the numbers of every grader, and strict is the worst of today's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from images import GIB, Content_, Link, decide, os_disk
from rule_cases import line
from windows_images import windows_disk

from validators import engine
from validators.outcome import GRADERS

WEIGHTS = ("skip", "pass", "warn", "fail")


def sshd(seconds: int) -> dict[str, Content_]:
    return {"/etc/ssh/sshd_config": f"ClientAliveInterval {seconds}\n"}


def installed(package: str, version: str) -> dict[str, Content_]:
    status = f"Package: {package}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
    return {"/var/lib/dpkg/status": status}


def agent(version: str) -> dict[str, Content_]:
    path = "/usr/lib/python3/dist-packages/azurelinuxagent/common/version.py"
    return {path: f"AGENT_VERSION = '{version}'\n", "/etc/waagent.conf": "AutoUpdate.Enabled=n\n"}


def python(version: str) -> dict[str, Content_]:
    return {"/usr/bin/python3": Link(f"python{version}"), f"/usr/bin/python{version}": b""}


# Rule, files laid over the clean image, facts of the disk, and the outcome for tool, lisa, policy, azcert, guide-2015.
ROWS: list[tuple[str, Mapping[str, Content_], Mapping[str, Any], str]] = [
    ("LNX-SSH-001", sshd(0), {}, "fail fail fail fail fail"),
    ("LNX-SSH-001", sshd(1), {}, "fail pass fail pass fail"),
    ("LNX-SSH-001", sshd(29), {}, "fail pass fail pass fail"),
    ("LNX-SSH-001", sshd(30), {}, "warn pass pass pass warn"),
    ("LNX-SSH-001", sshd(180), {}, "pass pass pass pass pass"),
    ("LNX-SSH-001", sshd(235), {}, "warn pass pass pass warn"),
    ("LNX-SSH-001", sshd(236), {}, "fail fail fail fail fail"),
    ("LNX-SSH-003", {"/usr/sbin/sshd": None}, {}, "skip skip fail skip warn"),
    ("LNX-HIST-001", {"/root/.bash_history": "x" * 1024}, {}, "pass fail fail fail fail"),
    ("LNX-HIST-001", {"/root/.bash_history": "x" * 1025}, {}, "fail fail fail fail fail"),
    ("LNX-AGENT-002", agent("2.2.40"), {}, "fail fail fail fail skip"),
    ("LNX-AGENT-002", agent("2.2.41"), {}, "pass fail fail fail skip"),
    ("LNX-AGENT-002", agent("2.2.53.1"), {}, "pass pass pass pass skip"),
    ("LNX-KERN-001", line("console"), {}, "fail fail fail fail fail"),
    ("LNX-KERN-002", line("earlyprintk"), {}, "warn skip fail skip fail"),
    ("LNX-KERN-003", line("rootdelay"), {}, "warn skip warn skip fail"),
    ("LNX-SUDO-001", {"/etc/sudoers": "Defaults targetpw\n"}, {}, "skip fail fail skip skip"),
    ("LNX-SSL-001", installed("openssl", "0.9.7-1"), {}, "fail fail skip fail warn"),
    ("LNX-SSL-001", installed("openssl", "0.9.8-1"), {}, "pass fail skip fail warn"),
    ("LNX-SSL-001", installed("openssl", "1.0.1-1"), {}, "pass fail skip fail pass"),
    ("LNX-SSL-001", installed("openssl", "1.0.2u-1"), {}, "pass pass skip pass pass"),
    ("LNX-SSL-001", installed("openssl", "1.1.0l-1"), {}, "pass fail skip fail pass"),
    ("LNX-SSL-001", installed("openssl", "3.0.0-1"), {}, "pass pass skip pass pass"),
    ("LNX-PY-001", python("3.8"), {}, "pass warn skip warn pass"),
    ("LNX-PY-001", python("2.5"), {}, "warn warn skip warn fail"),
    ("DSK-SIZE-002", {}, {"size": 29 * GIB}, "skip skip warn skip fail"),
    ("DSK-SIZE-002", {}, {"size": 50 * GIB}, "skip skip pass skip pass"),
    ("DSK-SIZE-002", {}, {"size": 51 * GIB}, "skip skip warn skip fail"),
    ("DSK-SIZE-002", {}, {"size": 1024 * GIB}, "skip skip fail skip fail"),
    ("DSK-SIZE-005", {}, {"size": 1024 * GIB, "role": "data"}, "skip skip fail skip pass"),
    ("DSK-SIZE-005", {}, {"size": 1025 * GIB, "role": "data"}, "skip skip fail skip fail"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "files", "disk", "wanted"), ROWS)
def test_every_grader_has_its_own_numbers_and_strict_is_the_worst_of_today(
    rule: str, files: Mapping[str, Content_], disk: Mapping[str, Any], wanted: str
) -> None:
    image = os_disk(files, **disk)
    found = {profile: decide(rule, image, profile=profile).status.value for profile in engine.PROFILES}
    assert [found[grader] for grader in GRADERS] == wanted.split()
    today = [found[grader] for grader in GRADERS if grader != "guide-2015"]
    assert found["strict"] == max(today, key=WEIGHTS.index)


@pytest.mark.parametrize(("gib", "wanted"), [(127, "fail"), (128, "pass"), (250, "fail"), (251, "fail")])
def test_the_guide_has_one_size_for_windows_where_today_has_a_span(gib: int, wanted: str) -> None:
    image = windows_disk(size=gib * GIB)
    assert decide("DSK-SIZE-003", image, profile="guide-2015").status == wanted
    assert decide("DSK-SIZE-003", image).status == ("pass" if gib <= 250 else "fail")


@pytest.mark.parametrize("grader", GRADERS)
def test_a_profile_names_no_grader_but_its_own_and_asks_only_what_that_grader_asks(grader: str) -> None:
    for rule in engine.catalogue.rules().values():
        if rule.subject in ("linux", "os-disk") and rule.id in engine.load_checks():
            outcome = decide(rule.id, os_disk(), profile=grader)
            assert set(outcome.graders) <= {grader}
            assert (grader in rule.graders) or outcome.status == "skip"
