"""The footer for every size and for every damage."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators.footer import (
    COOKIE,
    FIXED,
    LAST_SIZE,
    NotAFooter,
    geometry,
    make_footer,
    parse_footer,
)

sizes = st.integers(0, LAST_SIZE) | st.integers(0, 4 << 40)


@given(sizes, st.integers(-(1 << 40), 1 << 40), st.uuids())
def test_a_footer_of_any_size_is_the_same_after_bytes_and_back(size: int, time: int, own: uuid.UUID) -> None:
    made = make_footer(size, time, own)
    assert parse_footer(made.pack()) == made
    assert made.checksum_ok
    assert (made.current_size, made.original_size, made.disk_type) == (size, size, FIXED)
    assert made.pack() == make_footer(size, time, own).pack()


@given(st.binary(min_size=504, max_size=504))
def test_any_512_bytes_with_the_cookie_are_the_same_after_parsing(rest: bytes) -> None:
    data = COOKIE + rest
    assert parse_footer(data).pack() == data


@given(sizes, st.integers(0, 511), st.integers(1, 255))
def test_one_changed_byte_anywhere_is_noticed(size: int, at: int, change: int) -> None:
    data = bytearray(make_footer(size, 0, uuid.UUID(int=1)).pack())
    data[at] ^= change
    try:
        found = parse_footer(bytes(data))
    except NotAFooter:
        assert at < len(COOKIE)
    else:
        assert not found.checksum_ok


@given(sizes)
def test_a_mended_checksum_is_believed_and_nothing_else_changes(size: int) -> None:
    broken = replace(make_footer(size, 0, uuid.UUID(int=1)), checksum=7)
    assert (
        replace(broken, checksum=broken.expected_checksum).pack()
        == make_footer(size, 0, uuid.UUID(int=1)).pack()
    )


@given(st.binary(max_size=600).filter(lambda data: not data.startswith(COOKIE)))
def test_anything_else_is_no_footer(data: bytes) -> None:
    with pytest.raises(NotAFooter):
        parse_footer(data)


@given(sizes)
def test_the_geometry_never_claims_more_than_the_disk_has(size: int) -> None:
    cylinders, heads, sectors = geometry(size)
    assert 0 <= cylinders <= 65535
    assert heads in range(4, 17)
    assert sectors in (17, 31, 63, 255)
    assert cylinders * heads * sectors * 512 <= size
