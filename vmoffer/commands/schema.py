"""`vmoffer schema`: what a definition or a report may hold, for editors and for those who read reports."""

from __future__ import annotations

import click

from generator.printable import to_json
from vmoffer.console import show_document


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

        show_document(to_json(document.schema()))
    elif disk_info:
        from validators import diskinfo

        show_document(to_json(diskinfo.schema()))
    else:
        from generator import schema

        show_document(schema.text())
