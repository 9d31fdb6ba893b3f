"""The SKU definition: one Azure Marketplace plan, from its names to its disks.

The model says what a definition may *hold* (types, shapes, unknown keys refused). Whether the
values are acceptable to the Marketplace is for the rules (`generator.lint`): `version: "1.2"` is a
readable definition that breaks OFR-VER-001, `version: [1]` is not a definition.

The texts of the fields are what editors, error messages and docs/definition.md show: a sentence of what
the value is and its limits, then what becomes of it, then the rule that judges it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import Field

from generator.base_image import Base
from generator.build_machine import BuildMachine
from generator.closed import Closed as Closed
from generator.generation import Generation as Generation
from generator.image import DataDisk as DataDisk
from generator.image import Distribution as Distribution
from generator.image import OperatingSystem, OsDisk
from generator.listing import Listing
from generator.offer import Offer, Plan, Port, Properties
from generator.own_step import FileUpload as FileUpload
from generator.own_step import Step as Step
from generator.places import Gallery
from generator.places import Storage as Storage
from generator.waive import Waive


class Builder(StrEnum):
    """Which Packer builder makes the image."""

    QEMU = "qemu"
    AZURE_ARM = "azure-arm"


@dataclass(frozen=True)
class Disk:
    """One VHD of one image of the plan: what it is called and what it holds."""

    role: Literal["os", "data"]
    lun: int | None
    size_gib: int
    filename: str
    data: DataDisk | None = None


class Sku(Closed):
    """A plan of the Azure Marketplace and everything needed to build its image."""

    publisher: str = Field(description="Publisher id, as Partner Center shows it", examples=["contoso"])
    offer: Offer = Field(
        description="The parent of your plans in Partner Center; the same in all of them",
        examples=[{"id": "shop", "title": "Contoso Shop"}],
    )
    plan: Plan = Field(
        description="What a customer picks and deploys",
        examples=[{"id": "basic", "title": "Shop on Debian 12", "summary": "For up to ten sellers."}],
    )
    version: str = Field(
        description="Image version X.Y.Z, larger than every published one; OFR-VER-001",
        examples=["1.0.0"],
    )
    published: list[str] = Field(
        [],
        description="Versions of the plan that are published already; OFR-VER-001",
        examples=[["1.0.0", "1.0.1"]],
    )
    generations: list[Generation] = Field(
        [Generation.GEN2],
        min_length=1,
        description="What the images boot on: gen2 (UEFI), gen1 (BIOS), arm64; an image for each. "
        "The first carries the plan's own id; OFR-SKU-001",
        examples=[["gen2"], ["gen2", "gen1"], ["arm64"]],
    )
    os: OperatingSystem = Field(
        description="What the OS disk holds",
        examples=[
            {"family": "linux", "distribution": "debian", "version": "12", "friendly_name": "Debian 12"}
        ],
    )
    base: Base = Field(
        description="What the build starts from, per builder; at least one of qemu, azure-arm",
        examples=[{"qemu": {"recipe": "debian-12"}}],
    )
    os_disk: OsDisk = Field(
        OsDisk(), description="The disk that the system boots from", examples=[{"size_gib": 50}]
    )
    data_disks: list[DataDisk] = Field(
        [],
        description="One VHD each, blank ones too; at most 16, as many in every version; DSK-DATA-001",
        examples=[[{"lun": 0, "size_gib": 32}, {"lun": 1, "size_gib": 4, "content": "data"}]],
    )
    steps: list[Step] = Field(
        [],
        description="What you install, in this order; each does one thing",
        examples=[[{"name": "shop", "script": "files/install.sh"}]],
    )
    settings: dict[str, dict[str, str | int | bool]] = Field(
        {},
        description="Parameters of vmoffer's own steps, by step id; `skip: true` leaves a step out",
        examples=[{"sshd": {"alive_interval": 120}}],
    )
    recommended_sizes: list[str] = Field(
        [],
        description="VM sizes that the portal offers customers first, at most 6, as ARM or Partner Center "
        "spells them; OFR-SIZE-001",
        examples=[["Standard_D2s_v5", "Standard_D4s_v5"], ["d2s-standard-v5"]],
    )
    ports: list[Port] = Field(
        [],
        description="Ports that your product needs open, at most 100; 22 and 3389 are open without it; "
        "OFR-PORT-001, OFR-PORT-002",
        examples=[[{"label": "https", "range": "443"}]],
    )
    properties: Properties = Field(
        Properties(),
        description="What you promise in Partner Center; compared with the disk; OFR-PROP-001",
        examples=[{"cloud_init": True, "accelerated_networking": True}],
    )
    build: BuildMachine = Field(
        BuildMachine(), description="The VM of the build", examples=[{"cpus": 4, "memory_mib": 4096}]
    )
    storage: Storage = Field(
        Storage(),
        description="Where the VHDs go",
        examples=[{"account": "contosovhds", "resource_group": "images"}],
    )
    gallery: Gallery | None = Field(
        None,
        description="Azure Compute Gallery that gets the version, beside the VHDs or alone; azure-arm only",
        examples=[{"resource_group": "images", "name": "marketplace", "image": "shop-basic"}],
    )
    waive: list[Waive] = Field(
        [],
        description="Rules that this plan is not held to, each with a reason; every report shows them",
        examples=[[{"rule": "LNX-SSH-001", "why": "no SSH on this appliance", "until": "2030-01-31"}]],
    )
    listing: Listing | None = Field(
        None,
        description="The offer's page in the Marketplace; when it is given, the rules LST-* judge all of it",
        examples=[{"privacy_policy": "https://contoso.com/privacy", "logos": {"large": "files/logo.png"}}],
    )

    @property
    def id(self) -> str:
        """`offer/plan`, the name commands take."""
        return f"{self.offer.id}/{self.plan.id}"

    @property
    def builders(self) -> list[Builder]:
        """The builders that have a base image."""
        have = {Builder.QEMU: self.base.qemu, Builder.AZURE_ARM: self.base.azure_arm}
        return [builder for builder, base in have.items() if base is not None]

    def disks(self, generation: Generation) -> Iterator[Disk]:
        """The OS disk, then the data disks by LUN, with the file and blob names of `generation`."""
        stem = f"{self.plan.id}-{self.version}-{generation}"
        yield Disk("os", None, self.os_disk.size_gib, f"{stem}-os.vhd")
        for data in sorted(self.data_disks, key=lambda disk: disk.lun):
            yield Disk("data", data.lun, data.size_gib, f"{stem}-data-{data.lun}.vhd", data)

    def makes_vhds(self, builder: Builder) -> bool:
        """Whether a build leaves VHDs; else there is no storage account to ask for and no SAS to make."""
        if builder is Builder.QEMU:
            return True
        return not self.build.trial and (self.gallery is None or self.gallery.vhds)

    @property
    def size_variables(self) -> dict[Generation, str]:
        """The variable of an azure-arm project that holds the VM size for each generation.

        `vm_size` is the first generation's, and that of all which take the same sizes.
        """
        first = self.build.vm_sizes(self.generations[0])
        return {
            generation: "vm_size" if self.build.vm_sizes(generation) == first else f"vm_size_{generation}"
            for generation in self.generations
        }

    @property
    def marketplace_url(self) -> str:
        """Where customers find the plan once it is live."""
        page = f"{self.publisher}.{self.offer.id}"
        return f"https://azuremarketplace.microsoft.com/marketplace/apps/{page}?tab=PlansAndPrice"

    @property
    def preview_url(self) -> str:
        """Where the preview audience deploys the plan: the offer has -PREVIEW appended until it is live."""
        return f"https://portal.azure.com/#create/{self.publisher}.{self.offer.id}-PREVIEW{self.plan.id}"

    @property
    def preview_image(self) -> str:
        """The image of the preview, as `az vm create --image` takes it."""
        return f"{self.publisher}:{self.offer.id}-PREVIEW:{self.plan.id}:{self.version}"
