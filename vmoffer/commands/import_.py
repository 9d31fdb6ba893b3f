"""`vmoffer import`: an existing azure-arm template as a SKU definition."""

from __future__ import annotations

from pathlib import Path

import click

from vmoffer.path import PATH


@click.command("import")
@click.argument("template", type=PATH)
@click.argument("sku", metavar="[OFFER/PLAN]", required=False)
@click.option("--var-file", "variables", multiple=True, type=PATH, metavar="FILE",
              help="Values of variables, as for packer; may be repeated.")  # fmt: skip
@click.option("--source", metavar="NAME", help="The azure-arm source, where there are several.")
@click.option("--os", "system", metavar="NAME",
              help="What the OS disk holds, where its base image does not say it: rhel-9 …")  # fmt: skip
@click.option(
    "--publisher", default="contoso", show_default=True, metavar="ID", help="Your id in Partner Center."
)
def command(
    template: Path, sku: str | None, variables: tuple[Path, ...], source: str | None, system: str | None,
    publisher: str,
) -> None:  # fmt: skip
    """Write skus/OFFER/PLAN.yaml from TEMPLATE, a *.pkr.hcl file or a folder of them.

    Base image, disks, sizes, places and provisioners are carried over; variables with defaults are filled in.
    What is not (functions, secrets, options without a field) is listed with its line, on stderr and at the
    end of the file. Exit status 1 if the template said too little for a definition that passes lint.

    \b
    Example: vmoffer import packer/web.pkr.hcl shop/web
    """
    from generator import (
        atomic_file,
        catalogue,
        imported,
        imported_text,
        lint,
        load,
        packer_template,
        schema,
        starter,
    )
    from generator.errors import NotMet
    from vmoffer.console import say, show

    opened = packer_template.open_template(template, variables)
    block = packer_template.source(opened, source)
    name = sku or imported_text.default_name(opened.folder.resolve().name, block.labels[1])
    path = starter.place(name, catalogue.ROOT)
    text, found = imported_text.definition(
        opened, block, name, path.parent, publisher=publisher, system=system
    )
    atomic_file.atomic_write(path, text, inside=catalogue.ROOT, new=True)
    if schema.write(catalogue.ROOT):
        say(f"{catalogue.ROOT / schema.NAME}: what editors complete and check the definition by")
    for one in found.left:
        say(str(one))
    show(path)
    try:
        definition = catalogue.open_file(path)
    except load.Invalid as invalid:
        lines = [f"{one.field}: {one.allowed}" for one in invalid.problems]
        raise NotMet(
            "the template does not say all that a definition needs",
            where=str(path),
            details=[*imported.missing(found.data), *lines],
            hint=f"write it there, then vmoffer lint {name}",
        ) from None
    if problems := lint.unusable([definition]):
        raise load.Invalid(problems)
    failed = [str(one) for one in lint.lint([definition]) if one.status == "fail"]
    if failed:
        raise NotMet("rules are not met", where=str(path), details=failed, hint=f"vmoffer lint {name}")
    say(f"{len(found.left)} things are not carried over, all listed in {path}; next: vmoffer generate {name}")
