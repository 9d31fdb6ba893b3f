"""The Packer template of a SKU and a builder, as text."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from generator.aftermath import commands
from generator.errors import Unusable
from generator.hcl import Hcl, hcl, inner, noted, only_hcl, plugin, tidy
from generator.model import Builder, Generation, Sku
from generator.powershell import ENV_VAR_FORMAT, carried

if TYPE_CHECKING:
    from jinja2 import Environment

    from generator.provisioning import Provisioner

PARTS = ("plugins", "variables", "source", "build")
# A file system in memory, on every Linux: what is deleted from a disk can still be read there.
MEMORY = "/dev/shm"  # noqa: S108
AZURE_CACHING = {"none": "None", "read-only": "ReadOnly", "read-write": "ReadWrite"}


def render(
    sku: Sku, builder: Builder, provisioners: list[Provisioner], *, base_file: str | None = None
) -> dict[str, str]:
    """File name → text of the `.pkr.hcl` files.

    `base_file` is the base image that is a file of the definition's, from the project's folder. Raises
    `Unusable` for what the builder cannot make.
    """
    refuse(sku, builder)
    blank = sorted((disk for disk in sku.data_disks if disk.blank), key=lambda disk: disk.lun)
    context = {
        "sku": sku,
        "builder": builder,
        "provisioners": provisioners,
        "base_file": base_file,
        "blank": blank,
        "blank_sizes": [f"{disk.size_gib}G" for disk in blank],
        "gallery_image": {g: gallery_image(sku, g) for g in sku.generations},
        "commands": {g: commands(sku, builder, g) for g in sku.generations},
        "os_disk": {g: next(sku.disks(g)).filename.removesuffix(".vhd") for g in sku.generations},
        "vm_size": {name: sku.build.vm_sizes(g)[0] for g, name in sku.size_variables.items()},
        "regions": [region.lower().replace(" ", "") for region in sku.gallery.regions] if sku.gallery else [],
        "caching": AZURE_CACHING[sku.os_disk.caching],
        "secrets": sorted({one.name for step in sku.steps for one in step.hidden}),
        "memory": MEMORY,
        "env_var_format": ENV_VAR_FORMAT,
        "plugins": {step.kind for step in provisioners},
    }
    environment = _environment()
    files = {
        f"{part}.pkr.hcl": tidy(environment.get_template(f"{builder}/{part}.pkr.hcl.j2").render(context))
        for part in PARTS
    }
    # Blocks taken as they are: after `tidy`, which would change text of several lines in them.
    for step in provisioners:
        if step.kind == "taken":
            files["build.pkr.hcl"] = files["build.pkr.hcl"].replace(f"{step.source}\n", step.text, 1)
    return files


def refuse(sku: Sku, builder: Builder) -> None:
    """Raise `Unusable` when `builder` cannot make an image of `sku`."""
    if builder not in sku.builders:
        names = " and ".join(sku.builders)
        raise Unusable(f"{sku.id} has no base image for {builder}", hint=f"its builders: {names}")
    if builder is Builder.QEMU and Generation.ARM64 in sku.generations:
        raise Unusable(f"{sku.id}: no qemu builder for arm64 yet", hint="use --builder azure-arm")
    if builder is Builder.QEMU and sku.os.family == "windows":
        raise Unusable(f"{sku.id}: no qemu builder for Windows yet", hint="use --builder azure-arm")


def gallery_image(sku: Sku, generation: Generation) -> str:
    """A gallery's image definition has one generation: the first takes the name, the others a suffix."""
    name = sku.gallery.image if sku.gallery else ""
    return name if generation == sku.generations[0] else f"{name}-{generation}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Not HTML: `finalize` plays the part of autoescaping, and refuses instead of guessing.
    environment = Environment(
        loader=PackageLoader("templates", "."),
        undefined=StrictUndefined,
        finalize=only_hcl,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )
    environment.filters |= {
        "hcl": hcl,
        "plugin": plugin,
        "inner": inner,
        "noted": noted,
        "raw": Hcl,
        "json": json.dumps,
        "carried": carried,
    }
    environment.globals["Generation"] = Generation
    return environment
