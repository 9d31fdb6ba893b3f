"""`vmoffer list`: the catalogue of SKUs, all of it or what changed, for people and for pipelines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from generator.changes import Changed

FORMATS = ("text", "json", "github", "azure-pipelines")


@click.command("list")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
              help="github and azure-pipelines: a matrix of jobs, on one line.")  # fmt: skip
@click.option(
    "--changed-since", "since", metavar="REV", help="Only what makes another image than at this commit."
)
@click.option(
    "--also", multiple=True, metavar="PATH", help="With --changed-since: a change there touches every SKU."
)
@click.option(
    "--builder", type=click.Choice(["qemu", "azure-arm"]), help="Only SKUs and jobs of this builder."
)
def command(form: str, since: str | None, also: tuple[str, ...], builder: str | None) -> None:
    """Show the SKUs in skus/ with their versions, builders and addresses in the Marketplace.

    \b
    Example: vmoffer list --changed-since origin/main --format json
    """
    from generator import catalogue, changes, matrix
    from generator.load import Invalid
    from generator.model import Builder
    from generator.printable import to_json
    from vmoffer.console import show, show_document

    read = catalogue.scan(catalogue.files())
    if since is None:
        shown = [changes.Changed(one, one.sku.builders, []) for one in read.definitions]
    else:
        shown = changes.since(since, read.definitions, list(also))
    wanted = [Builder(builder)] if builder else list(Builder)
    shown = [one for one in shown if set(one.builders) & set(wanted)]
    jobs = [
        (one.definition.sku.id, each, one.definition.sku.storage.account or "")
        for one in shown
        for each in one.builders
        if each in wanted
    ]
    if form == "github":
        show(json.dumps(matrix.github(matrix.jobs(jobs))))
    elif form == "azure-pipelines":
        show(json.dumps(matrix.azure_pipelines(matrix.jobs(jobs))))
    elif form == "json":
        show_document(to_json([_row(one) for one in shown]))
    elif shown:
        show(*_table([_row(one) for one in shown]))
    if read.problems:
        raise Invalid(read.problems)


def _row(shown: Changed) -> dict[str, Any]:
    from generator import technical_configuration

    sku = shown.definition.sku
    row = {
        "sku": sku.id,
        "title": sku.plan.title,
        "version": sku.version,
        "generations": [str(generation) for generation in sku.generations],
        "system": sku.os.friendly_name,
        "builders": [str(builder) for builder in shown.builders],
        "data_disks": len(sku.data_disks),
        "marketplace_url": sku.marketplace_url,
        "preview_url": sku.preview_url,
        "preview_image": sku.preview_image,
        "technical_configuration": technical_configuration.build(sku),
        "definition": str(shown.definition.path),
    }
    return row | ({"because": shown.because, "version_raised": shown.raised} if shown.because else {})


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Lines, one block per SKU: addresses are to be copied, so no line of them is ever cut."""
    for row in rows:
        count = row["data_disks"]
        disks = f", {count} data disk{'s' if count > 1 else ''}" if count else ""
        made = f"{' '.join(row['generations'])} by {', '.join(row['builders'])}{disks}"
        yield f"{row['sku']}  {row['version']}  {row['title']}"
        yield f"  system       {row['system']}"
        yield f"  images       {made}"
        yield f"  marketplace  {row['marketplace_url']}"
        yield f"  preview      {row['preview_url']}"
        yield f"               {row['preview_image']}"
        if "because" in row:
            yield f"  changed      {', '.join(row['because'])}"
        if not row.get("version_raised", True):
            yield f"  version      not raised; once it is uploaded: vmoffer bump {row['sku']} patch"
