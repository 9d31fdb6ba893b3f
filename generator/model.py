"""The SKU definition: one Azure Marketplace plan, from its names to its disks.

The model says what a definition may *hold* (types, shapes, unknown keys refused). Whether the
values are acceptable to the Marketplace is for the rules (`generator.lint`): `version: "1.2"` is a
readable definition that breaks OFR-VER-001, `version: [1]` is not a definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import Field, model_validator

from generator.closed import Closed as Closed
from generator.generation import Generation as Generation
from generator.listing import Listing

_M = TypeVar("_M", bound=Closed)


class Builder(StrEnum):
    """Which Packer builder makes the image."""

    QEMU = "qemu"
    AZURE_ARM = "azure-arm"


Caching = Literal["none", "read-only", "read-write"]
Distribution = Literal[
    "debian", "ubuntu", "rhel", "alma", "rocky", "oracle", "centos", "fedora",
    "sles", "opensuse", "azurelinux", "windows-server", "other",
]  # fmt: skip


class Offer(Closed):
    """The parent of plans in Partner Center (seed 1.1)."""

    id: str = Field(description="Offer id, visible in the URL; OFR-ID-001", examples=["demo"])
    title: str = Field(description="Name customers read; LST-NAME-001", examples=["Demo server"])
    summary: str = Field("", description="Search summary; LST-SUM-001")


class Plan(Closed):
    """What a customer picks and deploys (seed 1.2)."""

    id: str = Field(description="Plan id, visible in the URL; OFR-ID-001", examples=["debian-12"])
    title: str = Field(description="Name customers read in the list of plans")
    summary: str = Field(description="What the plan is for, in a sentence for people")
    alias: str = Field("", description="Name that only you see in Partner Center; OFR-ID-001")


class OperatingSystem(Closed):
    """Seed 5.3 and OFR-OS-001: what the OS disk holds."""

    family: Literal["linux", "windows"]
    distribution: Distribution
    version: str = Field(description="As the distribution writes it", examples=["12", "24.04", "2022"])
    friendly_name: str = Field(description="1-100 characters for people; OFR-OS-001")


class MarketplaceImage(Closed):
    """An image that Azure offers, named the way `az vm image list` does."""

    publisher: str
    offer: str
    sku: str | dict[Generation, str] = Field(description="One SKU, or one per generation")
    version: str = "latest"
    plan: bool = Field(False, description="The image has a purchase plan; accept its terms before the build")

    def sku_for(self, generation: Generation) -> str:
        """The image SKU that `generation` starts from."""
        return self.sku if isinstance(self.sku, str) else self.sku[generation]


class GalleryImage(Closed):
    """A version in an Azure Compute Gallery."""

    subscription: str | None = Field(None, description="Default: the subscription of the build")
    resource_group: str
    gallery: str
    image: str
    version: str = "latest"


class AzureBase(Closed):
    """What an azure-arm build starts from: exactly one of three."""

    marketplace: MarketplaceImage | None = None
    gallery: GalleryImage | None = None
    url: str | None = Field(None, description="VHD blob in the build's region")

    @model_validator(mode="after")
    def _one(self) -> AzureBase:
        return _exactly_one(self, "marketplace", "gallery", "url")


class QemuBase(Closed):
    """What a qemu build starts from: exactly one of a file, a URL or a recipe."""

    file: str | None = Field(None, description="Disk image, relative to the definition")
    url: str | None = Field(None, description="Disk image; needs sha256")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    recipe: str | None = Field(None, description="A base image vmoffer makes itself", examples=["debian-12"])

    @model_validator(mode="after")
    def _one(self) -> QemuBase:
        if self.url and not self.sha256:
            raise ValueError("a base url needs its sha256")
        return _exactly_one(self, "file", "url", "recipe")


class Base(Closed):
    """The base image per builder; at least one."""

    qemu: QemuBase | None = None
    azure_arm: AzureBase | None = Field(None, alias="azure-arm")

    @model_validator(mode="after")
    def _some(self) -> Base:
        if self.qemu is None and self.azure_arm is None:
            raise ValueError("a base needs qemu, azure-arm or both")
        return self


class OsDisk(Closed):
    size_gib: int = Field(30, ge=1, description="GiB; DSK-SIZE-002, DSK-SIZE-003")
    caching: Caching = "read-write"


class DataDisk(Closed):
    """One VHD, blank unless `content` or `image` fills it (seed 1, 2.1; DSK-DATA-001)."""

    lun: int = Field(ge=0, description="Logical unit number; 0, 1, 2 … without gaps")
    size_gib: int = Field(ge=1, description="GiB; DSK-SIZE-005")
    caching: Caching = "none"
    content: str | None = Field(None, description="File or folder to put on one ext4 partition")
    image: str | None = Field(None, description="Disk image (raw, qcow2, vhd, vhdx) to take as it is")
    label: str = Field("data", pattern=r"^[A-Za-z0-9._-]{1,16}$", description="File system label")

    @model_validator(mode="after")
    def _one(self) -> DataDisk:
        if self.content and self.image:
            raise ValueError("a data disk takes content or image, not both")
        return self

    @property
    def blank(self) -> bool:
        """A disk nobody fills: the builder attaches it, so install steps may use it."""
        return self.content is None and self.image is None


class FileUpload(Closed):
    source: str = Field(description="File or folder, relative to the definition")
    destination: str = Field(description="Absolute path in the guest")


class Step(Closed):
    """One of the publisher's own provisioner steps: exactly one of script, inline, file."""

    name: str | None = None
    script: str | None = Field(None, description="Script file, relative to the definition")
    inline: list[str] | None = Field(None, min_length=1)
    file: FileUpload | None = None
    env: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(default_factory=dict)
    when: Literal["before-prepare", "before-generalize"] = "before-generalize"

    @model_validator(mode="after")
    def _one(self) -> Step:
        return _exactly_one(self, "script", "inline", "file")


class Port(Closed):
    """OFR-PORT-001."""

    label: str
    range: str = Field(description="`443` or `8000-8010`")
    protocol: Literal["tcp", "udp", "both"] = "tcp"


class Properties(Closed):
    """What the plan promises in Partner Center; compared with the disk (OFR-PROP-001)."""

    extensions: bool = True
    backup: bool = False
    accelerated_networking: bool = False
    network_virtual_appliance: bool = False
    nvme: bool = False
    cloud_init: bool = False
    aad_login: bool = False
    hibernation: bool = False
    remote_connection: bool = Field(True, description="SSH or RDP is open to the customer")
    custom_arm_template: bool = False
    trusted_launch: bool = False


class BuildMachine(Closed):
    """The VM that Packer works in."""

    vm_size: str = "Standard_D2s_v5"
    location: str = Field("eastus", description="A US region copies fastest to certification (seed 3.2)")
    cpus: int = Field(2, ge=1, description="qemu only")
    memory_mib: int = Field(2048, ge=512, description="MiB; qemu only")


class Storage(Closed):
    """Where the VHDs go."""

    container: str = "vhds"
    account: str | None = Field(None, description="Storage account; without it, the local store")
    resource_group: str | None = Field(None, description="The account's group; azure-arm needs it")


class Gallery(Closed):
    """An Azure Compute Gallery image to publish a version to, beside the VHD."""

    resource_group: str
    name: str
    image: str
    subscription: str | None = None
    regions: list[str] = Field(default_factory=list, description="Default: the build's location")


@dataclass(frozen=True)
class Disk:
    """One VHD of one image of the plan: what it is called and what it holds."""

    role: Literal["os", "data"]
    lun: int | None
    size_gib: int
    filename: str
    data: DataDisk | None = None


class Sku(Closed):
    """A plan and everything needed to build it; the buildable unit `offer/plan`."""

    publisher: str = Field(description="Publisher id in Partner Center", examples=["contoso"])
    offer: Offer
    plan: Plan
    version: str = Field(description="Image version X.Y.Z; OFR-VER-001", examples=["1.0.0"])
    published: list[str] = Field(default_factory=list, description="Versions before this one; OFR-VER-001")
    generations: list[Generation] = Field(default_factory=lambda: [Generation.GEN2], min_length=1)
    os: OperatingSystem
    base: Base
    os_disk: OsDisk = Field(default_factory=OsDisk)
    data_disks: list[DataDisk] = Field(default_factory=list)
    steps: list[Step] = Field(default_factory=list)
    settings: dict[str, dict[str, str | int | bool]] = Field(
        default_factory=dict, description="Parameters of vmoffer's own provisioner steps, by step id"
    )
    recommended_sizes: list[str] = Field(default_factory=list, description="At most 6; OFR-SIZE-001")
    ports: list[Port] = Field(default_factory=list)
    properties: Properties = Field(default_factory=Properties)
    build: BuildMachine = Field(default_factory=BuildMachine)
    storage: Storage = Field(default_factory=Storage)
    gallery: Gallery | None = None
    listing: Listing | None = Field(None, description="The offer's page in the Marketplace; rules LST-*")

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

    @property
    def marketplace_url(self) -> str:
        """Where customers find the plan once it is live (seed 1, in today's form)."""
        page = f"{self.publisher}.{self.offer.id}"
        return f"https://azuremarketplace.microsoft.com/marketplace/apps/{page}?tab=PlansAndPrice"

    @property
    def preview_url(self) -> str:
        """Where the preview audience deploys the plan (seed 1, in today's form)."""
        return f"https://portal.azure.com/#create/{self.publisher}.{self.offer.id}{self.plan.id}"


def _exactly_one(model: _M, *names: str) -> _M:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(names)}; found {', '.join(given) or 'none'}")
    return model
