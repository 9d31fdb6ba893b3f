"""`vmoffer schema`: what a definition or a report may hold, for editors and for those who read reports."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.option("--report", is_flag=True, help="Of the JSON report that `vmoffer validate` writes.")
@click.option("--disk-info", is_flag=True, help="Of the JSON that `vmoffer disk info` writes.")
def command(report: bool, disk_info: bool) -> None:
    """Print the JSON Schema of a SKU definition.

    \b
    Example: vmoffer schema > skus/sku.schema.json
    """
    if report:
        from validators.reports import document

        click.echo(json.dumps(document.schema(), indent=2, ensure_ascii=False))
    elif disk_info:
        from validators import diskinfo

        click.echo(json.dumps(diskinfo.schema(), indent=2, ensure_ascii=False))
    else:
        from generator import schema

        click.echo(schema.text(), nl=False)
