"""A plan's technical configuration in Partner Center's own names: what to enter, or to compare with.

The names and values are those of the `virtual-machine-plan-technical-configuration` of the Product Ingestion
API: its schema as cloudpub has it, and what publishers send. Where the images come from is no part of it.
"""

from __future__ import annotations

from typing import Any

from generator.generation import Generation
from generator.model import Sku
from generator.offer_rules import sku_ids
from generator.vm_sizes import partner_center_name

IMAGE_TYPES = {Generation.GEN1: "x64Gen1", Generation.GEN2: "x64Gen2", Generation.ARM64: "arm64Gen2"}
# Distribution of the definition → operatingSystem.type; Partner Center has `other` for the rest.
LINUX_TYPES = {
    "debian": "debian",
    "ubuntu": "ubuntu",
    "rhel": "redHat",
    "centos": "centos",
    "sles": "suse",
    "oracle": "oracleLinux",
    "azurelinux": "cblMariner",
}
WINDOWS_YEARS = ("2016", "2019", "2022")  # later ones are `other`
PROPERTIES = {  # field of `properties` in the definition → names in vmProperties
    "extensions": ("supportsExtensions",),
    "backup": ("supportsBackup",),
    "accelerated_networking": ("supportsAcceleratedNetworking",),
    "network_virtual_appliance": ("isNetworkVirtualAppliance", "networkVirtualAppliance"),
    "nvme": ("supportsNVMe",),
    "cloud_init": ("supportsCloudInit",),
    "aad_login": ("supportsAadLogin",),
    "hibernation": ("supportsHibernation",),
    "remote_connection": ("supportsRemoteConnection",),
    "custom_arm_template": ("requiresCustomArmTemplate",),
}


def build(sku: Sku) -> dict[str, Any]:
    """The configuration of `sku`, without `$schema`, ids and image versions."""
    return {
        "operatingSystem": {
            "family": sku.os.family,
            "type": _system_type(sku),
            "friendlyName": sku.os.friendly_name,
        },
        "recommendedVmSizes": [partner_center_name(size) or size for size in sku.recommended_sizes],
        "openPorts": [
            {"label": port.label, "portRange": port.range, "protocol": port.protocol} for port in sku.ports
        ],
        "vmProperties": {
            name: getattr(sku.properties, field) for field, names in PROPERTIES.items() for name in names
        },
        "skus": [
            {
                "imageType": IMAGE_TYPES[generation],
                "skuId": sku_id,
                **({"securityType": ["trusted"]} if sku.properties.trusted_launch else {}),
            }
            for generation, sku_id in sku_ids(sku).items()
        ],
    }


def _system_type(sku: Sku) -> str:
    if sku.os.family == "linux":
        return LINUX_TYPES.get(sku.os.distribution, "other")
    year = next((year for year in WINDOWS_YEARS if sku.os.version.startswith(year)), None)
    if year is None:
        return "other"
    edition = "DatacenterAzureEdition" if year == "2022" and "azure" in sku.os.version.casefold() else ""
    return f"windowsServer{year}{edition}"
