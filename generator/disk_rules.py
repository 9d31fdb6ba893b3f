"""What the Marketplace asks of the disks that a definition plans."""

from __future__ import annotations

from collections.abc import Iterator

from generator.breach import Breach
from generator.limits import Limits
from generator.load import FieldPath
from generator.model import Generation, Sku

ADVISED_LINUX_GIB = range(30, 51)  # DSK-SIZE-002
MAX_DATA_DISKS = 16  # DSK-DATA-001


def sizes(sku: Sku, limits: Limits) -> Iterator[Breach]:
    size, field = sku.os_disk.size_gib, ("os_disk", "size_gib")
    if sku.os.family == "windows":
        if size not in limits.windows_gib:
            fix = f"choose {_span(limits.windows_gib)} GiB for a Windows OS disk"
            yield Breach("DSK-SIZE-003", field, f"{size} GiB", fix)
    elif size not in limits.linux_gib:
        fix = f"choose {_span(limits.linux_gib)} GiB for a Linux OS disk"
        yield Breach("DSK-SIZE-002", field, f"{size} GiB", fix)
    elif size not in ADVISED_LINUX_GIB:
        fix = "30-50 GiB is advised for a Linux OS disk; customers can grow it"
        yield Breach("DSK-SIZE-002", field, f"{size} GiB", fix, "warn")
    for index, disk in enumerate(sku.data_disks):
        if disk.size_gib > limits.data_gib:
            where: FieldPath = ("data_disks", index, "size_gib")
            yield Breach(
                "DSK-SIZE-005", where, f"{disk.size_gib} GiB", f"choose at most {limits.data_gib} GiB"
            )


def luns(sku: Sku, limits: Limits) -> Iterator[Breach]:
    given = [disk.lun for disk in sku.data_disks]
    if len(given) > MAX_DATA_DISKS:
        fix = f"ship at most {MAX_DATA_DISKS} data disks"
        yield Breach("DSK-DATA-001", ("data_disks",), f"{len(given)} data disks", fix)
    for index, lun in enumerate(given):
        if lun in given[:index]:
            fix = "give every data disk its own LUN"
            yield Breach("DSK-DATA-001", ("data_disks", index, "lun"), f"LUN {lun} a second time", fix)
        elif lun >= MAX_DATA_DISKS >= len(given):
            fix = f"use LUNs 0 to {MAX_DATA_DISKS - 1}"
            yield Breach("DSK-DATA-001", ("data_disks", index, "lun"), f"LUN {lun}", fix)
    distinct = sorted(set(given))
    if limits.lun_gaps or not submits_vhds(sku):
        return
    if distinct != list(range(len(distinct))):
        fix = "number LUNs 0, 1, 2 … without gaps"
        yield Breach("DSK-DATA-001", ("data_disks",), f"LUNs {', '.join(map(str, distinct))}", fix)


def submits_vhds(sku: Sku) -> bool:
    """Whether Partner Center gets SAS URIs, whose LUNs are in sequence; those of a gallery need not be."""
    return sku.gallery is None or sku.gallery.vhds


def base_images(sku: Sku, limits: Limits) -> Iterator[Breach]:
    market = sku.base.azure_arm.marketplace if sku.base.azure_arm else None
    if market is None or isinstance(market.sku, dict) or len(set(sku.generations)) < 2:
        return
    field = ("base", "azure-arm", "marketplace", "sku")
    rule = "DSK-GEN-003" if Generation.ARM64 in sku.generations else "DSK-GEN-001"
    found = f"one base image {market.sku!r} for {', '.join(sku.generations)}"
    yield Breach(rule, field, found, "an image is made for one generation: give one SKU per generation")


def _span(sizes: range) -> str:
    return f"{sizes[0]}-{sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
