"""`vmoffer list`: the catalogue of SKUs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from generator.catalogue import Definition


@click.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """Show the SKUs in skus/ with their versions, builders and addresses in the Marketplace.

    \b
    Example: vmoffer list --format json
    """
    from generator import catalogue
    from generator.load import Invalid

    read = catalogue.scan(catalogue.files())
    rows = [_row(definition) for definition in read.definitions]
    click.echo(json.dumps(rows, indent=2, ensure_ascii=False) if form == "json" else _table(rows))
    if read.problems:
        raise Invalid(read.problems)


def _row(definition: Definition) -> dict[str, Any]:
    sku = definition.sku
    return {
        "sku": sku.id,
        "title": sku.plan.title,
        "version": sku.version,
        "generations": [str(generation) for generation in sku.generations],
        "system": sku.os.friendly_name,
        "builders": [str(builder) for builder in sku.builders],
        "data_disks": len(sku.data_disks),
        "marketplace_url": sku.marketplace_url,
        "preview_url": sku.preview_url,
        "definition": str(definition.path),
    }


def _table(rows: list[dict[str, Any]]) -> str:
    """One block per SKU: addresses are to be copied, so no line of them is ever cut."""
    blocks = []
    for row in rows:
        count = row["data_disks"]
        disks = f", {count} data disk{'s' if count > 1 else ''}" if count else ""
        made = f"{' '.join(row['generations'])} by {', '.join(row['builders'])}{disks}"
        blocks.append(
            f"{row['sku']}  {row['version']}  {row['title']}\n"
            f"  system       {row['system']}\n"
            f"  images       {made}\n"
            f"  marketplace  {row['marketplace_url']}\n"
            f"  preview      {row['preview_url']}"
        )
    return "\n".join(blocks)
