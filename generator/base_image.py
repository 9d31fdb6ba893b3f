"""The part of a definition that the build starts from: a base image per builder."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from generator.closed import Closed, OneOf
from generator.generation import Generation

GALLERIES = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/images"
    "/providers/Microsoft.Compute/galleries"
)
IMAGE_ID = (
    r"^(/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/galleries/[^/]+/images/[^/]+"
    r"/versions/[^/]+|/([cC]ommunity|[sS]hared)[gG]alleries/[^/]+/[iI]mages/[^/]+(/[vV]ersions/[^/]+)?)$"
)
NO_URL = {
    "allowed": "marketplace, gallery or id: since 2.5 the azure plugin cannot start from a VHD blob. "
    "Import the VHD into a gallery (az sig image-version create --os-vhd-uri …) and name that as gallery"
}


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


class PurchasePlan(Closed):
    """The purchase plan that an image was made under; a copy of the image in a gallery keeps it."""

    publisher: str = Field(description="As `az vm image show` shows it under plan", examples=["redhat"])
    product: str = Field(description="As `az vm image show` shows it under plan", examples=["rh-rhel"])
    name: str = Field(description="As `az vm image show` shows it under plan", examples=["rh-rhel9"])
    promotion_code: str | None = Field(
        None, description="A code that the image's publisher gave you", examples=["SPRING"]
    )


class AzureBase(OneOf):
    """What an azure-arm build starts from: exactly one of marketplace, gallery, id."""

    choices = ("marketplace", "gallery", "id")

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
    id: str | None = Field(
        None,
        pattern=IMAGE_ID,
        description="Resource id of an image in a gallery: yours with a version, a community one, "
        "or one shared with you",
        examples=[
            f"{GALLERIES}/golden/images/debian-12/versions/1.0.0",
            "/communityGalleries/golden-00000000/images/debian-12/versions/latest",
            "/sharedGalleries/00000000-golden/images/debian-12/versions/latest",
        ],
    )
    plan: PurchasePlan | None = Field(
        None,
        description="The purchase plan that a gallery's image was made under; accept its terms first",
        examples=[{"publisher": "redhat", "product": "rh-rhel", "name": "rh-rhel9"}],
    )

    @model_validator(mode="before")
    @classmethod
    def _no_url(cls, data: Any) -> Any:
        if isinstance(data, dict) and "url" in data:
            raise PydanticCustomError("withdrawn", "url, which no build can start from", NO_URL)
        return data

    @model_validator(mode="after")
    def _one_plan(self) -> AzureBase:
        if self.plan and self.marketplace:
            raise ValueError(
                "plan is for images in galleries; for an image of the Marketplace write plan: true"
            )
        return self

    @property
    def id_option(self) -> str | None:
        """The option of Packer's block shared_image_gallery that takes `id`."""
        if self.id is None:
            return None
        first = self.id.split("/")[1].lower()
        return {
            "communitygalleries": "community_gallery_image_id",
            "sharedgalleries": "direct_shared_gallery_image_id",
        }.get(first, "id")


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
        description="For builds in Azure; exactly one of marketplace, gallery, id",
        examples=[{"marketplace": {"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2"}}],
    )

    @model_validator(mode="after")
    def _some(self) -> Base:
        if self.qemu is None and self.azure_arm is None:
            raise ValueError("a base needs qemu, azure-arm or both")
        return self
