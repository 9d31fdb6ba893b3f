"""Data as PowerShell source: literals that hold exactly what they are given and run nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

# PowerShell takes the typographic single quotes for plain ones.
QUOTES = "'\u2018\u2019\u201a\u201b"


def literal(value: Any, depth: int = 0) -> str:
    """`value` (text, whole number, truth value, list or mapping of these) as a PowerShell expression.

    Raises ValueError for anything else, and for text with control characters.
    """
    if isinstance(value, bool):
        return "$true" if value else "$false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    pad, end = "    " * (depth + 1), "    " * depth
    if isinstance(value, Mapping):
        pairs = [f"{_text(str(key))} = {literal(item, depth + 1)}" for key, item in value.items()]
        return "@{ " + "; ".join(pairs) + " }"
    if isinstance(value, Sequence):
        items = [literal(item, depth + 1) for item in value]
        if any(isinstance(item, Mapping) for item in value):
            return "@(\n" + ",\n".join(pad + item for item in items) + f"\n{end})"
        return "@(" + ", ".join(items) + ")"
    raise ValueError(f"PowerShell has no literal for {value!r}")


def here_string(text: str) -> str:
    """Text of several lines as it is; raises ValueError where a line would end the string early."""
    if any(line.lstrip().startswith(tuple(f"{quote}@" for quote in QUOTES)) for line in text.splitlines()):
        raise ValueError("a line begins with '@, which ends the string")
    return f"@'\n{text.rstrip()}\n'@"


# How Packer's powershell provisioner sets a variable: for values that `carried` wrote, and any other.
CARRIED = "vmoffer-utf16:"
ENV_VAR_FORMAT = (
    f"$env:%s=&{{param($v) if($v.StartsWith('{CARRIED}')){{[Text.Encoding]::Unicode.GetString("
    f'[Convert]::FromBase64String($v.Substring({len(CARRIED)})))}}else{{$v}}}} "%s"; '
)


def carried(text: str) -> str:
    """`text` for the env of Packer's powershell provisioner: as it is, or encoded if that is not enough.

    The provisioner writes `"…"` into a file of UTF-8 without a mark. Windows PowerShell reads it in the code
    page of the machine, where some letters become the typographic quotes that it takes for plain ones. And
    Packer evaluates `{{` for as long as it finds any.
    """
    return (
        text
        if text.isascii() and "{{" not in text
        else CARRIED + b64encode(text.encode("utf-16-le")).decode()
    )


def _text(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError(f"control characters in {text!r}")
    return "'" + "".join(char * 2 if char in QUOTES else char for char in text) + "'"
