"""`vmoffer schema`: what a definition or a report may hold, for editors and for those who read reports."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.option("--report", is_flag=True, help="Of the JSON report that `vmoffer validate` writes.")
def command(report: bool) -> None:
    """Print the JSON Schema of a SKU definition.

    \b
    Example: vmoffer schema > sku.schema.json
    """
    if report:
        from validators.reports import document

        schema = document.schema()
    else:
        from generator.model import Sku

        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **Sku.model_json_schema(by_alias=True),
        }
    click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
