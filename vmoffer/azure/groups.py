"""Temporary resource groups, by the names that we gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.errors import VmofferError
from vmoffer.console import say

if TYPE_CHECKING:
    from vmoffer.azure.arm import Arm

VERSION = "2022-09-01"  # of the API, as the plugin uses it (resources/2022-09-01/resourcegroups)


def name(build_name: str, generation: str) -> str:
    """The group of one generation, as the project names it."""
    return f"{build_name}-{generation}"


def remove(arm: Arm, groups: list[str]) -> None:
    """Begin to delete those of `groups` that are there still; the plugin removes them itself when it can.

    Raises nothing: how the build ended is what counts.
    """
    for group in groups:
        path = f"resourcegroups/{group}"
        try:
            if arm.get(path, VERSION) is not None:
                say(f"vmoffer: the resource group {group} was left behind; it is being removed")
                arm.delete(path, VERSION, wait=False)
        except VmofferError as error:
            say(f"vmoffer: {error.what}; if it is there still: az group delete --name {group}")
