"""The part of a definition that says where the image goes: page blobs and a gallery."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from generator.closed import Closed


class Storage(Closed):
    """Where the VHDs go."""

    container: str = Field(
        "vhds",
        description="Blob container. `vmoffer upload` makes a missing one; azure-arm needs one that exists",
        examples=["vhds"],
    )
    account: str | None = Field(
        None, description="Storage account; without it, the local store", examples=["contosovhds"]
    )
    resource_group: str | None = Field(
        None, description="The account's resource group; azure-arm needs it", examples=["images"]
    )


class Gallery(Closed):
    """An Azure Compute Gallery image to publish a version to, beside the VHDs or instead of them."""

    resource_group: str = Field(description="Where the gallery is", examples=["images"])
    name: str = Field(description="Name of the gallery", examples=["marketplace"])
    image: str = Field(
        description="Image definition of the first generation, which exists already; "
        "for the others `-gen1`, `-arm64` … is added",
        examples=["shop-basic"],
    )
    subscription: str | None = Field(
        None,
        description="Id of the gallery's subscription. Without it: the build's",
        examples=["00000000-0000-0000-0000-000000000000"],
    )
    regions: list[str] = Field(
        [],
        description="Where the version is replicated to; the region of the build is always one of them",
        examples=[["eastus", "westeurope"]],
    )
    replicas: int = Field(
        1,
        ge=1,
        le=100,
        description="Copies in each region, 1-100; more serve more VMs at once",
        examples=[1, 3],
    )
    vhds: bool = Field(
        True,
        description="VHDs are made as well; false: the gallery version alone, no storage account, no SAS",
        examples=[True, False],
    )
    exclude_from_latest: bool = Field(
        False,
        description="VMs that ask for the latest version do not get this one",
        examples=[True],
    )
    end_of_life: date | None = Field(
        None,
        description="Day on which the gallery shows the version as obsolete; VMs can still be made of it",
        examples=["2030-12-31"],
    )
