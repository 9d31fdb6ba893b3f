"""What the waivers of a definition make of the rules that it breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from generator.breach import Breach
from generator.waive import Waive, expired


def applied(waive: Sequence[Waive], breach: Breach) -> Breach:
    """`breach`, as a warning that names the waiver if one of `waive` holds for its rule today."""
    for one in waive:
        if one.rule == breach.rule and not expired(one.until):
            until = f" until {one.until}" if one.until else ""
            return replace(breach, status="warn", evidence=f"{breach.evidence} (waived{until}: {one.why})")
    return breach


def over(waive: Sequence[Waive]) -> Iterator[Breach]:
    """A warning for each waiver that has expired: its rule counts again."""
    for index, one in enumerate(waive):
        if expired(one.until):
            fix = "fix what it was for and remove it, or set a later day"
            yield Breach(one.rule, ("waive", index), f"a waiver that expired on {one.until}", fix, "warn")
