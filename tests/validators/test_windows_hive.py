"""Hives are read as others read them, and a broken one is refused with the offset."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images import need, run
from windows_hive import PAGE, SEGMENT, Data, Expand, Lists, Raw, checked, encoded, hive

from validators.guest import Undecidable
from validators.windows.hive import KEYS_LIMIT, VALUE_LIMIT, Hive

MANY = 1203  # more than one list holds
KEYS: dict[str, dict[str, Data]] = {
    r"Select": {"Current": 1},
    r"Setup\State": {"ImageState": "IMAGE_STATE_COMPLETE", "": "the default value"},
    r"A\b c\ключ": {
        "имя": b"12345",
        "e": Expand("%x%"),
        "m": ["a", "b"],
        "q": Raw(11, b"\1" * 8),
        "empty": "",
    },
    r"Big": {"one": b"x" * SEGMENT, "two": b"y" * (SEGMENT + 1), "more": bytes(range(256)) * 300},
    **{rf"Many\k{number:04}": {"v": number} for number in range(MANY)},
}
NAMES = st.text(st.characters(exclude_characters="\\\0", exclude_categories=("Cs",)), min_size=1, max_size=20)
VALUES = st.one_of(st.integers(0, 0xFFFFFFFF), st.binary(max_size=40), st.text("abcключ%", max_size=20))


def opened(data: bytes) -> Hive:
    return Hive(lambda offset, count: data[offset : offset + count], len(data), "SYSTEM")


@pytest.mark.parametrize("lists", ["lf", "lh", "li"])
def test_every_form_of_list_and_value_is_read(lists: Lists) -> None:
    found = opened(hive(KEYS, lists=lists))
    assert found.subkeys("") == ["A", "Big", "Many", "Select", "Setup"]
    assert found.value("SELECT", "current").data == 1  # type: ignore[union-attr]
    assert len(found.subkeys("Many")) == MANY
    assert found.value(rf"many\K{MANY - 1}", "V").data == MANY - 1  # type: ignore[union-attr]
    values = {value.name: (value.kind, value.data) for value in found.values(r"a\B C\КЛЮЧ")}
    number = int.from_bytes(b"\1" * 8, "little")
    assert values == {
        "имя": (3, b"12345"), "e": (2, "%x%"), "m": (7, ("a", "b")), "q": (11, number), "empty": (1, ""),
    }  # fmt: skip
    assert {value.name: value.data for value in found.values("Big")} == KEYS["Big"]
    assert found.value(r"Setup\State", "nothing") is None
    assert found.value(r"Setup\Nothing", "x") is None and found.values("Nothing") == []


@pytest.mark.parametrize("lists", ["lf", "lh", "li"])
def test_the_hives_of_the_tests_are_hives_to_libregf(lists: Lists, tmp_path: Path) -> None:
    pyregf = pytest.importorskip("pyregf", reason="libregf-python is not installed")
    path = tmp_path / "hive"
    path.write_bytes(hive(KEYS, lists=lists))
    file = pyregf.file()
    file.open(str(path))
    assert not file.is_corrupted()
    assert file.get_key_by_path("\\Many").number_of_sub_keys == MANY
    for name, values in list(KEYS.items())[:20]:
        key = file.get_key_by_path("\\" + name)
        found = {value.name or "": (value.type, value.data or b"") for value in key.values}
        assert found == {value: encoded(data) for value, data in values.items()}
    file.close()


def test_the_hives_of_the_tests_are_hives_to_hivex(tmp_path: Path) -> None:
    need("hivexget")
    path = tmp_path / "hive"
    path.write_bytes(hive(KEYS))
    run("hivexget", path, rf"Many\k{MANY - 1}", "v")
    run("hivexget", path, r"Setup\State", "ImageState")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=8))
def test_what_is_written_is_read(keys: dict[str, dict[str, int | bytes | str]]) -> None:
    folded = {name.upper(): (name, values) for name, values in keys.items()}
    wanted = {
        name: {one.upper(): (one, data) for one, data in values.items()} for name, values in folded.values()
    }
    found = opened(hive({name: dict(values.values()) for name, values in wanted.items()}))
    assert set(found.subkeys("")) == set(wanted)
    for name, values in wanted.items():
        assert {value.name: value.data for value in found.values(name)} == dict(values.values())


def test_a_hive_that_was_not_written_to_its_end_is_refused() -> None:
    with pytest.raises(Undecidable, match=r"sequence numbers 5 and 4.*not shut down in order"):
        opened(hive(KEYS, sequences=(5, 4)))


def test_a_header_that_does_not_add_up_is_refused_with_its_offset() -> None:
    data = bytearray(hive(KEYS))
    data[40] ^= 1
    with pytest.raises(Undecidable, match="SYSTEM is broken at 0x1fc: the checksum"):
        opened(bytes(data))


@pytest.mark.parametrize("keep", [0, 4, 511, PAGE - 1])
def test_a_hive_without_its_header_is_refused(keep: int) -> None:
    with pytest.raises(Undecidable, match="SYSTEM is broken at"):
        opened(hive(KEYS)[:keep])


@pytest.mark.parametrize("size", [-1, 0, 8, 0x7FFFFFFF])
def test_a_cell_that_is_free_or_does_not_fit_is_refused_with_its_offset(size: int) -> None:
    data = bytearray(hive(KEYS))
    (root,) = struct.unpack_from("<I", data, 36)
    struct.pack_into("<i", data, PAGE + root, size if size >= 0 else -0x80000000)
    with pytest.raises(Undecidable, match=f"broken at {PAGE + root:#x}: there is no cell in use"):
        opened(bytes(data)).key("Select")


def patched(name: bytes, mark: bytes, at: int, data: bytes) -> Hive:
    """The clean hive with `data` at an offset in the first cell of a kind that has this name."""
    whole = bytearray(hive(KEYS))
    place = whole.find(name) - (76 if mark == b"nk" else 20)
    assert whole[place : place + 2] == mark
    whole[place + at : place + at + len(data)] = data
    return opened(bytes(whole))


def test_a_key_that_is_its_own_child_ends() -> None:
    whole = bytearray(hive({"Loop": {}}))
    (root,) = struct.unpack_from("<I", whole, 36)
    (below,) = struct.unpack_from("<I", whole, PAGE + root + 4 + 28)
    struct.pack_into("<I", whole, PAGE + below + 4 + 4, root)
    found = opened(bytes(whole))
    assert found.subkeys("ROOT\\ROOT\\ROOT\\ROOT") == ["ROOT"]


def test_a_list_of_lists_that_points_at_itself_is_refused() -> None:
    whole = bytearray(hive(KEYS))
    place = whole.find(b"ri")
    struct.pack_into("<I", whole, place + 4, place - 4 - PAGE)
    with pytest.raises(Undecidable, match="there is no list of keys"):
        opened(bytes(whole)).subkeys("Many")


@pytest.mark.parametrize(
    ("name", "mark", "at", "data", "path", "said"),
    [
        (b"Many", b"nk", 20, struct.pack("<I", KEYS_LIMIT + 1), "Many", f"{KEYS_LIMIT + 1} keys"),
        (b"Many", b"nk", 20, struct.pack("<I", 5), "Many", "where 5 are counted"),
        (b"Select", b"nk", 36, struct.pack("<I", 0xFFFFFFF0), "Select", "values"),
        (b"Select", b"nk", 72, b"\xff\xff", "", "the name of a key does not fit"),
        (b"ImageState", b"vk", 2, b"\xff\xff", r"Setup\State", "the name of a value does not fit"),
        (
            b"ImageState",
            b"vk",
            4,
            struct.pack("<I", VALUE_LIMIT + 1),
            r"Setup\State",
            f"{VALUE_LIMIT + 1} bytes",
        ),
        (b"ImageState", b"vk", 8, struct.pack("<I", 0x7FFFFFF8), r"Setup\State", "there is no cell|it ends"),
        (b"ImageState", b"vk", 8, struct.pack("<I", 4), r"Setup\State", "there is no cell"),
        (b"more", b"vk", 4, struct.pack("<I", 900_000), "Big", "pieces for a value of 900000 bytes"),
    ],
)
def test_a_broken_structure_is_named(
    name: bytes, mark: bytes, at: int, data: bytes, path: str, said: str
) -> None:
    found = patched(name, mark, at, data)
    with pytest.raises(Undecidable, match=said) as reason:
        found.subkeys(path)
        found.values(path)
    assert "SYSTEM is broken at 0x" in str(reason.value)


def test_damage_anywhere_is_refused_or_harmless() -> None:
    keys = {name: values for name, values in KEYS.items() if "Many" not in name or "7" in name[-1:]}
    clean, random = hive(keys), Random(3)
    for _ in range(400):
        data = bytearray(clean)
        for _ in range(random.choice((1, 3, 30))):
            at = random.randrange(PAGE, len(data) - 4)
            data[at : at + 4] = random.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", random.randbytes(4)))
        whole = checked(bytes(data[:PAGE])) + bytes(data[PAGE : random.choice((len(data), len(data) // 2))])
        try:
            found = opened(whole)
            for path in list(keys)[:20]:
                found.values(path)
                found.subkeys(path)
        except Undecidable:
            pass


def test_only_what_is_asked_for_is_read() -> None:
    data = hive({**KEYS, **{rf"Filler\k{number}": {"v": b"z" * 16000} for number in range(300)}})
    read = []

    def piece(offset: int, count: int) -> bytes:
        read.append(count)
        return data[offset : offset + count]

    assert Hive(piece, len(data), "SYSTEM").value("Select", "Current") is not None
    assert len(data) > 4_000_000 and sum(read) < len(data) / 4
