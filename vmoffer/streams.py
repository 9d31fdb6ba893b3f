"""stdin, stdout and stderr as a command can rely on them, whoever started it and whoever reads."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from typing import TextIO


def prepare() -> None:
    """Open what was handed over closed, and write so that neither a reader nor an encoding ends the command.

    A closed descriptor would go to the next file that is opened, and that file would get our messages. A
    reader that closes its pipe, and a terminal that is gone, lose the rest of the text; the command goes on
    and keeps its own exit status. What an encoding lacks is spelled out. A full disk stays an error.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    sys.stdout, sys.stderr = _writer(1, sys.stdout), _writer(2, sys.stderr)


def _writer(number: int, was: TextIO | None) -> TextIO:
    raw = _Patient(number, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=was.encoding if was else "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )


class _Patient(io.FileIO):
    """A descriptor that nobody may be reading any more."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if not self._unread(error):
                raise
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, self.fileno())
        os.close(sink)
        return super().write(data)  # type: ignore[arg-type]

    def _unread(self, error: OSError) -> bool:
        """EPIPE, and the EIO of a terminal that was closed; that of a disk is an error."""
        if error.errno == errno.EIO:
            return stat.S_ISCHR(os.fstat(self.fileno()).st_mode)
        return error.errno == errno.EPIPE
