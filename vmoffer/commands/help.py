"""`vmoffer help`: what an error means and what to do about it."""

from __future__ import annotations

import re

import click


@click.command("help")
@click.argument("topic", required=False)
def command(topic: str | None) -> None:
    """Show the section of docs/troubleshooting.md that an error points to, or list all of them.

    \b
    Example:
      vmoffer help storage
    """
    from generator.errors import Unusable
    from vmoffer.console import show
    from vmoffer.topics import sections

    known = sections()
    if topic is None:
        width = max(map(len, known))
        for name, text in known.items():
            show(f"{name:{width}}  {text.splitlines()[0]}")
        return
    name = topic.rpartition("#")[2]
    if name not in known:
        raise Unusable(f"there is no topic {topic!r}", hint=f"one of {', '.join(known)}")
    show(*re.sub(r"\*\*|\]\([^)]*\)|\[(?=[^]]*\]\()", "", known[name]).splitlines())
