"""Which account and container a command works on: as given, else the SKU's, else the defaults."""

from __future__ import annotations

from generator.model import Storage


def storage(sku: str | None, container: str | None) -> Storage:
    """The storage of `sku` (a name or a path), with `container` instead of its own if given."""
    from generator import catalogue

    place = catalogue.find(sku).sku.storage if sku else Storage()
    return place.model_copy(update={"container": container}) if container else place
