"""What this machine knows of an upload that is under way: which blocks the blob is known to hold.

One file per blob in `$XDG_STATE_HOME/vmoffer/uploads`, with a line per block: its place, and the digest of
what was sent. It only saves reading back. Without it, as on another machine, what the blob holds is read
and compared. It is believed for a block only if the file still has the content that was sent, and for the
blob only if nobody else can have written to it since: the same run is named in the blob's metadata, and
the blob was not written to after the last line, but for what was on its way then.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from generator.errors import Surroundings
from generator.home import state

SLACK = 15.0  # seconds; shorter than the lease is left for after its last renewal


class Journal:
    """Opened by one process at a time; `run` is the id of the upload, and of its lease."""

    def __init__(self, url: str) -> None:
        """Raises Surroundings if another process of this machine works on `url`."""
        self.path = _folder() / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self.path.open("a+")
        self._lock = threading.Lock()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Surroundings(
                "another upload to the same blob is under way on this machine", where=url, hint="wait for it"
            ) from None
        self.run, self.known, self._last = self._read()

    def believed(self, run: str | None, modified: datetime) -> Mapping[int, str]:
        """The digests of the blocks that the blob holds for sure, by their start.

        `run` is the upload that the blob's metadata names, `modified` when it was written to last.
        """
        mine = run == self.run and modified.timestamp() <= self._last + SLACK
        return self.known if mine else {}

    def begin(self) -> None:
        """Start anew: nothing in the blob is known."""
        self._file.truncate(0)
        self._write({"run": self.run})

    def note(self, start: int, digest: str, modified: float) -> None:
        """The blob holds the block at `start`, and was written to at `modified` (seconds since 1970)."""
        self._write({"at": start, "blake3": digest, "when": modified})

    def done(self) -> None:
        """The blob is proven; nothing has to be remembered."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _write(self, line: Mapping[str, object]) -> None:
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def _read(self) -> tuple[str, dict[int, str], float]:
        """The run, its blocks, and when it last wrote; a new run if the file is none of ours."""
        self._file.seek(0)
        known: dict[int, str] = {}
        last = 0.0
        try:
            run = str(uuid.UUID(json.loads(self._file.readline())["run"]))
            for text in self._file:
                if text.endswith("\n"):  # the last line may be half of one
                    line = json.loads(text)
                    known[int(line["at"])] = str(line["blake3"])
                    last = max(last, float(line["when"]))
        except (ValueError, KeyError, TypeError):
            return str(uuid.uuid4()), {}, 0.0
        return run, known, last


def _folder() -> Path:
    return state() / "uploads"
