"""`vmoffer validate`: judge disks against the certification rules."""

from __future__ import annotations

from pathlib import Path

import click

from generator.model import Generation

PROFILES = ("strict", "tool", "lisa", "policy", "guide-2015")


@click.command()
@click.argument("disks", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sku", help="offer/plan or a definition: compare the disks with what it declares.")
@click.option(
    "--generation", type=click.Choice([g.value for g in Generation]), help="Default: from the file names."
)
@click.option("--role", type=click.Choice(["auto", "os", "data"]), default="auto", help="What the disks are.")
@click.option("--profile", type=click.Choice(PROFILES), default="strict", help="Whose thresholds count.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="Format of the report."
)
@click.option(
    "--out", type=click.Path(path_type=Path), multiple=True, help="Also write the JSON report here."
)
@click.option(
    "--waive", multiple=True, metavar="RULE", help="Do not fail for RULE; needs --why, in the same order."
)
@click.option("--why", multiple=True, metavar="TEXT", help="The reason for a --waive; it is in the report.")
@click.option("--all", "full", is_flag=True, help="Show rules that are met and those that do not apply, too.")
@click.pass_context
def command(
    ctx: click.Context,
    disks: tuple[Path, ...],
    sku: str | None,
    generation: str | None,
    role: str,
    profile: str,
    form: str,
    out: tuple[Path, ...],
    waive: tuple[str, ...],
    why: tuple[str, ...],
    full: bool,
) -> None:
    """Judge the disks of one image: VHD, raw or qcow2, read without root, mount or boot.

    \b
    Exit status 1 if a mandatory rule is not met. Example:
      vmoffer validate build/demo/debian-12/1.0.0/*.vhd --sku demo/debian-12
    """
    from rich.console import Console

    from generator.errors import Unusable
    from validators import engine, report
    from validators.disk import Role

    if len(waive) != len(why):
        raise Unusable("every --waive needs its own --why")
    chosen: Role | None = None if role == "auto" else "os" if role == "os" else "data"
    definition = None
    if sku is not None:
        from generator import catalogue

        definition = catalogue.find(sku).sku
    judgement = engine.judge(
        disks,
        sku=definition,
        generation=Generation(generation) if generation else None,
        role=chosen,
        profile=profile,
        waived=dict(zip(waive, why, strict=True)),
    )
    for path in out:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report.to_json(judgement), encoding="utf-8")
    if form == "json":
        click.echo(report.to_json(judgement), nl=False)
    else:
        report.write_text(judgement, Console(highlight=False, soft_wrap=True), full=full)
    if judgement.verdict == "fail":
        ctx.exit(1)
