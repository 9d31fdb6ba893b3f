"""Which account and container a command works on: as given, else the SKU's, else the defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

# Whoever sets one of these has a store of their own.
OWN_STORE = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT")


class Place(NamedTuple):
    """A container, and its account; without one, the environment names it or the local store is meant."""

    container: str
    account: str | None


def storage(sku: str | None, container: str | None) -> Place:
    """The storage of `sku` (a name or a path), with `container` instead of its own if given."""
    if sku is None:
        return Place(container or "vhds", None)
    from generator import catalogue

    place = catalogue.find(sku).sku.storage
    return Place(container or place.container, place.account)


def credentials(place: Place) -> Mapping[str, str]:
    """The environment; with the store of this machine, if it runs and `place` means no account elsewhere."""
    if place.account or any(name in os.environ for name in OWN_STORE):
        return os.environ
    from tools import azurite

    known = azurite.status()
    if known is None or not known.running:
        return os.environ
    if "/" in place.container and not place.container.startswith(f"{known.blob_endpoint}/"):
        return os.environ
    return {**os.environ, "AZURE_STORAGE_CONNECTION_STRING": known.connection_string}
