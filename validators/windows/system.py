"""A Windows system as a guest: its files without regard to case, and its registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from validators.guest import Kind, Registry, Undecidable
from validators.tree import Tree, Volume
from validators.windows.hive import Hive, Key, Value
from validators.windows.hivelog import Log

CONFIG = "/Windows/System32/config"
BOOT_FILES = ("/EFI/Microsoft/Boot/BCD", "/Boot/BCD")  # on the EFI system partition, or on the active one
LOGS = (".LOG1", ".LOG2", ".LOG")  # beside every hive; .LOG is the only one of Windows XP
CURRENT = "CURRENTCONTROLSET"


class System(Tree):
    """The Windows volume is `/` and C:; every other volume of the disk lies at `/<its title>`.

    No name on NTFS or FAT holds a `<`, so that nothing on C: is hidden.
    """

    def __init__(self, system: Volume, others: Mapping[str, Volume]) -> None:
        super().__init__({"/": system, **{f"/<{title}>": volume for title, volume in others.items()}})
        self._hives: dict[str, Registry] = {}

    def registry(self, hive: str) -> Registry:
        name = hive.upper()
        if name not in self._hives:
            path = self._boot_file() if name == "BCD" else f"{CONFIG}/{name}"
            found = self._open(path)
            self._hives[name] = _CurrentControlSet(found, path) if name == "SYSTEM" else found
        return self._hives[name]

    def boot_file(self) -> str | None:
        """Where the boot configuration lies; None if there is none."""
        for point in self.mounts:
            for path in BOOT_FILES:
                try:
                    facts = self.stat(f"{point.rstrip('/')}{path}")
                except Undecidable:  # a volume that cannot be read; the next one may hold it
                    continue
                if facts is not None and facts.kind is Kind.FILE:
                    return f"{point.rstrip('/')}{path}"
        return None

    def _boot_file(self) -> str:
        path = self.boot_file()
        if path is None:
            raise Undecidable(f"there is no boot configuration: no {' and no '.join(BOOT_FILES)}")
        return path

    def _open(self, path: str) -> Hive:
        facts = self.stat(path)
        if facts is None or facts.kind is not Kind.FILE:
            raise Undecidable(f"there is no hive {path}")
        return Hive(self._reader(path), facts.size, path, lambda: self._logs(path))

    def _reader(self, path: str) -> Callable[[int, int], bytes]:
        return lambda offset, count: self.piece(path, offset, count) or b""

    def _logs(self, path: str) -> list[Log]:
        """The transaction logs of a hive that hold anything."""
        found = [(f"{path}{ending}", self.stat(f"{path}{ending}")) for ending in LOGS]
        return [
            Log(name, self._reader(name), facts.size)
            for name, facts in found
            if facts is not None and facts.kind is Kind.FILE and facts.size
        ]

    @staticmethod
    def _matches(name: str, pattern: str) -> bool:
        return fnmatchcase(name.casefold(), pattern.casefold())


class _CurrentControlSet:
    """The hive SYSTEM, where CurrentControlSet is the control set that Windows starts with."""

    def __init__(self, hive: Hive, path: str) -> None:
        self._hive, self._path = hive, path
        self._current = ""

    def value(self, path: str, name: str) -> Value | None:
        return self._hive.value(self._mapped(path), name)

    def values(self, path: str) -> list[Value]:
        return self._hive.values(self._mapped(path))

    def subkeys(self, path: str) -> list[str]:
        return self._hive.subkeys(self._mapped(path))

    def key(self, path: str) -> Key | None:
        return self._hive.key(self._mapped(path))

    def _mapped(self, path: str) -> str:
        first, slash, rest = path.lstrip("\\").partition("\\")
        if first.upper() != CURRENT:
            return path
        if not self._current:
            number = self._hive.value("Select", "Current")
            if number is None or not isinstance(number.data, int):
                raise Undecidable(f"{self._path}: Select\\Current does not say which control set is in force")
            self._current = f"ControlSet{number.data:03}"
            if self._hive.key(self._current) is None:
                raise Undecidable(f"{self._path}: Select\\Current names {self._current}, which is not there")
        return f"{self._current}{slash}{rest}"
