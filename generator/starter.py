"""The definition that `vmoffer new` writes, and the stub of the publisher's own install step."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from string import Template

from generator.build_machine import DEFAULT_SIZE
from generator.errors import NotMet, Unusable
from generator.generation import Generation
from generator.marketplace import ASK, Image, System, find, table
from generator.offer_rules import OFFER_ID, PLAN_ID, taken

REMARK = re.compile(r"^([^#\n]*\S) {2,}(# .*)$", re.MULTILINE)
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ._()/-]*")
BOOTS = {
    Generation.GEN2: "gen2 boots with UEFI",
    Generation.GEN1: "gen1 with BIOS",
    Generation.ARM64: "arm64 boots with UEFI, on Arm machines",
}


@dataclass(frozen=True)
class Choice:
    """What a new definition is to be: `system` is a name of systems.yaml, `data_disks` are sizes in GiB."""

    name: str
    system: str
    publisher: str = "contoso"
    generations: Sequence[Generation] = (Generation.GEN2,)
    data_disks: Sequence[int] = field(default_factory=tuple)
    image: str | None = None

    @property
    def ids(self) -> tuple[str, str]:
        """The offer id and the plan id."""
        offer, _, plan = self.name.partition("/")
        return offer, plan


def place(name: str, root: Path) -> Path:
    """The file for `offer/plan`; raises when the ids break OFR-ID-001 or the file is there already."""
    offer, _, plan = name.partition("/")
    if not OFFER_ID.fullmatch(offer):
        raise NotMet(
            f"offer id {offer!r}: use 3-50 of a-z 0-9 - _, a letter or digit first",
            rule="OFR-ID-001",
            hint="write it as OFFER/PLAN, such as shop/basic",
        )
    if not PLAN_ID.fullmatch(plan):
        raise NotMet(
            f"plan id {plan!r}: use 1-50 of a-z 0-9 - _",
            rule="OFR-ID-001",
            hint="write it as OFFER/PLAN, such as shop/basic",
        )
    for name_of, value, fix in taken(offer, plan):
        raise NotMet(f"{name_of} id {value!r}: {fix}", rule="OFR-ID-003", hint="write another id")
    for path in (root / offer / f"{plan}.yaml", root / offer / f"{plan}.yml"):
        if path.exists():
            hint = f"choose another plan id, or start from it: vmoffer new {offer}/OTHER --from {name}"
            raise Unusable("there is a definition already; it stays as it is", where=str(path), hint=hint)
    return root / offer / f"{plan}.yaml"


def project(choice: Choice) -> dict[str, str]:
    """The files of a new plan, by their path in the folder of the offer: the definition and the stub.

    Raises Unusable for an unknown system, and for a choice that has no base image to start from.
    """
    system = find(choice.system)
    _, plan = choice.ids
    suffix = ".ps1" if system.family == "windows" else ".sh"
    script = f"files/{plan}-install{suffix}"
    stub = _template(f"install{suffix}").substitute(id=choice.name)
    return {f"{plan}.yaml": _definition(choice, system, script), script: stub}


def _definition(choice: Choice, system: System, script: str) -> str:
    offer, plan = choice.ids
    windows = system.family == "windows"
    texts = {
        "offer": offer,
        "plan": plan,
        "publisher": choice.publisher,
        "offer_title": offer.capitalize(),
        "plan_title": f"{offer.capitalize()} on {system.name}",
        "plan_summary": f"{offer.capitalize()} on {system.name}, ready to use.",
        "family": system.family,
        "distribution": system.distribution,
        "version": system.version,
        "name": system.name,
        "script": script,
    }
    plain = {
        "id": choice.name,
        "generations": ", ".join(choice.generations),
        "boots": ", ".join(BOOTS[one] for one in choice.generations),
        "base": _base(choice, system),
        "gib": system.gib,
        "data_disks": _data_disks(choice.data_disks),
        "properties": ("" if windows else "  cloud_init: true\n") + "  accelerated_networking: true\n",
        "sizes": ", ".join(dict.fromkeys(DEFAULT_SIZE[one] for one in choice.generations)),
        "vm_size": _vm_size(choice.generations),
    }
    filled = _template("starter.yaml").substitute(
        {key: _scalar(text) for key, text in texts.items()}, **plain
    )
    return REMARK.sub(lambda line: f"{line[1]:<40} {line[2]}", filled)


def _vm_size(generations: Sequence[Generation]) -> str:
    """One size where it boots all images, else one for each, as YAML."""
    sizes = {one: DEFAULT_SIZE[one] for one in generations}
    if len(set(sizes.values())) == 1:
        return sizes[generations[0]]
    return "{" + ", ".join(f"{one}: {size}" for one, size in sizes.items()) + "}"


def _base(choice: Choice, system: System) -> str:
    """The lines under `base:`; raises Unusable when the chosen generations have no image to start from."""
    lines = ""
    if system.recipe and Generation.ARM64 not in choice.generations:
        lines += f"  qemu:\n    recipe: {system.recipe}         # made on this machine\n"
    if choice.image and len(choice.generations) > 1:
        raise Unusable("an image is made for one generation", hint="give --image with one --generation")
    if choice.image:
        images = {choice.generations[0]: Image.parse(choice.image)}
    else:
        images = {one: system.images[one] for one in choice.generations if one in system.images}
        missing = [str(one) for one in choice.generations if one not in images]
        if missing:
            known = ", ".join(system.images) or "none"
            raise Unusable(
                f"no Marketplace image of {choice.system} for {', '.join(missing)} is known (known: {known})",
                hint=f"name one with --image PUBLISHER:OFFER:SKU; {ASK} shows them",
            )
    return lines + _marketplace(images, system, choice)


def _marketplace(images: dict[Generation, Image], system: System, choice: Choice) -> str:
    first = next(iter(images.values()))
    skus = [f"{generation}: {_scalar(image.sku)}" for generation, image in images.items()]
    sku = _scalar(first.sku) if len(images) == 1 else f"{{{', '.join(skus)}}}"
    fields = f"publisher: {_scalar(first.publisher)}, offer: {_scalar(first.offer)}, sku: {sku}"
    if choice.image:
        return f"  azure-arm:\n    marketplace: {{{fields}}}\n"
    remark = f"    # Seen in public sources on {table()['checked']}; az vm image list has today's.\n"
    if system.plan:
        fields += ", plan: true"
        accept = f"{first.publisher}:{first.offer}:{first.sku}:latest"
        remark += f"    # Accept its terms once: az vm image terms accept --urn {accept}\n"
    return f"  azure-arm:\n{remark}    marketplace: {{{fields}}}\n"


def _data_disks(sizes: Sequence[int]) -> str:
    if not sizes:
        return (
            "# data_disks:\n"
            "#   - {lun: 0, size_gib: 32}                      # blank\n"
            "#   - {lun: 1, size_gib: 8, content: data}        # filled from the folder data/\n"
        )
    rows = "".join(f"  - {{lun: {lun}, size_gib: {size}}}\n" for lun, size in enumerate(sizes))
    return f"data_disks:\n{rows}"


def _template(name: str) -> Template:
    return Template(files("templates").joinpath(name).read_text(encoding="utf-8"))


def _scalar(text: str) -> str:
    """`text` as YAML: bare where that can only mean text, else as a JSON string."""
    return text if PLAIN.fullmatch(text) and text not in {"true", "false", "null"} else json.dumps(text)
