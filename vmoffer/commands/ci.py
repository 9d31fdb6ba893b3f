"""`vmoffer ci`: the pipeline of the catalogue, for the CI system that the publisher runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource


@click.command()
@click.argument("system", type=click.Choice(["github", "azure-pipelines"]))
@click.option("--branch", default="main", show_default=True, help="What is merged to it is built.")
@click.option("--builder", type=click.Choice(["qemu", "azure-arm"]), help="Only this one. [default: all]")
@click.option("--runner", metavar="NAME", help="Label of your own runners, or your agent pool.")
@click.option("--max-parallel", type=click.IntRange(1, 256), metavar="N", help="Jobs at a time.")
@click.option("--minutes", type=click.IntRange(5, 1440), default=120, show_default=True,
              help="Longest time for one SKU.")  # fmt: skip
@click.option("--requirements", type=click.Path(), metavar="FILE",
              help="Install vmoffer by this file of pip; a change of it builds everything. "
              "[default: this version, from PyPI]")  # fmt: skip
@click.option("--connection", default="vmoffer", show_default=True, metavar="NAME",
              help="Azure Pipelines: the service connection, a workload identity.")  # fmt: skip
@click.option("--publish/--no-publish", default=True, show_default=True,
              help="Upload and sign for storage accounts that definitions name.")  # fmt: skip
@click.option("--out", metavar="FILE", help="Where to; - for stdout. [default: where the system looks]")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the file is not current.")
@click.option("--force", is_flag=True, help="Replace a file that was edited.")
@click.pass_context
def command(
    ctx: click.Context, /, system: str, builder: str | None, out: str | None, check: bool, force: bool,
    **wishes: Any,
) -> None:  # fmt: skip
    """Write the pipeline of the catalogue in skus/.

    A pull request is linted and generated. On merge, what makes another image than at the last green run is
    built: a job per SKU and builder, logged in to Azure without a secret, reports kept. docs/pipelines.md
    says how to set that up in Azure.

    \b
    Example: vmoffer ci github
             vmoffer ci azure-pipelines --branch release --max-parallel 10
    """
    from generator import catalogue, owned_file, pipeline
    from generator.model import Builder
    from vmoffer.console import say, show, show_document

    one = Builder(builder) if builder else None
    chosen = pipeline.Wishes(system, builder=one, out=Path(out) if out and out != "-" else None, **wishes)
    line = _line(ctx)
    definitions = catalogue.all()
    text = pipeline.render(chosen, definitions, line)
    if out == "-":
        show_document(text)
    elif check:
        owned_file.check(text, chosen.path, line)
    else:
        owned_file.write(text, chosen.path, force=force)
        show(chosen.path)
    for warning in pipeline.warnings(chosen, definitions):
        say(warning)


def _line(ctx: click.Context) -> str:
    """The command that gives this file, with the options that shape it, in their own order."""
    words = ["vmoffer", "ci", ctx.params["system"]]
    for option in ctx.command.params[1:]:
        name, value = option.name or "", ctx.params.get(option.name or "")
        given = ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
        if not given or name in ("check", "force") or (name == "out" and value == "-"):
            continue
        flag = next(one for one in option.opts if one.startswith("--"))
        words += ["--no-publish"] if name == "publish" and not value else [flag]
        words += [] if name == "publish" else [str(value)]
    return shlex.join(words)
