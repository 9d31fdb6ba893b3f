"""The definition that `vmoffer new` writes."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ruamel.yaml import YAML

from generator.errors import NotMet, Unusable
from generator.offer_rules import OFFER_ID, PLAN_ID

REMARK = re.compile(r"^([^#\n]*\S) {2,}(# .*)$", re.MULTILINE)
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ._()/-]*")


@cache
def systems() -> dict[str, dict[str, Any]]:
    """What is known of each operating system that a definition can start from, by its name."""
    table: dict[str, dict[str, Any]] = YAML(typ="safe").load(
        files("generator").joinpath("systems.yaml").read_text(encoding="utf-8")
    )
    return table


def place(name: str, root: Path) -> Path:
    """The file for `offer/plan`; raises when the ids break OFR-ID-001 or the file is there already."""
    offer, _, plan = name.partition("/")
    if not OFFER_ID.fullmatch(offer):
        raise NotMet(
            f"offer id {offer!r}: use 3-50 of a-z 0-9 - _, a letter or digit first", rule="OFR-ID-001"
        )
    if not PLAN_ID.fullmatch(plan):
        raise NotMet(f"plan id {plan!r}: use 1-50 of a-z 0-9 - _", rule="OFR-ID-001")
    path = root / offer / f"{plan}.yaml"
    if path.exists():
        raise Unusable("there is a definition already; it stays as it is", where=str(path))
    return path


def definition(name: str, system: str, publisher: str) -> str:
    """The text of a definition of `offer/plan` on `system`, a key of `systems()`."""
    known = systems()[system]
    offer, _, plan = name.partition("/")
    windows = known["family"] == "windows"
    image_publisher, image_offer, image_sku = known["image"]
    recipe = (
        f"  qemu:\n    recipe: {known['recipe']}         # made on this machine\n"
        if "recipe" in known
        else ""
    )
    values = {
        "offer": offer,
        "plan": plan,
        "publisher": publisher,
        "offer_title": offer.capitalize(),
        "plan_title": f"{offer.capitalize()} on {known['name']}",
        "plan_summary": f"{offer.capitalize()} on {known['name']}, ready to use.",
        "family": known["family"],
        "distribution": known["distribution"],
        "version": known["version"],
        "name": known["name"],
        "image_publisher": image_publisher,
        "image_offer": image_offer,
        "image_sku": image_sku,
        "destination": r"C:\app\app.conf" if windows else "/etc/app.conf",
    }
    plain = {
        "id": name,
        "recipe": recipe,
        "gib": known["gib"],
        "suffix": ".ps1" if windows else ".sh",
        "port_label": "rdp" if windows else "ssh",
        "port": 3389 if windows else 22,
        "cloud_init": "false" if windows else "true",
    }
    text = files("templates").joinpath("starter.yaml").read_text(encoding="utf-8")
    filled = Template(text).substitute({key: _scalar(value) for key, value in values.items()}, **plain)
    return REMARK.sub(lambda line: f"{line[1]:<40} {line[2]}", filled)


def _scalar(text: str) -> str:
    """`text` as YAML: bare where that can only mean text, else as a JSON string."""
    return text if PLAIN.fullmatch(text) and text not in {"true", "false", "null"} else json.dumps(text)
