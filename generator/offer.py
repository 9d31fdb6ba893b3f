"""The part of a definition that Partner Center asks for: names, ports and promises."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from generator.closed import Closed


class Offer(Closed):
    """The parent of your plans in Partner Center."""

    id: str = Field(
        description="Offer id, part of the Marketplace's URL: 3-50 of a-z 0-9 - _. "
        "Partner Center never lets you change it; OFR-ID-001",
        examples=["shop"],
    )
    title: str = Field(
        description="Name customers read, 1-200 characters without emoji; LST-NAME-001",
        examples=["Contoso Shop"],
    )
    summary: str = Field(
        "",
        description="Text under the name in search results, at most 100 characters; LST-SUM-001",
        examples=["A small web shop"],
    )


class Plan(Closed):
    """What a customer picks and deploys."""

    id: str = Field(
        description="Plan id, part of the Marketplace's URL: 1-50 of a-z 0-9 - _. "
        "Partner Center never lets you change it; OFR-ID-001",
        examples=["basic"],
    )
    title: str = Field(
        description="Name customers read in the list of plans, 1-200 characters; LST-NAME-001",
        examples=["Shop on Debian 12"],
    )
    summary: str = Field(
        description="What the plan is for, in a sentence for people",
        examples=["The shop for up to ten sellers."],
    )
    alias: str = Field(
        "",
        description="Name that only you see in Partner Center, at most 125 characters; OFR-ID-001",
        examples=["shop-basic-internal"],
    )


class Port(Closed):
    """A port that Azure opens to customers' networks when a VM is made from the plan."""

    label: str = Field(
        description="Name of the port: 3-20 letters, digits, spaces, - _ and dots; OFR-PORT-001",
        examples=["https"],
    )
    range: str = Field(
        description="One port, or first and last with a dash between; 1-65535; OFR-PORT-001",
        examples=["443", "8000-8010"],
    )
    protocol: Literal["tcp", "udp", "both"] = Field(
        "tcp", description="What the port carries", examples=["tcp", "udp", "both"]
    )


def _promise(default: bool, text: str) -> bool:
    """A box that Partner Center shows on the plan's technical configuration page."""
    box: bool = Field(default, description=text, examples=[True, False])
    return box


class Properties(Closed):
    """What the plan promises in Partner Center; `vmoffer validate --sku` compares it with the disk."""

    extensions: bool = _promise(True, "VM extensions work, as they do where the Azure agent runs")
    backup: bool = _promise(False, "Azure Backup works; it needs extensions")
    accelerated_networking: bool = _promise(
        False, "The image has the drivers for accelerated networking; the build uses it too"
    )
    network_virtual_appliance: bool = _promise(
        False, "The plan routes, filters or balances traffic; then the rules NVA-* are asked"
    )
    nvme: bool = _promise(False, "The image boots on VM sizes with NVMe disks; not for gen1")
    cloud_init: bool = _promise(False, "cloud-init provisions the VM and reads user data; Linux only")
    aad_login: bool = _promise(False, "Customers may sign in with Microsoft Entra ID")
    hibernation: bool = _promise(False, "The VM may hibernate; on Linux not together with trusted_launch")
    remote_connection: bool = _promise(True, "SSH or RDP is open to the customer; false: a locked-down image")
    custom_arm_template: bool = _promise(False, "Deployed by a template of yours only, not from the portal")
    trusted_launch: bool = _promise(False, "Boots with Secure Boot and vTPM; not for gen1")
