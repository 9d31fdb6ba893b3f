"""Where Azure has no machine, the next size and the next region are tried, and nothing is left behind.

Fakes: Azure Resource Manager with its sign-in (fake_arm.py), and a Packer that ends with the `error` records
that it is told to, in the form of Packer 1.16 with the texts of packer-plugin-azure 2.6.3.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vmoffer.azure.conftest import FakePacker, plan
from tests.vmoffer.azure.fake_arm import FakeArm
from vmoffer import tries
from vmoffer.azure import failure
from vmoffer.cli import run

BUILD = ["build", "shop/basic", "--builder", "azure-arm", "--out", "out"]
SIZES, REGIONS = ["Standard_D2s_v5", "Standard_D2as_v5"], ["eastus", "westeurope"]


def refused(code: str) -> str:
    """What the plugin's SDK says of a deployment that Azure refused."""
    return (
        "deploying: polling after CreateOrUpdate: polling failed: the Azure API returned the following error:"
        rf'\n\nStatus: "{code}"\nCode: ""\nMessage: "Deployment failed."\nActivity Id: ""'
    ).replace(",", "%!(PACKER_COMMA)")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arm: FakeArm, packer: FakePacker) -> Path:
    monkeypatch.chdir(tmp_path)
    plan(tmp_path, build={"vm_size": SIZES, "location": REGIONS}, generations=["gen2"])
    return tmp_path


@pytest.mark.parametrize("code", [code.name for code in failure.codes() if code.another])
def test_the_next_size_is_taken_where_azure_has_none(
    code: str, packer: FakePacker, capsys: pytest.CaptureFixture[str]
) -> None:
    packer.fails(1, gen2=refused(code))
    assert run(BUILD) == 0
    assert packer.given("vm_size") == SIZES
    assert packer.given("location") == [REGIONS[0]] * 2
    assert len(set(packer.given("build_name"))) == 2, "each try has resource groups of its own"
    assert f"{code}; now Standard_D2as_v5 in eastus" in capsys.readouterr().err


def test_after_the_sizes_comes_the_next_region_and_then_an_end(
    packer: FakePacker, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 9):
        packer.fails(number, gen2=refused("SkuNotAvailable"))
    assert run(BUILD) == 3
    assert list(zip(packer.given("vm_size"), packer.given("location"), strict=True)) == [
        (size, region) for region in REGIONS for size in SIZES
    ]
    told = capsys.readouterr().err
    assert "Packer failed before the guest could be prepared" in told
    assert 'Status: "SkuNotAvailable"' in told, "the text is shown whole"
    assert "az vm list-skus" in told


def test_what_another_machine_does_not_help_is_not_tried_again(
    packer: FakePacker, capsys: pytest.CaptureFixture[str]
) -> None:
    packer.fails(1, gen2=refused("RequestDisallowedByPolicy"))
    assert run(BUILD) == 3
    assert len(packer.given("vm_size")) == 1
    assert "a policy of your organization" in capsys.readouterr().err


def test_a_machine_that_was_there_is_not_why_the_build_failed(packer: FakePacker, folder: Path) -> None:
    packer.fails(1, gen2=refused("QuotaExceeded"))
    event = '{"v": 1, "event": "started", "kind": "step", "name": "shop", "source": "gen2", "at": 1}'
    (folder / "event").write_text(f"{event}\n")
    script = folder / "bin/packer"  # it notes a step, too
    script.write_text(script.read_text().replace("number=", "cp event out/events.jsonl\nnumber="))
    assert run(BUILD) == 1
    assert len(packer.given("vm_size")) == 1


def test_groups_that_failed_tries_left_are_removed(arm: FakeArm, packer: FakePacker) -> None:
    arm.leaves_groups = True
    packer.fails(1, gen2=refused("AllocationFailed"))
    assert run(BUILD) == 0
    assert arm.deleted == [f"resourcegroups/{name}-gen2" for name in packer.given("build_name")]


def test_no_group_is_deleted_that_is_not_there(arm: FakeArm, packer: FakePacker) -> None:
    packer.fails(1, gen2=refused("AllocationFailed"))
    assert run(BUILD) == 0
    assert arm.deleted == []


def test_only_the_generations_that_failed_are_tried_again(packer: FakePacker, folder: Path) -> None:
    path = folder / "skus/shop/basic.yaml"
    text = path.read_text().replace('"gen2"\n', '"gen2", "gen1"\n', 1)
    path.write_text(text.replace('"12-gen2"', '{"gen2": "12-gen2", "gen1": "12"}'))
    packer.fails(1, gen1=refused("SkuNotAvailable"))
    assert run(BUILD) == 0
    assert [one for one in packer.arguments if one.startswith("-only")] == ["-only=azure-arm.gen1"]


def test_tries_are_bounded(tmp_path: Path) -> None:
    from generator import catalogue

    path = tmp_path / "skus/shop/basic.yaml"
    sizes = ", ".join(f'"Standard_D{number}s_v5"' for number in range(2, 22))
    path.write_text(path.read_text().replace(f'"{SIZES[0]}"', sizes))
    assert len(tries.of(catalogue.find("shop/basic").sku)) == tries.MOST


def test_every_code_has_a_source_that_the_list_explains() -> None:
    text = (Path(failure.__file__).parent / "failure.toml").read_text()
    for code in failure.codes():
        assert f"[{code.source}]" in text
