"""What a build noted while it ran (`generator.marks`): how far its steps and post-processors came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generator import marks


@dataclass(frozen=True)
class Event:
    """One line of events.jsonl. `source`: the generation; `at`: seconds since 1970; `status`: of the exit."""

    event: Literal["started", "ended"]
    kind: str
    name: str
    source: str
    at: int
    status: int | None = None


def read(out: Path) -> list[Event]:
    """The events of a build whose results are in `out`, in order; a line that is none is left out.

    A newer version than ours is not read: nothing is known of it then.
    """
    try:
        lines = (out / marks.FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            data = json.loads(line)
            if data.pop("v") == marks.VERSION:
                found.append(Event(**data))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def last(events: list[Event], source: str) -> Event | None:
    """Where the build of `source` was when it ended."""
    return next((one for one in reversed(events) if one.source == source), None)
