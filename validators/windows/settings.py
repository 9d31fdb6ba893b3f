"""Registry values compared with a rule's table `limits.registry` (its columns: rules/windows.toml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from validators.guest import Guest
from validators.windows.hive import EXPAND_SZ, Value

SHOWN = 80  # characters of a value in a sentence


def complaints(guest: Guest, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for every row that is not met. Raises Undecidable where a hive cannot be read."""
    found = (_complaint(guest, row) for row in rows)
    return [one for one in found if one]


def path(row: Mapping[str, Any]) -> str:
    """The full name of the value that a row is about."""
    return f"{row['key']}\\{row['value']}"


def described(row: Mapping[str, Any]) -> str:
    """What a row wants, for people."""
    if row.get("absent"):
        return f"{path(row)}: must not be set"
    what = f"must name {row['contains']}" if "contains" in row else _wanted(row).removeprefix("wanted ")
    kind = " (REG_EXPAND_SZ)" if row.get("expand") else ""
    return f"{path(row)}: {what}{kind}{', or not set' if row.get('optional') or 'isnt' in row else ''}"


def find(guest: Guest, key: str, name: str) -> Value | None:
    """The value `name` of a key that starts with its hive; None if there is none."""
    hive, _, inner = key.partition("\\")
    return guest.registry(hive).value(inner, name)


def number(guest: Guest, key: str, name: str) -> int | None:
    """A value that is a number; None if it is missing or something else."""
    value = find(guest, key, name)
    return value.data if value and isinstance(value.data, int) else None


def text(guest: Guest, key: str, name: str) -> str | None:
    """A value that is a text; None if it is missing or something else."""
    value = find(guest, key, name)
    return value.data if value and isinstance(value.data, str) else None


def _complaint(guest: Guest, row: Mapping[str, Any]) -> str:
    value = find(guest, row["key"], row["value"])
    if value is None:
        if row.get("absent") or row.get("optional") or "isnt" in row:
            return ""
        return f"{path(row)} is not set, {_wanted(row)}"
    if row.get("absent"):
        return f"{path(row)} is set"
    if row.get("expand") and value.kind != EXPAND_SZ:
        return f"{path(row)} is no REG_EXPAND_SZ"
    return "" if _good(value, row) else f"{path(row)} is {shown(value.data)}, {_wanted(row)}"


def _good(value: Value, row: Mapping[str, Any]) -> bool:
    found = _folded(value.data)
    if "contains" in row:
        return isinstance(found, str) and row["contains"].casefold() in found
    if "isnt" in row:
        return bool(found != row["isnt"])
    wanted = row["is"] if isinstance(row["is"], list) else [row["is"]]
    return any(bool(found == _folded(one)) for one in wanted)


def _wanted(row: Mapping[str, Any]) -> str:
    if "contains" in row:
        return f"it must name {row['contains']}"
    if "isnt" in row:
        return f"wanted anything but {row['isnt']}"
    wanted = row["is"] if isinstance(row["is"], list) else [row["is"]]
    return f"wanted {' or '.join(shown(one) for one in wanted)}"


def _folded(data: Any) -> Any:
    return data.casefold() if isinstance(data, str) else data


def shown(data: Any) -> str:
    shown = data.hex(" ") if isinstance(data, bytes) else str(data)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
