"""Python values as HCL2 text that means exactly those values, and nothing more."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from generator.errors import Unusable

# `$` and `%` before a brace would open a template. Written as an escape, the pair never reaches HCL's
# scanner; the usual doubling (`$${`) is ambiguous after another `$`.
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ATTRIBUTE = re.compile(r'^(\s*)([A-Za-z_][\w-]*|"(?:[^"\\]|\\.)*") = (.*)$')
_BLANKS = re.compile(r"\n{3,}")
_BRACKET = re.compile(r"[][(){}]")
_SPECIAL = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029]|[$%](?=\{)')  # and control characters
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class Hcl(str):
    """Text that is HCL already; the only thing that may be printed into a template."""

    __slots__ = ()


def hcl(value: Any) -> Hcl:
    """`value` as an HCL expression: text, finite numbers, booleans, None, lists and mappings of those.

    Raises `Unusable` for text that UTF-8 cannot carry and TypeError for any other type.
    """
    if isinstance(value, Hcl):
        return value
    if value is None:
        return Hcl("null")
    if isinstance(value, bool):
        return Hcl("true" if value else "false")
    if isinstance(value, int):
        return Hcl(str(value))
    if isinstance(value, float) and math.isfinite(value):
        return Hcl(f"{Decimal(repr(value)):f}")
    if isinstance(value, str):
        return Hcl(f'"{_quoted(value)}"')
    if isinstance(value, list | tuple):
        return Hcl("[" + ", ".join(hcl(item) for item in value) + "]")
    if isinstance(value, dict):
        return Hcl("{ " + ", ".join(f"{hcl(str(k))} = {hcl(v)}" for k, v in value.items()) + " }")
    raise TypeError(f"no HCL for a {type(value).__name__}")


def plugin(value: Any) -> Hcl:
    """`value` for an attribute that a plugin reads.

    Plugins run their attributes through Go templates after HCL is done with them, so `{{` is guarded too.
    """
    return hcl(_unbraced(value))


def inert(text: str) -> str:
    """`text` as the value of a variable (`-var`) that a plugin reads: Go templates give `text` back."""
    guarded: str = _unbraced(text)
    return guarded


def noted(text: str) -> Hcl:
    """`text` for an attribute that a plugin evaluates again and again until nothing changes any more.

    These are, by the sources of Packer 1.16 (interpolate.Render): manifest's custom_data, file's destination,
    powershell's env, inline lines, the environment of shell-local. No guard lasts there, so two braces are
    written as JSON may write them, `{\\u007b`; fit for what is read by people or as JSON.
    """
    return hcl(unbraced(text))


def unbraced(text: str) -> str:
    """`text` with `{\\u007b` for two braces, which in JSON is the same."""
    return text.replace("{{", "{\\u007b")


def inner(text: str) -> Hcl:
    """What `plugin` says of `text`, without the quotes: to go on inside a quoted template."""
    return Hcl(plugin(text)[1:-1])


def only_hcl(value: Any) -> str:
    """Jinja's `finalize`: refuses to print a value that no filter has quoted."""
    if not isinstance(value, Hcl):
        raise TypeError(f"a template prints {value!r} without the hcl or plugin filter")
    return value


def tidy(text: str) -> str:
    """Align `=` in runs of neighbouring attributes, the way `packer fmt` does; one blank line at a time."""
    lines: list[str] = []
    run: list[tuple[str, str, str]] = []
    for line in [*_BLANKS.sub("\n\n", text).split("\n"), ""]:
        match = _ATTRIBUTE.match(line)
        if match and _closed(match[3]) and (not run or match[1] == run[0][0]):
            run.append((match[1], match[2], match[3]))
            continue
        if run:
            width = max(len(name) for _, name, _ in run)
            lines += [f"{indent}{name:<{width}} = {rest}" for indent, name, rest in run]
            run = []
        lines.append(line)
    return "\n".join(lines).rstrip("\n") + "\n"


def _quoted(text: str) -> str:
    if _SURROGATE.search(text):
        raise Unusable("text with half of a surrogate pair cannot be written as UTF-8", where=ascii(text))
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", text)


def _unbraced(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Hcl):
        return value.replace("{{", '{{"{{"}}')
    if isinstance(value, list | tuple):
        return [_unbraced(item) for item in value]
    if isinstance(value, dict):
        return {key: _unbraced(item) for key, item in value.items()}
    return value


def _closed(expression: str) -> bool:
    """Whether brackets outside strings balance, so that the attribute ends on its line."""
    if not _BRACKET.search(expression):
        return True
    bare = _STRING.sub("", expression)
    return sum(bare.count(char) for char in "([{") == sum(bare.count(char) for char in ")]}")
