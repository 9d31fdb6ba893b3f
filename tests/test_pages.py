"""What the pages show works: fragments of definitions are valid, commands and their options exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from generator import steps
from generator.model import Builder, Sku
from vmoffer.cli import root

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#([^)\s]+))?\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLE = """
publisher: contoso
offer: {id: shop, title: Shop}
plan: {id: basic, title: Shop, summary: A shop}
version: "1.0.0"
os: {family: linux, distribution: debian, version: "12", friendly_name: Debian 12}
base: {qemu: {recipe: debian-12}}
"""


def _yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def _fragments() -> Iterator[Any]:
    for page in PAGES:
        for number, (language, text) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8"))):
            data = _yaml(text) if language == "yaml" else None
            if isinstance(data, dict) and set(data) & set(Sku.model_fields):
                yield pytest.param(data, id=f"{page.relative_to(ROOT)}-{number}")


def _commands() -> Iterator[Any]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown = [line for _, body in BLOCK.findall(text) for line in body.replace("\\\n", " ").splitlines()]
        shown += re.findall(r"`(vmoffer [^`]+)`", BLOCK.sub("", text).replace("\n", " "))
        for line in dict.fromkeys(line.partition("vmoffer ")[2] for line in shown if _calls(line)):
            yield pytest.param(line, id=f"{page.relative_to(ROOT)}: {line[:50]}")


def _calls(line: str) -> bool:
    """Whether a line of a page is a call: at its beginning, or behind a pipe."""
    return bool(re.match(r"\s*(.* \| *)?vmoffer [a-z-]", line)) and "→" not in line


@pytest.mark.parametrize("data", list(_fragments()))
def test_a_fragment_of_a_definition_is_valid(data: dict[str, Any]) -> None:
    sku = Sku.model_validate({**_yaml(EXAMPLE), **data})
    if sku.os.family == "linux":
        steps.plan(sku, sku.builders[0] if sku.builders else Builder.QEMU)  # knows the `settings`


@pytest.mark.parametrize("line", list(_commands()))
def test_a_command_that_is_shown_exists_with_its_options(line: str) -> None:
    words = re.split(r"\s{2,}|\s[#>|&]", line)[0].replace("…", "")
    try:
        arguments = shlex.split(words)
    except ValueError:  # a quote that a break of the line cut off
        arguments = words.split()
    command: click.Command = root
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        found = command.get_command(None, arguments.pop(0))  # type: ignore[arg-type]  # no context is needed
        assert found, line
        command = found
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    given = {word.partition("=")[0] for word in options if re.match(r"--?[a-z]", word)}
    assert given <= known | {"--help", "--version", "--debug"}, line


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_a_link_leads_to_a_file_of_the_repository_and_to_an_anchor_of_it(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        file = page.parent / target
        assert file.exists(), target
        if anchor:
            text = file.read_text(encoding="utf-8")
            headings = {_slug(title) for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
            assert anchor in headings | set(re.findall(r'<a id="([^"]+)"', text)), f"{target}#{anchor}"


def _slug(title: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w -]", "", re.sub(r"<[^>]*>", "", title).lower()).strip().replace(" ", "-")
