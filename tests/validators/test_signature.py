"""Signatures of modules that are compressed, and what hides in them."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable

import pytest
from images import MemoryVolume

from validators.guest import Undecidable
from validators.linux import signature
from validators.tree import Tree

zstd = pytest.importorskip("backports.zstd", reason="backports.zstd is missing")

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}


def unsigned(files: dict[str, bytes]) -> list[str]:
    tree = {f"/lib/modules/6.1/{path}": content for path, content in files.items()}
    return signature.unsigned_modules(Tree({"/": MemoryVolume(tree)}), "6.1")


@pytest.mark.parametrize("suffix", PACK)
def test_a_signature_is_found_whatever_a_module_is_packed_with(suffix: str) -> None:
    signed, bare = (PACK[suffix](bytes(5 << 20) + end) for end in (signature.MODULE_END, b"end"))
    found = unsigned({f"updates/dkms/a.ko{suffix}": signed, f"extra/b.ko{suffix}": bare, "kernel/c.ko": b"x"})
    assert found == [f"/lib/modules/6.1/extra/b.ko{suffix}"]


@pytest.mark.parametrize("suffix", [suffix for suffix in PACK if suffix])
def test_a_broken_module_is_undecidable(suffix: str) -> None:
    packed = PACK[suffix](b"module" * 1000)
    for broken in (packed[:-10], b"broken", packed[:20] + bytes(20)):
        with pytest.raises(Undecidable, match=f"a.ko{suffix} cannot be unpacked"):
            unsigned({f"extra/a.ko{suffix}": broken})


@pytest.mark.parametrize("suffix", [suffix for suffix in PACK if suffix])
def test_a_bomb_is_not_unpacked(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "UNPACKED_LIMIT", 2 << 20)
    with pytest.raises(Undecidable, match="unpack to more than 2097152 bytes"):
        unsigned({f"extra/a.ko{suffix}": PACK[suffix](bytes(8 << 20))})
