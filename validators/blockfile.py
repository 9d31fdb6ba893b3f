"""Any `blocks.Blocks` as a file that dfvfs and the readers behind it can open."""

from __future__ import annotations

import os
from typing import Any

from dfvfs.file_io.file_io import FileIO
from dfvfs.path.path_spec import PathSpec
from dfvfs.resolver_helpers.manager import ResolverHelperManager
from dfvfs.resolver_helpers.resolver_helper import ResolverHelper

from validators.blocks import Blocks

TYPE = "VMOFFER_BLOCKS"


class BlocksSpec(PathSpec):  # type: ignore[misc]
    """Where dfvfs finds `blocks`; the same object gives the same place."""

    TYPE_INDICATOR = TYPE
    _IS_SYSTEM_LEVEL = True

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self.blocks = blocks

    @property
    def comparable(self) -> str:
        return str(self._GetComparable(f"blocks: {id(self.blocks)}"))


class _File(FileIO):  # type: ignore[misc]
    def __init__(self, context: Any, spec: BlocksSpec) -> None:
        super().__init__(context, spec)
        self._blocks = spec.blocks
        self._offset = 0

    def _Open(self) -> None:
        pass

    def _Close(self) -> None:
        pass

    def read(self, size: int | None = None) -> bytes:
        count = max(0, self._blocks.size - self._offset) if size is None else size
        data = self._blocks.read(self._offset, count)
        self._offset += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: self._blocks.size}[whence]
        if start + offset < 0:
            raise OSError("seek to before the disk")
        self._offset = start + offset

    def get_offset(self) -> int:
        return self._offset

    def get_size(self) -> int:
        return self._blocks.size


class _Helper(ResolverHelper):  # type: ignore[misc]
    TYPE_INDICATOR = TYPE

    def NewFileObject(self, resolver_context: Any, path_spec: BlocksSpec) -> _File:
        return _File(resolver_context, path_spec)


ResolverHelperManager.RegisterHelper(_Helper())
