"""Which account and container a command works on: as given, else the SKU's, else the defaults."""

from __future__ import annotations

from typing import NamedTuple


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
