"""actionlint, which checks the workflows that `vmoffer ci github` writes; only the tests use it."""

from __future__ import annotations

from pathlib import Path

from tools import cache, golang
from tools.cache import Say

ACTIONLINT = golang.Pin("actionlint", owner="rhysd", command="/cmd/actionlint")


def ensure(say: Say) -> Path:
    """The pinned actionlint, reused or built (seconds). Raises Surroundings if it can be neither."""
    with cache.locked("actionlint", say):
        return golang.built(ACTIONLINT, say)
