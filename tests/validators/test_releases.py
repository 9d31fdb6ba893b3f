"""Lists of releases, and kernels that a distribution has fixed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators.catalogue import rules
from validators.linux import backports, release
from validators.linux.release import Release

SYSTEMS = rules()["LNX-NVME-001"].limits["systems"]
FIRST = rules()["LNX-KERN-009"].limits["first_fixed"]


@pytest.mark.parametrize(
    ("system", "listed"),
    [
        ("rhel 8.6", True),
        ("rhel 8.10", True),
        ("rhel 8.5", False),
        ("rhel 9.0", True),
        ("rhel 10.0", None),
        ("rhel 7.9", True),
        ("debian 13", None),
        ("debian 1", False),
        ("ubuntu 22.10", False),
        ("ubuntu 26.04", None),
        ("rocky 9.7", None),
        ("rocky 9.5", False),
        ("arch ", False),
    ],
)
def test_a_release_is_on_the_list_newer_than_it_or_not_on_it(system: str, listed: bool | None) -> None:
    name, version = system.split(" ")
    assert release.listed(Release(name, version), SYSTEMS) is listed


@pytest.mark.parametrize(
    ("kernel", "first", "fixed"),
    [
        ("3.10.0-957.21.3.el7.x86_64", ["3.10.0-862.34.2", "3.10.0-957.21.3"], True),
        ("3.10.0-957.21.2.el7.x86_64", ["3.10.0-862.34.2", "3.10.0-957.21.3"], False),
        ("3.10.0-957.21.10.el7.x86_64", ["3.10.0-957.21.3"], True),
        ("3.10.0-900.el7.x86_64", ["3.10.0-862.34.2", "3.10.0-957.21.3"], None),
        ("3.10.0-123.el7.x86_64", ["3.10.0-862.34.2"], False),
        ("4.15.0-1049-azure", ["4.4.0-151"], None),
        ("4.19.50-flatcar", ["4.19.43"], True),
        ("4.19.42-flatcar", ["4.19.43"], False),
        ("vmlinuz", ["4.19.43"], None),
        ("4.19.42", [], None),
    ],
)
def test_a_kernel_has_the_fix_from_its_branch_on(kernel: str, first: list[str], fixed: bool | None) -> None:
    assert backports.fixed(kernel, first) is fixed


def test_a_rebuild_of_a_distribution_has_its_kernels() -> None:
    assert backports.minima(FIRST, Release("centos", "7")) == backports.minima(FIRST, Release("rhel", "7.6"))
    assert backports.minima(FIRST, Release("sles", "1")) == []


@given(st.text(max_size=40))
def test_any_kernel_is_judged(kernel: str) -> None:
    for system in (Release("rhel", "7"), Release("ubuntu", "16.04"), Release("coreos", "2000")):
        assert backports.fixed(kernel, backports.minima(FIRST, system)) in (True, False, None)
