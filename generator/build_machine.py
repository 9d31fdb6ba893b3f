"""The part of a definition that says which machine Packer works in, and what is around it."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import Field, model_validator

from generator.closed import Closed
from generator.generation import Generation

Several = Annotated[list[str], Field(min_length=1)]
# What a build takes where a definition names no size: small, current, and offered in every region.
DEFAULT_SIZE = {
    Generation.GEN2: "Standard_D2s_v5",
    Generation.GEN1: "Standard_D2s_v5",
    Generation.ARM64: "Standard_D2ps_v5",
}
MAX_TAGS = 45  # Azure takes 50; one is the project, four are the base image's purchase plan
IDENTITY = (
    r"^/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/"
    r"Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+$"
)
EXAMPLE = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/images/providers"


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


class Spot(Closed):
    """A machine that Azure may take away, for less money."""

    eviction: Literal["delete", "deallocate"] = Field(
        "delete", description="What becomes of the machine when Azure takes it away", examples=["delete"]
    )
    max_price: float | None = Field(
        None,
        gt=0,
        description="US dollars an hour, at most. Without it: up to the regular price",
        examples=[0.05],
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
    resource_group: str | None = Field(
        None,
        description="An existing resource group in build.location; without it, Packer makes one "
        "and deletes it; azure-arm only",
        examples=["image-builds"],
    )
    allowed_inbound: list[str] = Field(
        [],
        description="Addresses or ranges that Packer connects from; VMOFFER_ALLOWED_INBOUND comes first. "
        "Not with network; azure-arm only",
        examples=[["203.0.113.7", "198.51.100.0/24"]],
    )
    key_vault: str | None = Field(
        None,
        description="An existing key vault in build.resource_group for the machine's certificate or key; "
        "azure-arm only",
        examples=["image-builds"],
    )
    skip_key_vault: bool = Field(
        False,
        description="No key vault: the base image has WinRM ready by itself; Windows on azure-arm only",
        examples=[True],
    )
    winrm_expiration: str | None = Field(
        None,
        pattern=r"^([1-9][0-9]*[hms])+$",
        description="How long the machine's WinRM certificate is valid, such as 24h or 1h30m; "
        "Windows on azure-arm only",
        examples=["24h", "1h30m"],
    )
    identities: list[Annotated[str, Field(pattern=IDENTITY)]] = Field(
        [],
        description="Resource ids of managed identities that your steps may use; azure-arm only",
        examples=[[f"{EXAMPLE}/Microsoft.ManagedIdentity/userAssignedIdentities/installer"]],
    )
    spot: Spot | None = Field(
        None,
        description="A cheaper machine that Azure may take away; azure-arm only",
        examples=[{"eviction": "delete", "max_price": 0.05}],
    )
    tags: dict[str, str] = Field(
        {},
        max_length=MAX_TAGS,
        description="Tags of all that the build makes in Azure, at most 45; azure-arm only",
        examples=[{"cost-center": "1234", "team": "images"}],
    )
    trial: bool = Field(
        False,
        description="The steps run and nothing is kept: no VHD, no gallery version; azure-arm only",
        examples=[True],
    )
    cpus: int = Field(2, ge=1, description="Virtual CPUs of the guest; qemu only", examples=[2, 4])
    memory_mib: int = Field(2048, ge=512, description="MiB, 512 or more; qemu only", examples=[2048, 4096])

    @model_validator(mode="after")
    def _together(self) -> BuildMachine:
        if self.network and self.allowed_inbound:
            raise ValueError("allowed_inbound or network: in a network of your own, its rules decide")
        if self.key_vault and not self.resource_group:
            raise ValueError("key_vault needs resource_group: the vault has to be in the build's own")
        if self.key_vault and self.skip_key_vault:
            raise ValueError("key_vault or skip_key_vault")
        if self.resource_group and len(self.locations) > 1:
            raise ValueError("one location with resource_group: the region that the group is in")
        for given in self.allowed_inbound:
            if not _address(given):
                raise ValueError(
                    f"allowed_inbound: {given!r} is no address and no range such as 203.0.113.0/24"
                )
        return self

    def vm_sizes(self, generation: Generation) -> list[str]:
        """The sizes to try for `generation`, in order; at least one."""
        given = self.vm_size.get(generation) if isinstance(self.vm_size, dict) else self.vm_size
        return _several(given or DEFAULT_SIZE[generation])

    @property
    def locations(self) -> list[str]:
        """The regions to try, in order; at least one."""
        return _several(self.location)


def _several(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _address(text: str) -> bool:
    """Whether `text` is an address or a range, as Go's net.ParseIP and net.ParseCIDR read them."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    prefix = text.partition("/")[2]
    return "/" not in text or prefix.isdigit()
