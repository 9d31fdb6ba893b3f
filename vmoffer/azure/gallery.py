"""Versions in an Azure Compute Gallery: is one there, and which project is it of?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.errors import Unusable

if TYPE_CHECKING:
    from generator.model import Generation, Sku
    from vmoffer.azure.arm import Arm

VERSION = "2023-07-03"  # of the API, as the plugin uses it (compute/2023-07-03/galleryimageversions)
TAG = "vmoffer-project"  # the plugin gives `azure_tags` to the version


@dataclass(frozen=True)
class Image:
    """An image definition of a gallery, in its subscription."""

    subscription: str | None
    group: str
    gallery: str
    name: str

    @property
    def path(self) -> str:
        """Below the subscription."""
        return (
            f"resourceGroups/{self.group}/providers/Microsoft.Compute/galleries/{self.gallery}"
            f"/images/{self.name}"
        )


@dataclass(frozen=True)
class Version:
    """An image version that is there. `project`: the digest of what it was built from, if that is known."""

    path: str
    project: str | None
    succeeded: bool


def image_of(sku: Sku, generation: Generation) -> Image | None:
    """The image definition that `generation` is published to."""
    from generator.render import gallery_image

    if sku.gallery is None:
        return None
    name = gallery_image(sku, generation)
    return Image(sku.gallery.subscription, sku.gallery.resource_group, sku.gallery.name, name)


def find(arm: Arm, image: Image, version: str) -> Version | None:
    """The version, or None. Raises Unusable where the gallery has no such image definition."""
    if arm.get(image.path, VERSION, image.subscription) is None:
        raise Unusable(
            "there is no such image definition in the gallery",
            where=image.path,
            hint="az sig image-definition create, see docs/how-to/gallery.md",
        )
    path = f"{image.path}/versions/{version}"
    found = arm.get(path, VERSION, image.subscription)
    if found is None:
        return None
    state = found.get("properties", {}).get("provisioningState")
    return Version(path, (found.get("tags") or {}).get(TAG), state == "Succeeded")


def delete(arm: Arm, image: Image, version: str) -> None:
    """Remove the version, and wait until it is gone."""
    arm.delete(f"{image.path}/versions/{version}", VERSION, image.subscription)
