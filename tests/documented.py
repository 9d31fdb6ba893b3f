"""Every command line that the project shows to its users, collected from where it shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from vmoffer.cli import root

ROOT = Path(__file__).parent.parent
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"(?:^|[|;(] *|\$ |\bsudo |run: |- )(?:vmoffer|make) ")
INLINE = re.compile(r"(?<!`)`((?:sudo )?(?:vmoffer|make) [^`]+)`")


@dataclass(frozen=True, order=True)
class Call:
    """One command line, and where it is shown first."""

    line: str
    place: str


def calls() -> list[Call]:
    """All of them, each line once."""
    found: dict[str, Call] = {}
    for call in (*_pages(), *_helps()):
        found.setdefault(call.line, call)
    return sorted(found.values())


def _pages() -> Iterator[Call]:
    for page in PAGES:
        place, text = str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")
        for language, body in BLOCK.findall(text):
            for line in _lines(body, prompt=language == "console"):
                yield Call(line, place)
        for line in INLINE.findall(re.sub(r"\s*\n\s*(?:- )?", " ", BLOCK.sub("", text))):
            if "→" not in line:  # a drawing, not a call
                yield Call(line.strip(), place)


def _lines(body: str, prompt: bool) -> Iterator[str]:
    """The lines of a block that call us; behind two spaces or a dash stands what one does."""
    for line in re.sub(r" *\\\n\s*", " ", body).splitlines():
        text = line.strip()
        if prompt and not text.startswith("$ "):
            continue
        text = text.removeprefix("$ ").removeprefix("- run: ").removeprefix("run: ")
        if CALL.search(text) and not text.startswith(("#", "vmoffer:", "vmoffer →")):
            yield re.split(r"\s{2,}|\s#\s|\s→\s", text)[0]


def _helps() -> Iterator[Call]:
    for name, command in commands(root, "vmoffer"):
        for line in _lines(command.help or "", prompt=False):
            yield Call(line.removeprefix("Example: ").removeprefix("Examples: "), f"{name} --help")


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """`command` and all below it, with what to call them by."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from commands(below, f"{name} {each}")
