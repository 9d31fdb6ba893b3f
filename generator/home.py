"""Where vmoffer keeps what belongs to the user and to no project: a cache, and state."""

from __future__ import annotations

import os
from pathlib import Path

from generator.errors import Surroundings


def cache() -> Path:
    """`$XDG_CACHE_HOME/vmoffer`, or `~/.cache/vmoffer`; not created here."""
    return _base("XDG_CACHE_HOME", ".cache") / "vmoffer"


def state() -> Path:
    """`$XDG_STATE_HOME/vmoffer`, or `~/.local/state/vmoffer`; not created here."""
    return _base("XDG_STATE_HOME", ".local/state") / "vmoffer"


def home() -> Path:
    """The user's home. Raises Surroundings for a user id without a passwd entry where HOME is not set."""
    try:
        return Path.home()
    except RuntimeError:
        raise Surroundings(
            f"the user id {os.getuid()} has no home folder",
            hint="set HOME to a folder that this user may write to",
        ) from None


def _base(variable: str, below: str) -> Path:
    given = os.environ.get(variable)
    # A relative path counts as not set, by the XDG Base Directory Specification.
    return Path(given) if given and Path(given).is_absolute() else home() / below
