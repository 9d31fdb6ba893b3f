"""The YAML of an imported definition: what the template said, and at the end what it is not."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from generator.hcl_blocks import Block
from generator.imported import Import, carry
from generator.imported_rest import rest
from generator.imported_steps import steps
from generator.offer_rules import OFFER_ID, PLAN_ID
from generator.packer_template import Template

VERSION = re.compile(r"\d+\.\d+\.\d+")
# Before each section, what a reader of it has to know.
REMARKS = {
    "publisher": "your publisher id in Partner Center",
    "offer": "the template has no names for customers: write them",
    "version": "X.Y.Z, higher with every image you publish",
    "base": "what the build starts from",
    "data_disks": "blank; LUNs 0, 1, 2 … without gaps",
    "steps": "what you install: as root or Administrator, before the image is generalized",
    "build": "the VM that Packer works in",
    "storage": "where the VHDs go",
    "gallery": "published to as well",
}
ORDER = (
    *("publisher", "offer", "plan", "version", "generations", "os", "base", "os_disk", "data_disks"),
    *("steps", "properties", "build", "storage", "gallery"),
)


def default_name(offer: str, plan: str) -> str:
    """`offer/plan` from names of a template, made of what Partner Center takes (OFR-ID-001)."""
    offer, plan = (
        re.sub(r"[^a-z0-9]+", "-", one.lower()).strip("-")[:50].strip("-") for one in (offer, plan)
    )
    return (
        f"{offer if OFFER_ID.fullmatch(offer) else 'imported'}/{plan if PLAN_ID.fullmatch(plan) else 'image'}"
    )


def definition(
    template: Template,
    source: Block,
    name: str,
    folder: Path,
    *,
    publisher: str = "contoso",
    system: str | None = None,
) -> tuple[str, Import]:
    """The definition `name` (offer/plan) of a source as YAML, for a file in `folder`; and what is left of it.

    `system` is a name of systems.yaml, for a base image that does not say what it holds. Raises Unusable for
    one that is not there.
    """
    found = Import(template)
    carry(found, source, system)
    found.data["steps"] = steps(found, source.labels[1], folder)
    rest(found, source)
    found.left.sort(key=lambda one: (one.file, one.line))
    _complete(found.data, name, publisher)
    return _text({key: found.data[key] for key in ORDER if found.data.get(key)}, found, name), found


def _complete(data: dict[str, Any], name: str, publisher: str) -> None:
    """The fields that no template has."""
    offer, _, plan = name.partition("/")
    title = offer.replace("-", " ").capitalize()
    full = f"{title} on {data['os']['friendly_name']}"
    data |= {
        "publisher": publisher,
        "offer": {"id": offer, "title": title},
        "plan": {"id": plan, "title": full, "summary": f"{full}, ready to use."},
    }
    if not VERSION.fullmatch(str(data.get("version", ""))):
        data["version"] = "0.1.0"


def _text(data: dict[str, Any], found: Import, name: str) -> str:
    """The definition as YAML that names its schema, with what is left as comments."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = StringIO()
    out.write("# yaml-language-server: $schema=../sku.schema.json\n")
    out.write(
        f"# {name}: imported from {_line(found.template.name)}. Every field is explained in docs/sku.md.\n"
    )
    out.write(f"# Check: vmoffer lint {name}        Build: vmoffer build {name} --builder azure-arm\n")
    for key, value in data.items():
        remark = REMARKS.get(key)
        out.write(f"\n# {remark}\n" if remark else "\n")
        yaml.dump({key: value}, out)
    if found.left:
        out.write("\n# Not carried over:\n")
        out.writelines(f"#   {one}\n" for one in found.left)
    return out.getvalue()


def _line(name: str) -> str:
    return "".join(char if char.isprintable() else "·" for char in name)
