"""What Azure asks of sizes, disks and places, and the tables of facts that the rules read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import LINUX, WINDOWS, define

from generator import azure_facts, marketplace
from generator.base_image import MarketplaceImage
from generator.build_machine import DEFAULT_SIZE
from generator.generation import Generation
from generator.lint import lint, require
from generator.load import Invalid

ROOT = Path(__file__).parent.parent.parent
NETWORK = {"resource_group": "network", "name": "builds", "subnet": "packer"}
THREE = {"publisher": "Debian", "offer": "debian-12", "sku": {"gen2": "12-gen2", "arm64": "12-arm64"}}


def _rules(tmp_path: Path, base: dict[str, Any] = LINUX, /, **changes: Any) -> list[tuple[str, str, str]]:
    found = lint([define(tmp_path, base, **changes)])
    return [(one.rule, one.status, one.evidence) for one in found if one.rule.startswith("OFR")]


def test_x64_and_arm64_images_need_machines_of_both(tmp_path: Path) -> None:
    both = {"generations": ["gen2", "arm64"], "base": {"azure-arm": {"marketplace": THREE}}}
    assert _rules(tmp_path, **both) == [], "the defaults fit each"
    ((rule, status, evidence),) = _rules(tmp_path, **both, build={"vm_size": "Standard_D4s_v5"})
    assert (rule, status) == ("OFR-BUILD-001", "fail") and "boots no arm64 image" in evidence
    sizes = {"gen2": "Standard_D4s_v5", "arm64": ["Standard_D4ps_v5", "Standard_D4pds_v6"]}
    assert _rules(tmp_path, **both, build={"vm_size": sizes}) == []


def test_every_recommended_size_is_checked_and_what_is_not_known_never_fails(tmp_path: Path) -> None:
    sizes = ["Standard_D2s_v5", "Standard_D2ps_v5", "Standard_NC4as_T4_v3", "Standard_D2ps_v6"]
    found = _rules(tmp_path, recommended_sizes=sizes)
    assert [(rule, status) for rule, status, _ in found] == [
        ("OFR-SIZE-002", "fail"),
        ("OFR-SIZE-002", "warn"),
        ("OFR-SIZE-002", "fail"),
        ("OFR-SIZE-002", "warn"),
    ]
    assert found[1][2] == "Standard_NC4as_T4_v3: not known, not checked"
    assert "NVMe" in found[3][2], "of a size with two findings both are told"


def test_an_nvme_plan_is_built_on_a_size_with_nvme(tmp_path: Path) -> None:
    nvme = {"properties": {"nvme": True}, "recommended_sizes": ["Standard_D2s_v5", "Standard_D2s_v6"]}
    ((rule, _, evidence),) = _rules(tmp_path, **nvme)
    assert rule == "OFR-BUILD-001" and evidence.startswith("Standard_D2s_v5 has no NVMe")
    assert _rules(tmp_path, **nvme, build={"vm_size": "Standard_D2s_v6"}) == []


@pytest.mark.parametrize(
    ("base", "line", "named"),
    [
        (WINDOWS, r"New-Item D:\Temp -ItemType Directory", "D:"),
        (WINDOWS, "# D:\\ is not used", None),
        (WINDOWS, r"New-Item C:\Temp", None),
        (LINUX, "sed -i s/x/y/ /mnt/resource/swapfile", "/mnt/resource"),
        (LINUX, "mkfs.ext4 /dev/disk/azure/resource-part1", "/dev/disk/azure/resource"),
        (LINUX, "echo ResourceDisk.EnableSwap=y >>/etc/waagent.conf", "ResourceDisk.EnableSwap=y"),
        (LINUX, "mount /dev/sdc1 /mnt/data", None),
    ],
)
@pytest.mark.parametrize("size", ["Standard_D2s_v5", "Standard_D2ds_v6", "Standard_D2ds_v5"])
def test_a_step_that_names_a_temporary_disk_is_told_of_sizes_without(
    base: dict[str, Any], line: str, named: str | None, size: str, tmp_path: Path
) -> None:
    sizes = ["Standard_D2ds_v5", size]
    found = _rules(tmp_path, base, generations=["gen2"], recommended_sizes=sizes, steps=[{"inline": [line]}])
    told = [evidence for rule, _, evidence in found if rule == "OFR-SIZE-003"]
    if named is None or size == "Standard_D2ds_v5":
        assert told == []
    else:
        has = "only raw NVMe disks" if size.endswith("v6") else "none"
        assert told == [f"{named} in inline:1; {size} has {has}"]


@pytest.mark.parametrize(
    ("image", "gib"),
    [
        ("MicrosoftWindowsServer:WindowsServer:2022-datacenter-g2", 127),
        ("MicrosoftWindowsServer:WindowsServer:2019-datacenter-gensecond", 127),
        ("MicrosoftWindowsServer:WindowsServer:2022-datacenter-smalldisk-g2", 30),
        ("redhat:rhel:9-lvm-gen2", 64),
        ("Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2", 30),
        ("Canonical:ubuntu-24_04-lts:server", 30),
        ("Debian:debian-12:12-gen2", None),
        ("RedHat:rhel-raw:9-raw-gen2", None),
    ],
)
def test_the_disk_of_a_base_image_is_what_a_source_says(image: str, gib: int | None) -> None:
    publisher, offer, sku = image.split(":")
    asked = MarketplaceImage(publisher=publisher, offer=offer, sku=sku)
    assert azure_facts.os_disk_gib(asked, Generation.GEN2) == gib


def test_a_windows_disk_below_the_images_fails_and_a_larger_one_passes(tmp_path: Path) -> None:
    ((rule, status, evidence),) = _rules(tmp_path, WINDOWS, os_disk={"size_gib": 64})
    assert (rule, status) == ("OFR-BUILD-002", "fail") and "127 GiB" in evidence
    assert _rules(tmp_path, WINDOWS, os_disk={"size_gib": 128}) == []


def test_a_gallery_base_of_unknown_size_is_a_warning(tmp_path: Path) -> None:
    base = {"azure-arm": {"gallery": {"resource_group": "r", "gallery": "g", "image": "i"}}}
    assert [(rule, status) for rule, status, _ in _rules(tmp_path, base=base)] == [("OFR-BUILD-002", "warn")]


def test_an_account_needs_its_group_only_where_azure_arm_leaves_vhds(tmp_path: Path) -> None:
    alone = {"storage": {"account": "images"}}
    assert _rules(tmp_path, **alone, base={"qemu": {"recipe": "debian-12"}}) == []
    gallery = {"resource_group": "rg", "name": "g", "image": "i", "vhds": False}
    assert _rules(tmp_path, **alone, gallery=gallery) == []


def test_what_new_starts_from_is_not_below_what_the_table_says() -> None:
    for system in marketplace.systems().values():
        for generation, image in system.images.items():
            asked = MarketplaceImage(publisher=image.publisher, offer=image.offer, sku=image.sku)
            gib = azure_facts.os_disk_gib(asked, generation)
            assert gib is None or system.gib >= gib, image


def test_the_default_sizes_fit_their_generations() -> None:
    for generation, name in DEFAULT_SIZE.items():
        size = azure_facts.size(name)
        assert size is not None and size.boots(generation)


def test_every_row_of_the_tables_names_its_source_and_date() -> None:
    sizes = tomllib.loads((ROOT / "generator" / "vm_sizes.toml").read_text(encoding="utf-8"))
    dated = re.compile(r"\d{4}-\d{2}-\d{2}")
    for source in sizes["sources"].values():
        assert " at " in source and dated.search(source)
    for name, series in sizes["series"].items():
        assert re.fullmatch(r"[a-z-]+/includes/\w+-series-specs\.md at [0-9a-f]{7}", series["page"]), name
        assert dated.fullmatch(series["dated"]), name
        assert f"/{name.lower()}-series-specs.md" in series["page"]
    images = tomllib.loads((ROOT / "generator" / "base_images.toml").read_text(encoding="utf-8"))["image"]
    for row in images:
        assert row["source"] and dated.fullmatch(row["dated"])


def test_a_size_is_in_one_series_and_its_name_says_the_same() -> None:
    """Microsoft's naming convention: p is Arm, d a local disk (vm-naming-conventions.md, 2023)."""
    known = azure_facts.sizes()
    table = tomllib.loads((ROOT / "generator" / "vm_sizes.toml").read_text(encoding="utf-8"))["series"]
    listed = [name for row in table.values() for names in row["data_disks"].values() for name in names]
    assert len(listed) == len(set(listed)) == len(known)
    for size in known.values():
        match = re.fullmatch(r"Standard_[A-Z]+\d+(?:-\d+)?i?([a-z]*)_v([56])", size.name)
        if match:
            assert (size.architecture == "arm64") == ("p" in match[1]), size.name
            assert (size.temporary_disk != "none") == ("d" in match[1]), size.name


def test_both_spellings_of_a_size_are_one() -> None:
    assert azure_facts.size("d2s-standard-v5") is azure_facts.size("standard_d2S_V5") is not None


@pytest.mark.parametrize(
    ("build", "allowed"),
    [
        ({"allowed_inbound": ["*"]}, "'*' is no address"),
        ({"allowed_inbound": ["203.0.113.0/255.255.255.0"]}, "is no address"),
        (
            {"allowed_inbound": ["203.0.113.7"], "network": NETWORK},
            "in a network of your own, its rules decide",
        ),
        ({"key_vault": "vault"}, "needs resource_group"),
        (
            {"key_vault": "vault", "resource_group": "rg", "skip_key_vault": True},
            "key_vault or skip_key_vault",
        ),
        ({"resource_group": "rg", "location": ["eastus", "westus"]}, "the region that the group is in"),
        ({"vm_size": []}, "a list of at least 1"),
        ({"winrm_expiration": "a day"}, "text matching"),
        ({"identities": ["installer"]}, "text matching"),
        ({"spot": {"max_price": 0}}, "spot"),
        ({"winrm_expiration": "24h"}, "Windows only"),
        ({"skip_key_vault": True}, "Windows only"),
    ],
)
def test_what_the_plugin_would_refuse_of_a_machine_is_refused_before(
    build: dict[str, Any], allowed: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid) as raised:
        require([define(tmp_path, build=build)])
    assert allowed in str(raised.value)
