"""A storage account, as Azure Resource Manager knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from generator.errors import Unusable

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from vmoffer.azure.arm import Arm

VERSION = "2023-01-01"  # of the API, as the plugin uses it (storage/2023-01-01/storageaccounts)
RETRIES: dict[str, Any] = {"retry_total": 3}


def path(group: str, account: str) -> str:
    """Where the account is, below the subscription."""
    return f"resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{account}"


def container(arm: Arm, group: str, account: str, name: str) -> ContainerClient:
    """The container, with the token that the plugin copies with. Raises Unusable for a missing account.

    Its URL comes from the account, as the plugin takes it: not every account is below blob.core.windows.net.
    """
    from azure.storage.blob import ContainerClient

    place = path(group, account)
    found = arm.get(place, VERSION)
    if found is None:
        raise Unusable(
            "there is no such storage account in the build's subscription",
            where=place,
            hint="storage: {account, resource_group} of the definition, or ARM_SUBSCRIPTION_ID",
        )
    base = str(found["properties"]["primaryEndpoints"]["blob"]).rstrip("/")
    return ContainerClient(base, name, credential=arm.credential, **RETRIES)
