"""The part of a definition that says where the image is built and where it goes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from generator.closed import Closed
from generator.generation import Generation

Several = Annotated[list[str], Field(min_length=1)]
# What a build takes where a definition names no size: small, current, and offered in every region.
DEFAULT_SIZE = {
    Generation.GEN2: "Standard_D2s_v5",
    Generation.GEN1: "Standard_D2s_v5",
    Generation.ARM64: "Standard_D2ps_v5",
}


class Network(Closed):
    """A virtual network of your own for the VM of an azure-arm build."""

    resource_group: str = Field(description="Where the network is", examples=["network"])
    name: str = Field(description="Name of the virtual network", examples=["builds"])
    subnet: str = Field(description="Name of the subnet", examples=["packer"])
    public_ip: bool = Field(
        False,
        description="The VM gets a public address, too. Otherwise Packer has to run where it sees the subnet",
        examples=[True],
    )


class BuildMachine(Closed):
    """The VM that Packer works in."""

    vm_size: str | Several | dict[Generation, str | Several] | None = Field(
        None,
        description="Size of the VM; of a list, the next where the first has no capacity; or per generation. "
        "Default: a size of two CPUs; azure-arm only",
        examples=[
            "Standard_D2s_v5",
            ["Standard_D2s_v5", "Standard_D2as_v5"],
            {"gen2": "Standard_D2s_v5", "arm64": "Standard_D2ps_v5"},
        ],
    )
    location: str | Several = Field(
        "eastus",
        description="Azure region; of a list, the next where the first has no capacity. "
        "The US copies fastest to certification; azure-arm only",
        examples=["eastus", ["eastus", "eastus2"]],
    )
    network: Network | None = Field(
        None,
        description="An existing virtual network for the build; without it, Packer makes one for each build; "
        "azure-arm only",
        examples=[{"resource_group": "network", "name": "builds", "subnet": "packer"}],
    )
    cpus: int = Field(2, ge=1, description="Virtual CPUs of the guest; qemu only", examples=[2, 4])
    memory_mib: int = Field(2048, ge=512, description="MiB, 512 or more; qemu only", examples=[2048, 4096])

    def vm_sizes(self, generation: Generation) -> list[str]:
        """The sizes to try for `generation`, in order; at least one."""
        given = self.vm_size.get(generation) if isinstance(self.vm_size, dict) else self.vm_size
        return _several(given or DEFAULT_SIZE[generation])

    @property
    def locations(self) -> list[str]:
        """The regions to try, in order; at least one."""
        return _several(self.location)


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
    """An Azure Compute Gallery image to publish a version to, beside the VHD."""

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
        description="Where the version is replicated to. Empty: the build's location",
        examples=[["eastus", "westeurope"]],
    )


def _several(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given
