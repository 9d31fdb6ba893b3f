"""A definition that cannot be used names every error with its line and field."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import LINUX, write
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from generator.bounded_yaml import MAX_DEPTH, Refused, compose
from generator.load import Invalid, load, read

SIX_MISTAKES = """\
publisher: contoso
offer: {id: shop, titel: Shop}
plan: {id: basic, title: Basic, summary: The basic shop}
version: 1.2
generations: [gen3]
os: {family: linux, distribution: debian, version: "12", friendly_name: Debian}
base:
  qemu: {file: a.img, recipe: debian-12}
data_disks:
  - lun: -1
    size_gib: 8
  - lun: 1
    lun: 2
    size_gib: 8
"""


def test_six_mistakes_are_six_errors_with_line_and_field(tmp_path: Path) -> None:
    file = tmp_path / "sku.yaml"
    file.write_text(SIX_MISTAKES)
    with pytest.raises(Invalid) as caught:
        load(file)
    assert [(one.line, one.field) for one in caught.value.problems] == [
        (2, "offer.titel"),
        (4, "version"),
        (5, "generations[0]"),
        (8, "base.qemu"),
        (10, "data_disks[0].lun"),
        (13, "data_disks[1].lun"),
    ]
    assert caught.value.status == 2
    text = str(caught.value)
    assert "did you mean title?" in text
    version = "text (Image version X.Y.Z, larger than every published one; OFR-VER-001)"
    assert f'found 1.2; allowed: {version}, so put it in quotes: "1.2"' in text
    assert "found 'gen3'; allowed: one of gen1, gen2, arm64" in text
    assert "the first is in line 12" in text


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        (b"", 1, "nothing"),
        (b"- a\n- b\n", 1, "a list"),
        (b"publisher: contoso\n  offer: [\n", 2, "mapping values are not allowed"),
        (b"publisher: contoso\nplan: \xff\xfe\n", 2, "byte 0xff"),
        (b"\0\0\0\0", 1, "special characters are not allowed"),
        (b"publisher: contoso\nplan: \x07\n", 2, "special characters are not allowed"),
        (b"a: &a [*a]\n", 1, ""),
        (b"a: " + b"[" * 5000, 1, ""),
        (b'publisher: "\\ud83d"\n', 1, "half of a surrogate pair"),
        (b"# " + b"x" * (1024 * 1024), 1, "1048578 bytes"),
    ],
)
def test_what_is_no_definition_is_named_with_its_line(
    tmp_path: Path, content: bytes, line: int, found: str
) -> None:
    file = tmp_path / "sku.yaml"
    file.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        load(file)
    assert any(one.line == line and found in one.found for one in caught.value.problems)


def test_a_folder_and_a_missing_file_are_unusable(tmp_path: Path) -> None:
    for path, found in ((tmp_path, "not a regular file"), (tmp_path / "none.yaml", "no such file")):
        with pytest.raises(Invalid, match=found):
            load(path)


def test_a_good_definition_is_read_with_its_lines(tmp_path: Path) -> None:
    document = read(write(tmp_path / "sku.yaml", LINUX))
    assert document.sku.id == "shop/basic"
    assert document.lines.of(("plan", "summary")) == 11
    assert document.lines.of(("plan", "nothing")) == document.lines.of(("plan",)) == 8


def test_a_multiplying_alias_ends_soon(tmp_path: Path) -> None:
    levels = "\n".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 10))
    (tmp_path / "sku.yaml").write_text(f"b0: &b0 [x]\n{levels}\n")
    with pytest.raises(Invalid, match=r"sku.yaml:6: found more than 100000 values, aliases written out"):
        load(tmp_path / "sku.yaml")


ALWAYS = re.compile("")  # by which the parser in Python is taken for every text
MERGES = "\n".join(f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 9)}], k{n}: 1}}" for n in range(1, 9))
BOMBS = {
    "brackets": ("[" * 1500, 1, f"more than {MAX_DEPTH} levels"),
    "a megabyte of brackets": ("[" * 1_000_000, 1, f"more than {MAX_DEPTH} levels"),
    "mappings": ("\n".join(" " * n + "a:" for n in range(900)), 65, f"more than {MAX_DEPTH} levels"),
    "merge keys": (f"b0: &b0 {{x: 1}}\n{MERGES}\n", 6, "more than 100000 values"),
    "values": ("a: [" + "1," * 200_000 + "]", 1, "more than 100000 values"),
    "an alias of itself": ("a: 1\nb: &b {c: *b}\n", 2, "an alias of itself"),
    "a merge of itself": ("a: 1\nb: &b {<<: *b}\n", 2, "an alias of itself"),
    "a set": ("a: 1\nb: !!set {x, y}\n", 2, "the tag !!set"),
    "an ordered mapping": ("a: !!omap [x: 1]\n", 1, "the tag !!omap"),
    "bytes": ("a: !!binary aGVsbG8=\n", 1, "the tag !!binary"),
    "an object": ("\na: !!python/object:os.system {}\n", 2, "the tag !!python/object:os.system"),
    "a tag of one's own": ("a: !secret x\n", 1, "the tag !secret"),
    "a key that is a list": ("a: 1\n? [b]\n: 2\n", 2, "a key that is no text"),
}


@pytest.mark.parametrize("pure", [False, True], ids=["in C", "in Python"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_an_error_with_its_line_and_fast_in_both_parsers(
    name: str, pure: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, line, found = BOMBS[name]
    if pure:
        monkeypatch.setattr("generator.bounded_yaml.UNPRINTABLE", ALWAYS)
    (tmp_path / "sku.yaml").write_text(text)
    started = time.process_time()
    with pytest.raises(Invalid) as caught:
        load(tmp_path / "sku.yaml")
    assert time.process_time() - started < (60 if pure and len(text) > 100_000 else 5)
    assert (caught.value.problems[0].line, found in caught.value.problems[0].found) == (line, True)


@pytest.mark.parametrize("pure", [False, True], ids=["in C", "in Python"])
def test_a_key_twice_is_an_error_on_one_line_too_and_an_override_of_a_merge_is_none(
    pure: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pure:
        monkeypatch.setattr("generator.bounded_yaml.UNPRINTABLE", ALWAYS)
    text = json.dumps(LINUX, indent=1)[:-1] + ',"os_disk": {"size_gib": 30, "size_gib": 31}}'
    (tmp_path / "sku.yaml").write_text(text)
    with pytest.raises(Invalid, match=r"os_disk\.size_gib: found the key a second time"):
        load(tmp_path / "sku.yaml")
    merged = compose("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert (merged.data["b"], merged.repeated) == ({"x": 3, "y": 2}, [])


def test_cloud_inits_files_of_a_disk_have_the_same_limits() -> None:
    from validators.linux import cloudinit

    for text in (BOMBS["brackets"][0], BOMBS["merge keys"][0]):
        with pytest.raises(Refused):
            cloudinit._loaded(text)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)  # the machine may be busy
@given(field=st.sampled_from(sorted(LINUX)), value=_values)
def test_any_value_of_a_field_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: Any
) -> None:
    file = write(tmp_path_factory.mktemp("any") / "sku.yaml", {**LINUX, field: value})
    try:
        load(file)
    except Invalid as invalid:
        assert all(one.line >= 1 and one.found and one.allowed for one in invalid.problems)


@pytest.mark.parametrize("path", sorted(Path("skus").glob("*/*.yaml")), ids=str)
def test_both_parsers_of_yaml_read_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read(path)
    monkeypatch.setattr("generator.bounded_yaml.UNPRINTABLE", ALWAYS)
    slow = read(path)
    assert fast.sku == slow.sku
    assert fast.lines._positions == slow.lines._positions


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )
)
def test_both_parsers_of_yaml_give_the_same_data_or_the_same_error(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    with pytest.MonkeyPatch.context() as patch:
        fast = _said(text)
        patch.setattr("generator.bounded_yaml.UNPRINTABLE", ALWAYS)
        assert fast == _said(text)


def _said(text: str) -> tuple[object, ...]:
    try:
        found = compose(text)
    except YAMLError as error:
        return type(error), str(error)
    return found.node.start_mark.line, found.node.tag, found.data


@pytest.mark.parametrize("text", ["[" * 16_000, "- " * 8_000 + "x", "? " * 8_000, "{a: " * 4_000])
def test_deep_nesting_is_an_error_and_no_crash(text: str, tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text(text)
    with pytest.raises(Invalid, match=f"more than {MAX_DEPTH} levels"):
        read(tmp_path / "deep.yaml")
