"""A guest put together from volumes: mounts, and links that are resolved inside and never outside."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Protocol

from validators.guest import READ_LIMIT, Kind, Registry, Stat, Undecidable

NULL = "/dev/null"
MAX_LINKS = 40  # what Linux itself allows in one path
MAX_PATH = 4096  # bytes, likewise
MAX_MATCHES = 10_000
ROOT = "/"


class Volume(Protocol):
    """One file system. Paths are absolute, normalised and free of links; errors are Undecidable."""

    def lstat(self, path: str) -> Stat | None: ...

    def readlink(self, path: str) -> str: ...

    def listdir(self, path: str) -> list[str]: ...

    def read(self, path: str, count: int, offset: int = 0) -> bytes:
        """At most `count` bytes of a regular file from `offset`."""
        ...


class Unreadable:
    """Stands where a file system is mounted that cannot be read: whoever asks is told so."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def lstat(self, path: str) -> Stat | None:
        raise Undecidable(self.reason)

    def readlink(self, path: str) -> str:
        raise Undecidable(self.reason)

    def listdir(self, path: str) -> list[str]:
        raise Undecidable(self.reason)

    def read(self, path: str, count: int, offset: int = 0) -> bytes:
        raise Undecidable(self.reason)


class Tree:
    """The guest's files. `mounts` maps mount points (`/`, `/boot/efi`) to volumes."""

    def __init__(self, mounts: Mapping[str, Volume]) -> None:
        self.mounts = dict(mounts)
        self._by_length = sorted(self.mounts, key=len, reverse=True)
        self._stats: dict[str, Stat | None] = {}

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        found = self._file(path)
        if found is None:
            return None
        real, facts = found
        if facts.size > limit:
            raise Undecidable(f"{path} has {facts.size} bytes; at most {limit} are read")
        return self._read(real, limit)

    def head(self, path: str, count: int) -> bytes | None:
        found = self._file(path)
        return None if found is None else self._read(found[0], count)

    def piece(self, path: str, offset: int, count: int) -> bytes | None:
        found = self._file(path)
        return None if found is None else self._read(found[0], count, offset)

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        real = self._resolve(path, follow)
        return None if real is None else self._lstat(real)

    def readlink(self, path: str) -> str | None:
        real = self._resolve(path, follow=False)
        facts = None if real is None else self._lstat(real)
        if real is None or facts is None or facts.kind is not Kind.LINK:
            return None
        return self._link(real)

    def listdir(self, path: str) -> list[str]:
        real = self._resolve(path, follow=True)
        facts = None if real is None else self._lstat(real)
        if real is None or facts is None or facts.kind is not Kind.DIRECTORY:
            return []
        volume, inner = self._locate(real)
        return sorted(volume.listdir(inner))

    def glob(self, pattern: str) -> list[str]:
        found = [""]
        for part in _parts(pattern):
            if any(special in part for special in "*?["):
                found = [
                    f"{folder}/{name}"
                    for folder in found
                    for name in self.listdir(folder or ROOT)
                    if self._matches(name, part) and (not name.startswith(".") or part.startswith("."))
                ]
            else:
                found = [f"{folder}/{part}" for folder in found]
            if len(found) > MAX_MATCHES:
                raise Undecidable(f"{pattern} matches more than {MAX_MATCHES} paths")
        return [path for path in found if self.stat(path, follow=False) is not None]

    def registry(self, hive: str) -> Registry:
        raise Undecidable("only Windows has a registry")

    @staticmethod
    def _matches(name: str, pattern: str) -> bool:
        return fnmatchcase(name, pattern)

    def _file(self, path: str) -> tuple[str, Stat] | None:
        real = self._resolve(path, follow=True)
        facts = None if real is None else self._lstat(real)
        if real is None or facts is None or facts.kind is Kind.DIRECTORY:
            return None
        if facts.kind is not Kind.FILE:
            raise Undecidable(f"{path} is a {facts.kind}; it is never read")
        return real, facts

    def _resolve(self, path: str, follow: bool) -> str | None:
        """The path without links, or None if a part of it does not exist.

        `..` at the top stays at the top, as the kernel does it, so no link leads out of the guest. A link
        to /dev/null leads to nothing: that is how configuration, rules of udev and units are masked, and
        whether the image holds the device node makes no difference.
        """
        if len(path) > MAX_PATH:
            raise Undecidable(f"a path of {len(path)} characters; at most {MAX_PATH} are followed")
        waiting = _parts(path)[::-1]
        done: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                del done[-1:]
                continue
            here = ROOT + "/".join([*done, part])
            facts = self._lstat(here)
            if facts is None:
                return None
            if facts.kind is Kind.LINK and (follow or waiting):
                links += 1
                if links > MAX_LINKS:
                    raise Undecidable(f"{path}: a loop of symbolic links, or more than {MAX_LINKS} of them")
                target = self._link(here)
                if target.startswith(ROOT):
                    done = []
                waiting.extend(_parts(target)[::-1])
                if len(waiting) > MAX_PATH:
                    raise Undecidable(f"{path}: its symbolic links do not end")
                continue
            if waiting and facts.kind is not Kind.DIRECTORY:
                return None
            done.append(part)
        real = ROOT + "/".join(done)
        return None if links and follow and real == NULL else real

    def _lstat(self, real: str) -> Stat | None:
        if real not in self._stats:
            volume, inner = self._locate(real)
            self._stats[real] = volume.lstat(inner)
        return self._stats[real]

    def _link(self, real: str) -> str:
        volume, inner = self._locate(real)
        return volume.readlink(inner)

    def _read(self, real: str, count: int, offset: int = 0) -> bytes:
        volume, inner = self._locate(real)
        return volume.read(inner, count, offset)

    def _locate(self, real: str) -> tuple[Volume, str]:
        for point in self._by_length:
            if point == ROOT:
                break
            if real == point or real.startswith(f"{point}/"):
                return self.mounts[point], real[len(point) :] or ROOT
        return self.mounts[ROOT], real


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
