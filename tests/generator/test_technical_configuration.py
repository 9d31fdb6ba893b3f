"""What Partner Center calls things: sizes, properties, image types; and back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import LINUX, WINDOWS, changed, define

from generator import technical_configuration
from generator.catalogue import all as every
from generator.offer import Properties
from generator.vm_sizes import arm_name, partner_center_name

# The first five are from payloads of publishers; a Partner Center name that has a part more is inferred.
SIZES = [
    ("Standard_D2s_v5", "d2s-standard-v5"),
    ("Standard_D8s_v5", "d8s-standard-v5"),
    ("Standard_E16s_v5", "e16s-standard-v5"),
    ("Standard_D2ds_v4", "d2ds-standard-v4"),
    ("Standard_D2_v4", "d2-standard-v4"),
    ("Standard_DS2_v2", "ds2-standard-v2"),
    ("Standard_B2s", "b2s-standard"),
    ("Standard_D2ps_v5", "d2ps-standard-v5"),
    ("Standard_E4-2s_v5", "e4-2s-standard-v5"),
    ("Standard_NC4as_T4_v3", "nc4as-standard-t4-v3"),
    ("Basic_A1", "a1-basic"),
]


@pytest.mark.parametrize(("arm", "partner"), SIZES)
def test_a_size_is_understood_in_both_spellings_and_made_in_both(arm: str, partner: str) -> None:
    assert partner_center_name(arm) == partner_center_name(partner) == partner
    assert arm_name(arm) == arm_name(partner) == arm


@pytest.mark.parametrize(
    "text", ["", "D2s_v5", "standard-d2s-v5", "d2s", "Standard_", "Standard_D2s-v5", "2-standard"]
)
def test_what_is_no_name_of_a_size_is_none(text: str) -> None:
    assert partner_center_name(text) is None and arm_name(text) is None


def test_every_property_has_the_name_that_partner_center_has(tmp_path: Path) -> None:
    made = technical_configuration.build(define(tmp_path, properties={"network_virtual_appliance": True}).sku)
    assert made["vmProperties"] == {
        "supportsExtensions": True,
        "supportsBackup": False,
        "supportsAcceleratedNetworking": False,
        "isNetworkVirtualAppliance": True,
        "networkVirtualAppliance": True,
        "supportsNVMe": False,
        "supportsCloudInit": False,
        "supportsAadLogin": False,
        "supportsHibernation": False,
        "supportsRemoteConnection": True,
        "requiresCustomArmTemplate": False,
    }
    # Trusted Launch is a security type of the SKU there, not a property.
    assert set(Properties.model_fields) == {*technical_configuration.PROPERTIES, "trusted_launch"}


def test_a_plan_is_said_in_the_shape_of_the_api(tmp_path: Path) -> None:
    plan = changed(
        LINUX,
        recommended_sizes=["Standard_D2s_v5", "d4s-standard-v5"],
        ports=[{"label": "https", "range": "443", "protocol": "both"}],
        properties={"trusted_launch": True},
    )
    made = technical_configuration.build(define(tmp_path, plan).sku)
    assert made["recommendedVmSizes"] == ["d2s-standard-v5", "d4s-standard-v5"]
    assert made["openPorts"] == [{"label": "https", "portRange": "443", "protocol": "both"}]
    assert made["skus"] == [{"imageType": "x64Gen2", "skuId": "basic", "securityType": ["trusted"]}]
    assert made["operatingSystem"]["type"] == "debian"


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("2019", "windowsServer2019"),
        ("2022", "windowsServer2022"),
        ("2022 Datacenter Azure Edition", "windowsServer2022DatacenterAzureEdition"),
        ("2025", "other"),
    ],
)
def test_a_windows_server_has_the_type_of_its_year(tmp_path: Path, version: str, kind: str) -> None:
    sku = define(tmp_path, WINDOWS, os__version=version).sku
    assert technical_configuration.build(sku)["operatingSystem"]["type"] == kind


def test_the_shipped_plans_list_no_login_port_and_only_sizes_that_partner_center_knows() -> None:
    for definition in every(Path(__file__).parents[2] / "skus"):
        made = technical_configuration.build(definition.sku)
        assert not {"22", "3389"} & {port["portRange"] for port in made["openPorts"]}
        assert all(
            re.fullmatch(r"[a-z0-9]+-standard(-[a-z0-9]+)*", one) for one in made["recommendedVmSizes"]
        )
