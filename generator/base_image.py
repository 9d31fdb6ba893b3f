"""The part of a definition that the build starts from: a base image per builder."""

from __future__ import annotations

from pydantic import ConfigDict, Field, model_validator

from generator.closed import Closed, OneOf
from generator.generation import Generation


class MarketplaceImage(Closed):
    """An image that Azure offers, named the way `az vm image list` does."""

    publisher: str = Field(description="As `az vm image list` shows it", examples=["Debian"])
    offer: str = Field(description="As `az vm image list` shows it", examples=["debian-12"])
    sku: str | dict[Generation, str] = Field(
        description="One SKU, or one per generation; DSK-GEN-001",
        examples=["12-gen2", {"gen2": "12-gen2", "gen1": "12"}],
    )
    version: str = Field(
        "latest", description="A version of the image, or the newest", examples=["latest", "0.20250316.2053"]
    )
    plan: bool = Field(
        False,
        description="The image has a purchase plan. Accept its terms before the build: "
        "`az vm image terms accept`",
        examples=[True],
    )

    def sku_for(self, generation: Generation) -> str:
        """The image SKU that `generation` starts from."""
        return self.sku if isinstance(self.sku, str) else self.sku[generation]


class GalleryImage(Closed):
    """A version in an Azure Compute Gallery."""

    subscription: str | None = Field(
        None,
        description="Id of the gallery's subscription. Without it: the build's",
        examples=["00000000-0000-0000-0000-000000000000"],
    )
    resource_group: str = Field(description="Where the gallery is", examples=["images"])
    gallery: str = Field(description="Name of the gallery", examples=["golden"])
    image: str = Field(description="Name of the image definition", examples=["debian-12"])
    version: str = Field(
        "latest", description="A version of the image, or the newest", examples=["latest", "1.0.0"]
    )


class AzureBase(OneOf):
    """What an azure-arm build starts from: exactly one of marketplace, gallery, url."""

    choices = ("marketplace", "gallery", "url")

    marketplace: MarketplaceImage | None = Field(
        None,
        description="An image that Azure offers",
        examples=[{"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2"}],
    )
    gallery: GalleryImage | None = Field(
        None,
        description="A version in an Azure Compute Gallery",
        examples=[{"resource_group": "images", "gallery": "golden", "image": "debian-12"}],
    )
    url: str | None = Field(
        None,
        description="A VHD blob in the build's region; without a SAS, since it is written into the project",
        examples=["https://contoso.blob.core.windows.net/bases/debian-12.vhd"],
    )


class QemuBase(OneOf):
    """What a qemu build starts from: exactly one of file, url, recipe."""

    choices = ("file", "url", "recipe")
    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"url": ["sha256"]}})

    file: str | None = Field(
        None,
        description="Disk image, relative to the definition",
        examples=["files/debian-12.qcow2"],
    )
    url: str | None = Field(
        None,
        description="Disk image that Packer downloads; needs sha256",
        examples=["https://images.contoso.com/debian-12.qcow2"],
    )
    sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="Checksum of what url serves, 64 hex digits",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    recipe: str | None = Field(
        None,
        description="A base image that vmoffer makes itself, from packages",
        examples=["debian-12", "debian-13"],
    )

    @model_validator(mode="after")
    def _checked(self) -> QemuBase:
        if self.url and not self.sha256:
            raise ValueError("a base url needs its sha256")
        return self


class Base(Closed):
    """The base image per builder; at least one."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    qemu: QemuBase | None = Field(
        None,
        description="For builds on your machine; exactly one of file, url, recipe",
        examples=[{"recipe": "debian-12"}],
    )
    azure_arm: AzureBase | None = Field(
        None,
        alias="azure-arm",
        description="For builds in Azure; exactly one of marketplace, gallery, url",
        examples=[{"marketplace": {"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2"}}],
    )

    @model_validator(mode="after")
    def _some(self) -> Base:
        if self.qemu is None and self.azure_arm is None:
            raise ValueError("a base needs qemu, azure-arm or both")
        return self
