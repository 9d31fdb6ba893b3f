"""rpmdb.sqlite, rpm's database since RHEL 9 and Fedora 33: one row for each package, its header a blob.

SQLite wants a file, so the database is copied out of the image first, with its write-ahead log if it has one.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from validators.guest import Guest, Undecidable
from validators.linux import rpmheader
from validators.linux.package import Package

SIZE_LIMIT = 512 << 20  # bytes; 3,000 packages, far more than an image has, take about 250 MB
PIECE = 4 << 20  # bytes copied at a time
PACKAGES_LIMIT = 100_000
VALUE_LIMIT = 64 << 20  # bytes of one header
STEPS = 200_000_000  # of SQLite's machine; reading the largest takes a thousandth of it
STEPS_AT_A_TIME = 100_000


def packages(guest: Guest, path: str) -> Iterator[Package]:
    """Every package. Raises Undecidable where the database is too large or broken."""
    try:
        with TemporaryDirectory(prefix="vmoffer-", ignore_cleanup_errors=True) as folder:
            copy = Path(folder, "rpmdb.sqlite")
            _copy(guest, path, copy)
            logged = _copy(guest, f"{path}-wal", Path(f"{copy}-wal"))
            # Without a log nothing may be written, not even beside the copy; with one SQLite has to.
            mode = "mode=rw" if logged else "mode=ro&immutable=1"
            with closing(sqlite3.connect(f"{copy.as_uri()}?{mode}", uri=True)) as database:
                numbers = _numbers(database, path)
                # All is open by now. A process that is stopped from here on leaves nothing behind.
                shutil.rmtree(folder)
                for number in numbers:
                    with database.blobopen("Packages", "blob", number, readonly=True) as header:
                        yield rpmheader.read(partial(_part, header), f"{path}, package {number}")
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite quotes a broken name
        raise Undecidable(f"{path} is no database that SQLite can read: {error}") from None
    except OSError as error:
        raise Undecidable(f"{path} cannot be copied out of the image: {error.strerror}") from None


def _numbers(database: sqlite3.Connection, path: str) -> list[int]:
    """The numbers of all packages, under bounds on what a forged database may cost."""
    left = STEPS // STEPS_AT_A_TIME

    def enough() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    database.set_progress_handler(enough, STEPS_AT_A_TIME)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT)
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON"):
        database.execute(f"PRAGMA {pragma}")
    found = database.execute("SELECT hnum FROM Packages LIMIT ?", (PACKAGES_LIMIT + 1,)).fetchall()
    if len(found) > PACKAGES_LIMIT:
        raise Undecidable(f"{path} has more than {PACKAGES_LIMIT} packages")
    if not all(isinstance(number, int) for (number,) in found):
        raise Undecidable(f"{path} has a package without a number")
    return [number for (number,) in found]


def _part(header: sqlite3.Blob, offset: int, count: int) -> bytes:
    if offset >= len(header):
        return b""
    header.seek(offset)
    return header.read(count)


def _copy(guest: Guest, path: str, to: Path) -> bool:
    """Whether there was anything to copy."""
    facts = guest.stat(path)
    if facts is None or not facts.size:
        return False
    if facts.size > SIZE_LIMIT:
        raise Undecidable(f"{path} has {facts.size} bytes; at most {SIZE_LIMIT} are read")
    with to.open("wb") as file:
        for offset in range(0, facts.size, PIECE):
            file.write(guest.piece(path, offset, PIECE) or b"")
    return True
