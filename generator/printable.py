"""Text that vmoffer did not write itself, made harmless for whoever shows it."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

ODD = re.compile(r"[^\x20-\x7e]")


def printable(text: str) -> str:
    """`text` on one line, with what steers a terminal spelled out.

    Control characters (ESC, BEL, newlines, C1), characters that turn the direction of writing or are not
    seen, and bytes that are no text become `\\x1b`, `\\n`, `\\u202e`, `\\udcff`. Spaces of all widths stay.
    """
    return text if text.isprintable() else ODD.sub(_spelled, text)


def lines(text: str) -> str:
    """Several lines of text, each of them printable; only the newlines and tabs stay."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def to_json(document: Any) -> str:
    """`document` as indented JSON, readable in any script; what is not printable is escaped as JSON does."""
    return ODD.sub(_in_json, json.dumps(document, indent=2, ensure_ascii=False))


def _harmless(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _spelled(found: re.Match[str]) -> str:
    char = found[0]
    return char if _harmless(char) else char.encode("unicode_escape").decode("ascii")


def _in_json(found: re.Match[str]) -> str:
    char = found[0]
    return char if char == "\n" or _harmless(char) else json.dumps(char)[1:-1]
