"""`vmoffer schema`: what a definition may hold, for editors."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a SKU definition.

    \b
    Example: vmoffer schema > sku.schema.json
    """
    from generator.model import Sku

    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Sku.model_json_schema(by_alias=True),
    }
    click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
