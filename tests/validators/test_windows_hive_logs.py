"""Hives that were not written to their end: their transaction logs, of both formats, applied in memory.

The logs are made here by the documented format; the hives before and after them are whole ones.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import pytest
from images import MemoryVolume
from windows_hive import Data, checked, hive

from validators.guest import Undecidable
from validators.windows.hive import START, Hive
from validators.windows.hivelog import Log, marvin32
from validators.windows.system import System

PAGE = 4096
STAMP = bytes(range(8))
BEFORE: dict[str, dict[str, Data]] = {"Setup": {"State": "old", "Count": 1}, "Gone": {"x": 1}}
AFTER: dict[str, dict[str, Data]] = {
    "Setup": {"State": "new", "Count": 2},
    **{f"Key{number}": {"v": "x" * 200} for number in range(60)},
}


def dirty(data: bytes, sequence: int = 7) -> bytes:
    """The hive with a base block that says: a write began and did not end."""
    head = bytearray(data[:PAGE])
    struct.pack_into("<II", head, 4, sequence, sequence - 1)
    head[12:20] = STAMP
    return checked(bytes(head)) + data[PAGE:]


def base(data: bytes, kind: int, sequence: int, bins: int, stamp: bytes = STAMP) -> bytes:
    """The first sector of a log."""
    head = bytearray(data[:512])
    struct.pack_into("<II", head, 4, sequence, sequence)
    head[12:20] = stamp
    struct.pack_into("<I", head, 28, kind)
    struct.pack_into("<II", head, 40, bins, 1)
    return checked(bytes(head))


def changes(before: bytes, after: bytes, size: int) -> list[tuple[int, bytes]]:
    """Pages of `size` bytes that differ, by offset after the base block."""
    pairs = [(at, after[START + at : START + at + size]) for at in range(0, len(after) - START, size)]
    return [(at, page) for at, page in pairs if before[START + at : START + at + size] != page]


def old_log(before: bytes, after: bytes, **fields: bytes) -> bytes:
    """The format with a dirty vector (DIRT), for the change from one hive to the other."""
    bins = len(after) - START
    bitmap = bytearray(bins // 512 // 8)
    pages = changes(before, after, PAGE)
    for at, _ in pages:
        bitmap[at // PAGE] = 0xFF
    vector = b"DIRT" + bytes(bitmap)
    vector += bytes(-len(vector) % 512)
    return base(after, 1, 7, bins, **fields) + vector + b"".join(page for _, page in pages)


def entry(pages: list[tuple[int, bytes]], sequence: int, bins: int) -> bytes:
    """One entry of the format with hashes (HvLE)."""
    body = b"".join(struct.pack("<II", at, len(page)) for at, page in pages) + b"".join(p for _, p in pages)
    body += bytes(-(40 + len(body)) % 512)
    head = b"HvLE" + struct.pack("<IIIIIQ", 40 + len(body), 0, sequence, bins, len(pages), marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def new_log(after: bytes, *entries: bytes, sequence: int = 7) -> bytes:
    return base(after, 6, sequence, len(after) - START) + b"".join(entries)


@dataclass
class Case:
    """A hive before and after a change."""

    before: bytes
    after: bytes

    @property
    def bins(self) -> int:
        return len(self.after) - START

    def halves(self) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]:
        pages = changes(self.before, self.after, 512)
        return pages[: len(pages) // 2], pages[len(pages) // 2 :]


@pytest.fixture
def case() -> Case:
    return Case(hive(BEFORE), hive(AFTER))


def opened(data: bytes, *logs: bytes) -> Hive:
    def log(name: str, content: bytes) -> Log:
        return Log(name, lambda offset, count: content[offset : offset + count], len(content))

    return Hive(
        lambda offset, count: data[offset : offset + count], len(data), "SYSTEM",
        lambda: [log(f"SYSTEM.LOG{number}", content) for number, content in enumerate(logs, 1)],
    )  # fmt: skip


def seen(found: Hive) -> dict[str, dict[str, object]]:
    return {name: {one.name: one.data for one in found.values(name)} for name in found.subkeys("")}


def test_the_old_format_is_applied(case: Case) -> None:
    assert seen(opened(dirty(case.before), old_log(case.before, case.after))) == AFTER


def test_the_new_format_is_applied_entry_by_entry(case: Case) -> None:
    first, second = case.halves()
    log = new_log(case.after, entry(first, 7, case.bins), entry(second, 8, case.bins))
    assert seen(opened(dirty(case.before), log)) == AFTER


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_entries_that_are_split_between_two_logs_are_put_in_order(case: Case, order: tuple[int, int]) -> None:
    first, second = case.halves()
    # The first log rewrites what the second one writes again.
    stale = [(at, bytes(len(page))) for at, page in second]
    logs = [
        new_log(case.after, entry([*first, *stale], 7, case.bins)),
        new_log(case.after, entry(second, 8, case.bins), sequence=8),
    ]
    assert seen(opened(dirty(case.before), logs[order[0]], logs[order[1]])) == AFTER


def test_entries_that_were_applied_before_are_left_alone(case: Case) -> None:
    pages = changes(case.before, case.after, PAGE)
    old = [(0, b"\xff" * 512)]
    log = new_log(case.after, entry(old, 5, case.bins), entry(old, 6, case.bins), entry(pages, 7, case.bins))
    assert seen(opened(dirty(case.before), log)) == AFTER


def test_what_is_left_of_an_older_round_behind_the_last_entry_is_no_entry(case: Case) -> None:
    pages = changes(case.before, case.after, PAGE)
    log = new_log(case.after, entry(pages, 7, case.bins), entry([(0, b"\xff" * 512)], 3, case.bins))
    assert seen(opened(dirty(case.before), log)) == AFTER


def test_entries_up_to_a_bogus_one_are_applied_as_windows_does(case: Case) -> None:
    pages = changes(case.before, case.after, PAGE)
    bogus = bytearray(entry([(0, b"\xff" * 512)], 8, case.bins))
    bogus[-1] ^= 1
    assert (
        seen(opened(dirty(case.before), new_log(case.after, entry(pages, 7, case.bins), bytes(bogus))))
        == AFTER
    )


@pytest.mark.parametrize("format", ["old", "new"])
def test_a_base_block_that_does_not_add_up_is_taken_from_the_log(case: Case, format: str) -> None:
    broken = bytearray(dirty(case.before))
    broken[40] ^= 1
    broken[START + 20 : START + 28] = STAMP
    after = bytearray(case.after)
    after[START + 20 : START + 28] = STAMP
    pages = changes(case.before, bytes(after), PAGE)
    logs = {
        "old": old_log(case.before, bytes(after)),
        "new": new_log(case.after, entry(pages, 7, case.bins)),
    }
    assert seen(opened(bytes(broken), logs[format])) == AFTER


def test_a_hive_that_shrinks_and_one_that_grows_are_read_to_their_end() -> None:
    for before, after in ((AFTER, BEFORE), (BEFORE, AFTER)):
        old, new = hive(before), hive(after)
        log = new_log(new, entry(changes(old, new, PAGE), 7, len(new) - START))
        assert seen(opened(dirty(old), log)) == after


def test_the_logs_are_found_beside_the_hive(case: Case) -> None:
    folder = "/Windows/System32/config"
    files = {
        f"{folder}/SOFTWARE": dirty(case.before),
        f"{folder}/SOFTWARE.LOG1": b"",
        f"{folder}/SOFTWARE.LOG2": old_log(case.before, case.after),
    }
    found = System(MemoryVolume(files), {}).registry("SOFTWARE").value("Setup", "State")
    assert found is not None and found.data == "new"


def test_the_logs_of_a_hive_that_was_closed_in_order_are_not_asked_for(case: Case) -> None:
    def never() -> list[Log]:
        raise AssertionError("asked for")

    Hive(lambda offset, count: case.before[offset : offset + count], len(case.before), "SYSTEM", never)


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ([], "there is no log beside it"),
        ([bytes(1024)], "SYSTEM.LOG1 is empty"),
        ([b"junk" * 400], "no valid base block"),
        (["stamp"], "belongs to another state of the hive"),
        (["short"], "ends before its dirty pages do"),
        (["hash"], "hashes of the entry at 0x200 are wrong"),
        (["early"], "no log entry follows the sequence number 7"),
        (["size"], "the entry at 0x200 is broken"),
    ],
)
def test_what_cannot_be_applied_is_undecidable_with_the_reason(
    case: Case, logs: list[bytes | str], reason: str
) -> None:
    pages = changes(case.before, case.after, PAGE)
    hashes = bytearray(new_log(case.after, entry(pages, 7, case.bins)))
    hashes[600] ^= 1
    made = {
        "stamp": old_log(case.before, case.after, stamp=bytes(8)),
        "short": old_log(case.before, case.after)[:-1],
        "hash": bytes(hashes),
        "early": new_log(case.after, entry(pages, 6, case.bins)),
        "size": new_log(case.after, entry(pages, 7, case.bins + 8)),
    }
    with pytest.raises(Undecidable, match=f"not shut down in order.*{reason}"):
        opened(dirty(case.before), *(made[log] if isinstance(log, str) else log for log in logs))


def test_damaged_logs_end_in_an_answer() -> None:
    old, new = hive(BEFORE), hive(AFTER)
    whole = [
        old_log(old, new),
        new_log(new, entry(changes(old, new, PAGE), 7, len(new) - START)),
    ]
    dice = random.Random(3)
    for number in range(600):
        log = bytearray(whole[number % 2])
        for _ in range(dice.randint(1, 6)):
            log[dice.randrange(len(log))] = dice.randrange(256)
        try:
            seen(opened(dirty(old), bytes(log[: dice.randint(1, len(log))])))
        except Undecidable:
            continue


@pytest.mark.parametrize(
    ("seed", "data", "digest"),
    [  # test vectors of SymCrypt and of the .NET runtime
        (0xD53CD9CECD0893B7, b"abc", 0x22C74339492769BF),
        (0x004FB61A001BDBCC, b"", 0x30ED35C100CD3C7D),
        (0x004FB61A001BDBCC, b"\xaf", 0x48E73FC77D75DDC1),
        (0x004FB61A001BDBCC, b"\xe7\x0f", 0xB5F6E1FC485DBFF8),
        (0x004FB61A001BDBCC, b"\xab\x42\x7e\xa8\xd1\x0f\xc7", 0xE11847E4F0678C41),
    ],
)
def test_marvin32_gives_the_published_digests(seed: int, data: bytes, digest: int) -> None:
    assert marvin32(data, seed) == digest
