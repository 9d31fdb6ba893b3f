"""Comparing dotted versions by their numbers, which is all that the thresholds of the graders need."""

from __future__ import annotations

import re


def numbers(version: str) -> tuple[int, ...]:
    """The leading dotted numbers: `1:2.7.3.0-4.1` → (2, 7, 3, 0). Empty if it does not start with one."""
    found = re.match(r"(?:\d+:)?(\d{1,9}(?:\.\d{1,9})*)", version.strip())
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def at_least(version: str, minimum: str) -> bool:
    """Whether `version` is not older than `minimum`; missing parts count as 0."""
    have, need = numbers(version), numbers(minimum)
    width = max(len(have), len(need))
    return have + (0,) * (width - len(have)) >= need + (0,) * (width - len(need))
