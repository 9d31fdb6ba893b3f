"""What is known of VM sizes and of Azure's own images: `vm_sizes.toml`, `base_images.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from generator.base_image import MarketplaceImage
from generator.generation import Generation
from generator.vm_sizes import arm_name


@dataclass(frozen=True)
class Size:
    """A VM size: what boots on it and what it has. `page` and `dated` say where that is from."""

    name: str
    architecture: Literal["x64", "arm64"]
    temporary_disk: Literal["none", "scsi", "nvme"]
    controllers: tuple[str, ...]
    data_disks: int
    page: str
    dated: str

    def boots(self, generation: Generation) -> bool:
        """Whether an image of `generation` is for this size's processor."""
        return (self.architecture == "arm64") == (generation is Generation.ARM64)


def size(name: str) -> Size | None:
    """The size of that name in either spelling; None for one that is not in the table."""
    arm = arm_name(name)
    return sizes().get(arm.lower()) if arm else None


@cache
def sizes() -> dict[str, Size]:
    """All sizes that are known, by ARM's name in lower case."""
    found = {}
    for series in _table("vm_sizes.toml")["series"].values():
        common = {key: value for key, value in series.items() if key not in ("data_disks", "controllers")}
        for count, names in series["data_disks"].items():
            for name in names:
                found[name.lower()] = Size(
                    name, data_disks=int(count), controllers=tuple(series["controllers"]), **common
                )
    return found


def os_disk_gib(image: MarketplaceImage, generation: Generation) -> int | None:
    """The size of an image's OS disk in GiB; None for one that is not in the table."""
    sku = image.sku if isinstance(image.sku, str) else image.sku.get(generation, "")
    said = {"publisher": image.publisher, "offer": image.offer, "sku": sku}
    for row in _table("base_images.toml")["image"]:
        if all(re.fullmatch(row[key], text, re.IGNORECASE) for key, text in said.items()):
            return int(row["gib"])
    return None


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("generator").joinpath(name).read_text(encoding="utf-8"))
