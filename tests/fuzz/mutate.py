"""Small, repeatable damage to bytes and to text."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

EDGES = ((1 << bits) - less for bits in (7, 8, 15, 16, 31, 32, 63, 64) for less in (0, 1))
NUMBERS = (0, 1, *EDGES)
WORDS = (
    *(char.encode() for char in "\0\n'\"\\${}()#=*%\u202e"), b"\r\n", b"\xff\xfe", b"\x1b[2J", b"<b>",
    b"${x}", b"%00", b"/../../..", b"/etc/passwd", b"-1", b"9" * 20, b"1e999", b"&a=", b"- ", b": ", b"&a *a",
    b"Include /etc/ssh/*", b"Match all", b"submenu 'x' {", b"menuentry", b"set default=",
)  # fmt: skip


def damaged(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """`data` with one to six changes; `others` lend pieces."""
    result = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        random.choice(CHANGES)(result, others, random)
    return bytes(result)


def place(size: int, random: Random) -> int:
    """An offset; most of them near the start, where headers are."""
    return random.randrange(min(size, random.choice((512, 4096, 1 << 16, size)))) if size else 0


def _flip(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    if data:
        data[place(len(data), random)] ^= 1 << random.randrange(8)


def _number(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    width = random.choice((1, 2, 4, 8))
    value = random.choice(NUMBERS) & ((1 << 8 * width) - 1)
    at = place(max(len(data) - width, 0), random)
    data[at : at + width] = value.to_bytes(width, random.choice(("little", "big")))


def _word(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    at = place(len(data) + 1, random)
    data[at : at + random.choice((0, 0, 4))] = random.choice(WORDS) * random.choice((1, 1, 2, 300))


def _cut(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    at = place(len(data), random)
    del data[at : at + random.choice((1, 4, 64, 4096, len(data)))]


def _double(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    at = place(len(data), random)
    piece = data[at : at + random.choice((1, 16, 200))]
    data[at:at] = piece * random.choice((1, 2, 50))


def _graft(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    other = random.choice(others)
    start = place(len(other), random)
    piece = other[start : start + random.choice((8, 64, 512))]
    at = place(len(data), random)
    data[at : at + len(piece)] = piece


CHANGES = (_flip, _flip, _number, _number, _word, _cut, _double, _graft)
