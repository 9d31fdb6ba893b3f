"""A Packer template with the azure-arm builder as a SKU definition, and what could not be carried over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from generator.generation import Generation
from generator.hcl_blocks import Attribute, Block
from generator.hcl_values import first_unknown
from generator.marketplace import System, find, systems
from generator.packer_template import Template

BLOCKS = ("shared_image_gallery", "shared_image_gallery_destination", "plan_info", "spot")
CACHING = {"none": "none", "readonly": "read-only", "readwrite": "read-write"}
# Options whose value is written another way in a definition.
REWRITTEN: dict[str, Callable[[str], str]] = {
    "disk_caching_type": lambda value: CACHING.get(value.lower(), value),
    "shared_gallery_image_version_end_of_life_date": lambda value: value[:10],
    "spot.eviction_policy": str.lower,
}
GENERATIONS = {Generation.ARM64: "arm64|aarch64", Generation.GEN2: "gen-?2|-g2|gensecond"}


@dataclass(frozen=True)
class Left:
    """Something of the template that the definition has not: where it is, what, and what to do about it."""

    file: str
    line: int
    what: str
    todo: str

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}: {self.what}: {self.todo}"
        return "".join(char if char.isprintable() else "·" for char in text)


@dataclass
class Import:
    """What is read of a template: fields of the definition so far, and what is left."""

    template: Template
    data: dict[str, Any] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    taken: set[tuple[str, int, str]] = field(default_factory=set)
    listed: set[tuple[str, int]] = field(default_factory=set)

    def value(self, block: Block, attribute: Attribute, todo: str) -> Any:
        """The attribute's value, or None and a line about it."""
        value = self.template.scope.value(attribute)
        unknown = first_unknown(value)
        if unknown is None:
            self.take(block, attribute.line, attribute.name)
            return value
        self.leave(block, attribute.line, attribute.name, f"not copied ({unknown.why}); {todo}")
        return None

    def leave(self, block: Block, line: int, what: str, todo: str) -> None:
        """Note what is not carried over."""
        self.left.append(Left(block.file.name, line, what, todo))
        self.listed.add((block.file.name, line))

    def take(self, block: Block, line: int, what: str) -> None:
        """Note what is carried over: an attribute, or a block by its kind."""
        self.taken.add((block.file.name, line, what))

    def put(self, path: str, value: Any) -> None:
        """Set a field, named with dots."""
        *parents, last = path.split(".")
        at = self.data
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value


# Packer decodes into Go's zero values, so an empty one is as good as none; so are defaults of many variables.
UNSET: tuple[object, ...] = (None, "", [], {})


def carry(found: Import, block: Block, system: str | None) -> None:
    """The options of the builder into `found`; `system` is a name of systems.yaml, if one was given."""
    table, values = _table(), {}
    block = block.with_blocks(BLOCKS)
    for owner, name, attribute in _options(block):
        if name in table["secret"]:
            found.leave(
                owner, attribute.line, name, "not read; credentials come from the environment (ARM_…)"
            )
        elif name in table["carried"]:
            target = table["carried"][name]
            value = found.value(owner, attribute, f"write {target} yourself")
            if value not in (None, ""):
                rewrite = REWRITTEN.get(name)
                found.put(target, rewrite(str(value)) if rewrite else value)
        elif name.split(".")[0] in table["combined"]:
            values[name] = found.value(owner, attribute, "see to it yourself")
            if name in BLOCKS and values[name] is not None:
                found.leave(owner, attribute.line, name, "no block and no object; see to it yourself")
        elif found.template.scope.value(attribute) in UNSET:
            found.take(owner, attribute.line, attribute.name)  # there is nothing to carry over
        elif name not in table["covered"]:
            todo = table["listed"].get(name) or table["listed"].get(name.split(".")[0])
            found.leave(owner, attribute.line, name, todo or "a definition has no field for it")
    for inner in block.blocks:
        known = inner.kind in (*table["combined"], *table["covered"])
        if not known or any(one.kind != "target_region" for one in inner.blocks):
            todo = table["listed"].get(inner.kind, "a definition has no field for it")
            found.leave(inner, inner.line, " ".join([inner.kind, *inner.labels]), todo)
    _disks(found, block, values)
    _gallery(found, block)
    _tags(found, block)
    _system(found, block, values, system)
    _plan(found, block, values)
    _security(found, block, values)
    if values.get("disk_controller_type") == "NVMe":
        found.put("properties.nvme", True)


def _security(found: Import, block: Block, values: dict[str, Any]) -> None:
    """Trusted launch is a field; half of it, or another kind of machine, is none."""
    kind = values.get("security_type")
    parts = [name for name in ("secure_boot_enabled", "vtpm_enabled") if values.get(name) is True]
    if kind == "TrustedLaunch" or (kind is None and len(parts) == 2):
        found.put("properties.trusted_launch", True)
        return
    for name in (*(["security_type"] if kind not in (None, "", "Standard") else []), *parts):
        todo = "of these, a definition has properties.trusted_launch only"
        found.leave(block, block.attributes[name].line, name, todo)


def _options(block: Block) -> Iterator[tuple[Block, str, Attribute]]:
    """Every attribute of a source, those in blocks as block.attribute, in the order of the table."""
    for attribute in block.attributes.values():
        yield block, attribute.name, attribute
    for inner in block.blocks:
        if inner.kind in BLOCKS:
            for attribute in inner.attributes.values():
                yield inner, f"{inner.kind}.{attribute.name}", attribute


def _disks(found: Import, block: Block, values: dict[str, Any]) -> None:
    sizes, luns = values.get("disk_additional_size") or [], values.get("disk_additional_luns")
    if sizes and isinstance(sizes, list):
        numbers = luns if isinstance(luns, list) and len(luns) == len(sizes) else range(len(sizes))
        found.put(
            "data_disks", [{"lun": lun, "size_gib": size} for lun, size in zip(numbers, sizes, strict=True)]
        )


def _gallery(found: Import, block: Block) -> None:
    """Where a version goes, and how many copies of it; a gallery that nothing is published to is none."""
    destinations = list(block.of("shared_image_gallery_destination"))
    if not destinations and "name" not in found.data.get("gallery", {}):
        if found.data.pop("gallery", None):
            found.leave(
                block,
                block.line,
                "gallery",
                "no gallery to publish to: options about its versions are left out",
            )
        return
    regions, replicas = [], set()
    for destination in destinations:
        for region in destination.of("target_region"):
            name, count = region.attributes.get("name"), region.attributes.get("replicas")
            value = found.value(region, name, "write gallery.regions yourself") if name else None
            regions += [value] if value else []
            replicas.add(found.value(region, count, "write gallery.replicas yourself") if count else 1)
            for other in set(region.attributes) - {"name", "replicas"}:
                found.leave(
                    region,
                    region.attributes[other].line,
                    f"target_region.{other}",
                    "a definition has no field for it",
                )
    if regions:
        found.put("gallery.regions", regions)
    if len(replicas) == 1 and (copies := replicas.pop()) not in (None, 1):
        found.put("gallery.replicas", copies)
    elif len(replicas) > 1:
        todo = "a definition has one number for all regions: write gallery.replicas yourself"
        found.leave(block, block.line, "target_region.replicas", todo)
    if "storage_account" not in block.attributes:
        found.put("gallery.vhds", False)


def _tags(found: Import, block: Block) -> None:
    """Blocks of one tag each; those of `azure_tags` are carried over as they are."""
    for tag in block.of("azure_tag"):
        name, value = (tag.attributes.get(key) for key in ("name", "value"))
        if name and value:
            found.take(tag, tag.line, tag.kind)
            key, text = (found.value(tag, one, "write build.tags yourself") for one in (name, value))
            if key and isinstance(text, str):
                found.data.setdefault("build", {}).setdefault("tags", {})[key] = text


def _system(found: Import, block: Block, values: dict[str, Any], name: str | None) -> None:
    """The operating system: as given, else the row of systems.yaml with that image, else what names say."""
    base = found.data.get("base", {}).get("azure-arm", {})
    image = base.get("marketplace", {})
    words = [str(image.get(key, "")) for key in ("publisher", "offer", "sku")]
    row, generation = _known(words)
    if name:
        row = find(name)
    windows = str(values.get("os_type", "")).lower() == "windows"
    described = " ".join(words[1:]).strip() or str(base.get("gallery", {}).get("image", ""))
    if row is None:
        publisher = words[0].lower()
        distribution = "windows-server" if windows else _table()["publishers"].get(publisher, "other")
        found.put("os", {
            "family": "windows" if windows else "linux",
            "distribution": distribution,
            "version": words[2] or "unknown",
            "friendly_name": (described or "unknown")[:100],
        })  # fmt: skip
        todo = "vmoffer does not know it by its image: look at `os`, or import again with --os"
        found.leave(block, block.line, "operating system", todo)
    else:
        found.put("os", {
            "family": row.family,
            "distribution": row.distribution,
            "version": row.version,
            "friendly_name": row.name,
        })  # fmt: skip
    if "size_gib" not in found.data.get("os_disk", {}):
        found.put("os_disk.size_gib", row.gib if row else 127 if windows else 30)
    said = next((key for key, pattern in GENERATIONS.items() if re.search(pattern, described.lower())), None)
    if generation is None and said is None:
        found.leave(
            block, block.line, "generation", "gen2 is assumed; az vm image show says hyperVGeneration"
        )
    found.put("generations", [str(generation or said or Generation.GEN2)])


def _known(words: list[str]) -> tuple[System | None, Generation | None]:
    """The row of systems.yaml with an image, and the generation it is there for."""
    asked = [word.lower() for word in words]
    for row in systems().values():
        for generation, image in row.images.items():
            if [image.publisher.lower(), image.offer.lower(), image.sku.lower()] == asked:
                return row, generation
    return None, None


def _plan(found: Import, block: Block, values: dict[str, Any]) -> None:
    """A purchase plan is the image's own, or that which an image in a gallery was made under."""
    base = found.data.get("base", {}).get("azure-arm", {})
    image = base.get("marketplace")
    for plan in block.of("plan_info"):
        said = [values.get(f"plan_info.{name}") for name in ("plan_publisher", "plan_product", "plan_name")]
        if image and said == [image.get(name) for name in ("publisher", "offer", "sku")]:
            image["plan"] = True
        elif not image and base and all(said):
            base["plan"] = dict(zip(("publisher", "product", "name"), said, strict=True))
            if code := values.get("plan_info.plan_promotion_code"):
                base["plan"]["promotion_code"] = code
        else:
            todo = "not the plan of the base image; a Marketplace image has its own plan or none"
            found.leave(plan, plan.line, "plan_info", todo)


def missing(data: dict[str, Any]) -> Iterable[str]:
    """What no definition can do without, and the template did not say."""
    if not data.get("base", {}).get("azure-arm"):
        yield "base: the image to start from (image_publisher … or shared_image_gallery)"


def covered(name: str) -> bool:
    """Whether vmoffer does by itself what an option of the builder asks for."""
    return name in _table()["covered"]


@cache
def _table() -> dict[str, Any]:
    text = files("generator").joinpath("azure_arm.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = YAML(typ="safe").load(text)
    return data
