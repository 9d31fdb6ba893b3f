"""`vmoffer lint`: check definitions before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.printable import to_json
from vmoffer import outside

if TYPE_CHECKING:
    from generator.lint import Finding
    from generator.load import Problem


@click.command("lint")
@click.argument("skus", nargs=-1, metavar="[SKU]...")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--profile", type=click.Choice(["strict", "guide-2015"]), default="strict", show_default=True)
@outside.option
@click.pass_context
def command(ctx: click.Context, skus: tuple[str, ...], form: str, profile: str) -> None:
    """Check definitions against the schema and the rules for offers, plans and disks.

    SKU is offer/plan or a path to a YAML file; without one, all of skus/ is checked. Exits with 2 when a
    definition cannot be used, with 1 when one breaks a rule. The profile chooses today's rules or those of
    the guide of 2015.

    \b
    Example: vmoffer lint demo/debian-12
    """
    from generator import catalogue
    from generator.errors import Unusable
    from generator.lint import lint, unusable
    from validators import waiver
    from vmoffer.console import say, show, show_document

    paths = catalogue.files()
    if not skus and not paths:
        raise Unusable(
            "there are no definitions in skus/", hint="write one: vmoffer new demo/debian-12 --os debian-12"
        )
    wanted = list(dict.fromkeys(catalogue.locate(name) for name in skus)) if skus else paths
    # Its neighbours are read too: two plans with one id are seen from either file.
    read = catalogue.scan(list(dict.fromkeys([*wanted, *paths])))
    chosen = [definition for definition in read.definitions if definition.path in wanted]
    problems = [problem for problem in read.problems if problem.file in wanted] + unusable(chosen)
    problems += [problem for one in chosen if one.sku.waive for problem in waiver.unknown(one)]
    outside.warn(chosen)
    files = {str(path) for path in wanted}
    findings = [one for one in lint(read.definitions, profile) if one.where.rpartition(":")[0] in files]
    status = 2 if problems else 1 if any(one.status == "fail" for one in findings) else 0
    if form == "json":
        show_document(_json(problems, findings, status))
    else:
        show(*_text(problems, findings, wanted))
    if status:
        from vmoffer.topics import topic_line

        say(topic_line(("", "rules-not-met", "definition")[status]))
    ctx.exit(status)


def _text(problems: list[Problem], findings: list[Finding], files: list[Path]) -> list[str]:
    lines = [str(one) for one in (*problems, *findings)]
    failed = sum(one.status == "fail" for one in findings)
    warned = len(findings) - failed
    counts = f"{len(problems)} unusable, {failed} failed, {warned} warned"
    return [*lines, f"{len(files)} definition{'s' if len(files) != 1 else ''}: {counts}"]


def _json(problems: list[Problem], findings: list[Finding], status: int) -> str:
    return to_json(
        {
            "verdict": ("pass", "fail", "unusable")[status],
            "problems": [
                {
                    "where": f"{one.file}:{one.line}",
                    "field": one.field,
                    "found": one.found,
                    "allowed": one.allowed,
                }
                for one in problems
            ],
            "outcomes": [one.as_json() for one in findings],
        }
    )
