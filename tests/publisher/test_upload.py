"""Uploads against the real store, and against one that misbehaves."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import pageserver
from generator.errors import NotMet, Surroundings, Unusable
from publisher import checksum, proof, store, upload
from publisher.extents import BLOCK, PAGE, Coverage, Piece, Range, blocks, extents, merged, pieces
from publisher.patience import Patience
from tests.publisher.front import Front, in_front_of
from tools import azurite
from validators.footer import MIB
from validators.sparse import CELL

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

Make = Callable[..., Path]


def quick() -> Patience:
    return Patience(first=0.01, longest=0.1, limit=20)


@pytest.fixture
def front(local: azurite.Store) -> Iterator[Front]:
    with in_front_of(local.port) as each:
        yield each


def through(front: Front, env: dict[str, str], container: ContainerClient) -> ContainerClient:
    """The same container, reached through `front`."""
    text = env["AZURE_STORAGE_CONNECTION_STRING"].replace(f":{front.upstream}/", f":{front.port}/")
    return store.connect(container.container_name, {"AZURE_STORAGE_CONNECTION_STRING": text})


def content(container: ContainerClient, name: str) -> bytes:
    return bytes(container.download_blob(name).readall())


def metadata(container: ContainerClient, name: str) -> dict[str, str]:
    return dict(container.get_blob_client(name).get_blob_properties().metadata)


def test_a_blob_equals_its_file_and_says_so(container: ContainerClient, make_disk: Make) -> None:
    path, seen = make_disk(), []
    done = upload.upload(path, container, advance=seen.append)
    assert content(container, path.name) == path.read_bytes()
    assert container.get_blob_client(path.name).get_blob_properties().blob_type == "PageBlob"
    assert metadata(container, path.name)[proof.PROVEN] == done.digest
    assert done.sent == done.data < 7 * MIB < done.size
    assert sum(seen) == upload.data_bytes(path)


def test_a_second_run_sends_nothing(container: ContainerClient, make_disk: Make) -> None:
    path = make_disk()
    first = upload.upload(path, container)
    again = upload.upload(path, container)
    assert (again.sent, again.data, again.digest) == (0, first.data, first.digest)


def test_a_copy_without_holes_is_the_same_disk(
    container: ContainerClient, make_disk: Make, tmp_path: Path
) -> None:
    path = make_disk()
    first = upload.upload(path, container)
    dense = tmp_path / "dense" / path.name
    dense.parent.mkdir()
    dense.write_bytes(path.read_bytes())
    assert upload.data_bytes(dense) > 4 * upload.data_bytes(path)
    again = upload.upload(dense, container)
    assert (again.sent, again.digest) == (0, first.digest)


def test_a_disk_of_zeros_sends_only_its_footer(container: ContainerClient, make_disk: Make) -> None:
    path = make_disk(writes=[])
    done = upload.upload(path, container)
    assert (done.sent, done.data) == (512, 512)
    assert content(container, path.name) == path.read_bytes()


def test_a_changed_disk_replaces_the_blob_of_the_local_store(
    container: ContainerClient, make_disk: Make
) -> None:
    upload.upload(make_disk(), container)
    path = make_disk(writes=[(20 * MIB, b"new" * 1000)])
    done = upload.upload(path, container)
    assert content(container, path.name) == path.read_bytes()
    assert metadata(container, path.name)[proof.PROVEN] == done.digest
    listed = container.get_blob_client(path.name).list_page_ranges()
    assert sum(page.end + 1 - page.start for page in listed if not page.cleared) == done.data


def test_a_finished_blob_elsewhere_is_replaced_only_with_overwrite(
    container: ContainerClient, make_disk: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.job.is_local", lambda url: False)
    path = make_disk()
    first = upload.upload(path, container)
    path = make_disk(mib=33)
    with pytest.raises(Unusable, match="another content"):
        upload.upload(path, container)
    assert metadata(container, path.name)[proof.PROVEN] == first.digest
    upload.upload(path, container, overwrite=True)
    assert content(container, path.name) == path.read_bytes()


def test_a_blob_that_was_not_finished_is_never_taken_for_proven(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk()
    blob = container.get_blob_client(path.name)
    blob.create_page_blob(path.stat().st_size, metadata={proof.STARTED: "yes"})
    blob.upload_page(b"\xff" * 4096, 10 * MIB, 4096)  # an older disk, where this one has other data
    blob.upload_page(b"\xff" * 4096, 20 * MIB, 4096)  # and where it has a hole
    done = upload.upload(path, container)
    assert content(container, path.name) == path.read_bytes()
    assert metadata(container, path.name)[proof.PROVEN] == done.digest


def test_an_unfinished_blob_elsewhere_is_continued_and_a_foreign_one_is_not_touched(
    container: ContainerClient, make_disk: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.job.is_local", lambda url: False)
    path = make_disk()
    blob = container.get_blob_client(path.name)
    blob.create_page_blob(path.stat().st_size)
    blob.upload_page(b"\xff" * 4096, 20 * MIB, 4096)
    before = content(container, path.name)
    with pytest.raises(Unusable, match="another content"):
        upload.upload(path, container)
    assert content(container, path.name) == before
    blob.set_blob_metadata({proof.STARTED: "a run that was killed"})
    upload.upload(path, container)
    assert content(container, path.name) == path.read_bytes()


def test_a_block_blob_of_the_same_name_becomes_a_page_blob(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk()
    container.upload_blob(path.name, path.read_bytes())  # right content, wrong kind
    upload.upload(path, container)
    assert container.get_blob_client(path.name).get_blob_properties().blob_type == "PageBlob"
    assert content(container, path.name) == path.read_bytes()


@pytest.mark.parametrize(
    "writes",
    [
        [(0, b"begin" * 100), (BLOCK - 700, b"seam" * 400)],
        [(32 * MIB - 512, b"x" * 512)],
        [(n * BLOCK, b"\1") for n in range(8)],
        [(0, bytes(8 * MIB)), (8 * MIB, b"data"), (9 * MIB, bytes(BLOCK))],
    ],
    ids=[
        "data at the start and over a seam",
        "data at the end",
        "a byte per block",
        "zeros that are written",
    ],
)
def test_a_blob_equals_its_file_wherever_the_data_is(
    writes: list[tuple[int, bytes]], container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk(writes=[(0, b"\xff" * 6 * MIB), (31 * MIB, b"\xff" * MIB)])
    upload.upload(path, container)  # an older disk of the same name and size
    path = make_disk(writes=writes)
    done = upload.upload(path, container)
    assert content(container, path.name) == path.read_bytes()
    assert done.sent <= done.data < 2 * MIB


def test_two_lists_of_pages_are_enough(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    upload.upload(make_disk(), through(front, env, container))
    assert sum("comp=pagelist" in target for _, target, _ in front.seen) == 2


def test_a_storm_of_503_is_waited_out(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    path = make_disk()
    front.plan = lambda method, target, count: "busy" if 3 < count < 30 else ""
    done = upload.upload(path, through(front, env, container), patience=quick())
    assert front.faults("busy") > 20
    assert done.sent == done.data
    assert content(container, path.name) == path.read_bytes()


def test_cut_connections_are_repeated(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    path = make_disk()
    cut = iter(range(6))
    front.plan = lambda method, target, count: (
        "cut" if count > 5 and count % 2 and next(cut, None) is not None else ""
    )
    upload.upload(path, through(front, env, container), patience=quick())
    assert front.faults("cut") == 6
    assert content(container, path.name) == path.read_bytes()


def test_a_storage_that_stays_busy_ends_the_upload_with_status_3_and_no_proof(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    path, target = make_disk(), through(front, env, container)
    front.plan = lambda method, target, count: "busy" if "comp=page" in target and method == "PUT" else ""
    with pytest.raises(Surroundings, match="503") as raised:
        upload.upload(path, target, patience=Patience(first=0.01, longest=0.05, limit=0.3))
    assert proof.PROVEN not in metadata(container, path.name)
    key = container.credential.account_key
    assert key not in str(raised.value) + str(raised.value.hint) + str(raised.value.where)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 130)]
)
def test_a_killed_upload_continues_where_it_was(
    number: signal.Signals,
    status: int,
    container: ContainerClient,
    env: dict[str, str],
    front: Front,
    make_disk: Make,
) -> None:
    path = make_disk(mib=64, writes=[(4 * MIB * n, os.urandom(4 * MIB)) for n in range(8)])
    target = through(front, env, container)
    stop = threading.Event()

    def plan(method: str, target: str, count: int) -> str:
        if method == "PUT" and "comp=page" in target and front.body_bytes >= 16 * MIB:
            stop.set()
            return "hang"
        return ""

    front.plan = plan
    command = [sys.executable, "-m", "vmoffer", "upload", path, "--parallel", "2"]
    child = subprocess.Popen(
        [*command, "--container", target.container_name],
        env={**os.environ, "AZURE_STORAGE_CONNECTION_STRING": _string(front, env)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stop.wait(30)
    child.send_signal(number)
    _, said = child.communicate(timeout=5)  # although the storage does not answer
    assert child.returncode == status, said
    assert "Traceback" not in said
    assert proof.PROVEN not in metadata(container, path.name)
    front.plan = lambda method, target, count: ""
    with front.lock:
        front.body_bytes = 0
    done = upload.upload(path, target)
    assert 0 < done.sent <= done.data - 16 * MIB
    assert done.sent <= front.body_bytes < done.sent + 64 * 1024  # what went over the wire, not what we say
    assert content(container, path.name) == path.read_bytes()


def _string(front: Front, env: dict[str, str]) -> str:
    return env["AZURE_STORAGE_CONNECTION_STRING"].replace(f":{front.upstream}/", f":{front.port}/")


def test_ctrl_c_ends_an_upload_that_waits_for_a_busy_storage(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    path = make_disk()
    busy = threading.Event()

    def plan(method: str, target: str, count: int) -> str:
        if "comp=page" not in target:
            return ""
        busy.set()
        return "busy"

    front.plan = plan
    child = subprocess.Popen(
        [sys.executable, "-m", "vmoffer", "upload", path, "--container", container.container_name],
        env={**os.environ, "AZURE_STORAGE_CONNECTION_STRING": _string(front, env)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert busy.wait(30)
    time.sleep(2)  # into a pause between two tries
    child.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = child.communicate(timeout=30)
    assert time.monotonic() - began < 3
    assert child.returncode == 130, said
    assert "Traceback" not in said


def test_a_file_that_changes_meanwhile_is_not_proven(container: ContainerClient, make_disk: Make) -> None:
    path = make_disk()

    def change(count: int) -> None:
        with path.open("r+b") as file:
            file.write(b"x")
        os.utime(path, ns=(1, 1))

    with pytest.raises(Surroundings, match="changed"):
        upload.upload(path, container, advance=change)
    assert proof.PROVEN not in metadata(container, path.name)


def test_a_blob_that_another_machine_uploads_is_waited_for_and_not_touched(
    container: ContainerClient, make_disk: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.lease.PATIENCE", 1.0)
    path = make_disk()
    blob = container.get_blob_client(path.name)
    blob.create_page_blob(path.stat().st_size, metadata={proof.STARTED: "another run"})
    lease = blob.acquire_lease(60)
    with pytest.raises(Surroundings, match="another upload"):
        upload.upload(path, container)
    assert metadata(container, path.name) == {proof.STARTED: "another run"}
    assert list(blob.list_page_ranges()) == []
    lease.release()
    assert upload.upload(path, container).sent


def test_two_uploads_of_one_blob_on_one_machine_do_not_mix(
    container: ContainerClient, make_disk: Make
) -> None:
    path, refused = make_disk(), []

    def other(count: int) -> None:
        if not refused:
            with pytest.raises(Surroundings, match="on this machine") as raised:
                upload.upload(path, container)
            refused.append(raised.value)

    upload.upload(path, container, advance=other)
    assert refused
    assert content(container, path.name) == path.read_bytes()


def test_an_upload_that_lost_its_lease_stops(
    container: ContainerClient, make_disk: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_disk()
    blob = container.get_blob_client(path.name)

    def steal(count: int) -> None:
        from azure.storage.blob import BlobLeaseClient

        monkeypatch.undo()
        BlobLeaseClient(blob).break_lease(0)
        blob.acquire_lease(60)

    with pytest.raises(Surroundings, match="another upload"):
        upload.upload(path, container, advance=steal)
    assert proof.PROVEN not in metadata(container, path.name)


def test_a_lease_that_ran_out_during_a_long_break_is_taken_again(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk()

    lost = []

    def lose(count: int) -> None:
        from azure.storage.blob import BlobLeaseClient

        if not lost:
            BlobLeaseClient(container.get_blob_client(path.name)).break_lease(0)
            lost.append(True)

    upload.upload(path, container, advance=lose)
    assert content(container, path.name) == path.read_bytes()


def test_a_blob_that_was_changed_after_its_proof_is_noticed_and_mended(
    container: ContainerClient, make_disk: Make
) -> None:
    from publisher import handout

    path = make_disk()
    upload.upload(path, container)
    time.sleep(1.1)  # Last-Modified counts whole seconds
    container.get_blob_client(path.name).upload_page(b"x" * 512, 20 * MIB, 512)
    with pytest.raises(NotMet, match="changed after it was proven"):
        handout.make(container, [path.name])
    upload.upload(path, container)
    assert content(container, path.name) == path.read_bytes()
    assert handout.make(container, [path.name])["disks"]


def test_several_disks_go_up_under_one_limit(container: ContainerClient, make_disk: Make) -> None:
    paths = [make_disk(f"p-data-{n}.vhd") for n in range(3)]
    done = upload.upload_all(paths, container, patience=Patience(most=2))
    assert [each.name for each in done] == [path.name for path in paths]
    for path in paths:
        assert content(container, path.name) == path.read_bytes()


def test_two_disks_of_one_name_are_refused(
    container: ContainerClient, make_disk: Make, tmp_path: Path
) -> None:
    path = make_disk()
    (tmp_path / "other").mkdir()
    other = path.rename(tmp_path / "other" / path.name)
    with pytest.raises(Unusable, match="same name"):
        upload.upload_all([make_disk(), other], container)
    assert list(container.list_blobs()) == []


def test_a_full_verification_finds_what_was_changed_on_its_way(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk()
    blob = container.get_blob_client(path.name)
    changed = []

    def change(count: int) -> None:
        if not changed:
            changed.append(True)
            header = {"lease": blob.get_blob_properties().metadata[proof.STARTED]}
            blob.upload_page(b"x" * 512, MIB, 512, **header)

    with pytest.raises(Surroundings, match="does not hold what the file holds"):
        upload.upload(path, container, verify="full", advance=change, patience=Patience(most=1))
    assert proof.PROVEN not in metadata(container, path.name)


def test_a_dry_run_says_what_would_travel_and_sends_nothing(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk()
    planned = upload.plan(path, container)
    assert planned.blob == "new"
    assert list(container.list_blobs()) == []
    done = upload.upload(path, container)
    assert (planned.data, planned.size) == (done.sent, done.size)
    assert upload.plan(path, container).blob == "proven equal, nothing to do"


@pytest.mark.parametrize(
    "name", ["a b.vhd", "a%20.vhd", 'a".vhd', "a'.vhd", "disk.raw", "a.vhd\n", "a\x1b.vhd", "\udcff.vhd"]
)
def test_names_that_certification_cannot_download_are_refused(
    name: str, container: ContainerClient, make_disk: Make
) -> None:
    with pytest.raises(NotMet) as raised:
        upload.upload(make_disk(name), container)
    assert raised.value.rule == "DSK-BLOB-002"


@pytest.mark.parametrize("size", [0, 511, 1000])
def test_a_file_that_is_no_whole_number_of_pages_is_refused(
    size: int, container: ContainerClient, tmp_path: Path
) -> None:
    path = tmp_path / "odd.vhd"
    path.write_bytes(b"x" * size)
    with pytest.raises(Unusable, match="pages"):
        upload.upload(path, container)


def test_many_threads_say_nothing_on_the_side(
    container: ContainerClient, make_disk: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_disk(mib=64, writes=[(MIB * n, b"x" * MIB) for n in range(0, 64, 2)])
    upload.upload(path, container, patience=Patience(most=32))
    assert capfd.readouterr() == ("", "")


ranges = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda pair: Range(pair[0], sum(pair))), max_size=8
)


@given(ranges, ranges)
def test_gaps_and_what_is_within_make_up_the_whole(known: list[Range], asked: list[Range]) -> None:
    covered = {byte for part in known for byte in range(part.start, part.end)}
    coverage = Coverage(known)
    for part in asked:
        wanted = set(range(part.start, part.end))
        assert {b for gap in coverage.gaps(part) for b in range(gap.start, gap.end)} == wanted - covered
        assert {b for each in coverage.within(part) for b in range(each.start, each.end)} == wanted & covered
        assert coverage.covers(part) == (wanted <= covered)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 2047), st.integers(1, 255), max_size=12), st.lists(st.integers(1, 255)))
def test_pieces_hold_every_byte_that_is_not_zero_however_the_file_is_cut(
    pages: dict[int, int], cuts: list[int]
) -> None:
    data = bytearray(256 * CELL - PAGE)
    for page, value in pages.items():
        if page * PAGE < len(data):
            data[page * PAGE] = value
    found = pieces([Piece(BLOCK, bytes(data))])
    ends = [*sorted({cut * CELL for cut in cuts}), len(data)]
    parts = [Piece(BLOCK + a, bytes(data[a:b])) for a, b in zip([0, *ends], ends, strict=False)]
    assert pieces(parts) == found
    outside = bytearray(data)
    for piece in found:
        assert piece.start % PAGE == 0
        part = slice(piece.start - BLOCK, piece.range.end - BLOCK)
        assert bytes(data[part]) == piece.data
        assert any(piece.data[:CELL]) and any(piece.data[-CELL:])
        outside[part] = bytes(len(piece.data))
    assert not any(outside)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 2)), max_size=6, unique_by=lambda pair: pair[0]))
def test_blocks_cover_all_extents_of_a_real_file(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int]]
) -> None:
    path, size = tmp_path_factory.getbasetemp() / "blocks.raw", 33 * MIB + PAGE
    with path.open("wb") as file:
        file.truncate(size)
        for at, length in parts:
            file.seek(at * MIB + 700)
            file.write(b"x" * length * 5000)
    with path.open("rb") as file:
        found = list(extents(file.fileno(), size))
        cut = list(blocks(found, size))
    assert list(Coverage(part for block in cut for part in block.extents).ranges) == list(merged(found))
    assert len({block.whole.start for block in cut}) == len(cut)
    for block in cut:
        assert block.whole.start % BLOCK == 0
        assert all(block.whole.start <= part.start and part.end <= block.whole.end for part in block.extents)
        assert block.whole.end <= size


def test_bytes_that_are_changed_on_their_way_are_found_and_sent_again(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    # The emulator does not check the MD5 of a page. What is written is damaged, and the same bit again
    # where it is read back: only the MD5 of the answer tells.
    path = make_disk()
    some = iter(range(3))
    front.plan = lambda method, target, count: (
        (
            "flip"
            if (path.name in target and method == "GET")
            or ("comp=page&" in f"{target}&" and next(some, 9) < 3)
            else ""
        )
        if count < 30
        else ""
    )
    upload.upload(path, through(front, env, container), patience=quick())
    assert front.faults("flip") > 3
    assert content(container, path.name) == path.read_bytes()


def test_a_credential_that_ends_half_way_is_status_3_and_a_new_one_continues(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    path = make_disk(mib=64, writes=[(8 * MIB * n, os.urandom(2 * MIB)) for n in range(8)])
    target = through(front, env, container)
    front.plan = lambda method, target, count: "denied" if front.body_bytes >= 8 * MIB else ""
    with pytest.raises(Surroundings, match="refused the credentials"):
        upload.upload(path, target, patience=Patience(most=2))
    assert proof.PROVEN not in metadata(container, path.name)
    front.plan = lambda method, target, count: ""
    assert upload.upload(path, target).sent <= 8 * MIB + 512
    assert content(container, path.name) == path.read_bytes()


def test_a_file_that_becomes_shorter_meanwhile_is_status_3(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk(mib=128, writes=[(4 * MIB * n, b"x" * MIB) for n in range(32)])
    with pytest.raises(Surroundings, match="shorter"):
        upload.upload(
            path, container, advance=lambda count: os.truncate(path, MIB), patience=Patience(most=1)
        )
    assert proof.PROVEN not in metadata(container, path.name)


@pytest.mark.parametrize("journal", [True, False], ids=["on the same machine", "on another machine"])
def test_what_the_journal_is_sure_of_is_not_read_back_and_the_rest_is(
    journal: bool,
    container: ContainerClient,
    env: dict[str, str],
    front: Front,
    make_disk: Make,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = make_disk(mib=64, writes=[(8 * MIB * n, os.urandom(2 * MIB)) for n in range(8)])
    stopped = threading.Event()

    def stop(count: int) -> None:
        if front.body_bytes >= 8 * MIB:
            stopped.set()
            raise KeyboardInterrupt

    target = through(front, env, container)
    with pytest.raises(KeyboardInterrupt):
        upload.upload(path, target, advance=stop, patience=Patience(most=1))
    assert stopped.is_set()
    if not journal:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    front.seen.clear()
    done = upload.upload(path, target, verify="sent")
    assert _reads(front, path) <= 1 if journal else _reads(front, path) >= 4
    assert done.sent <= 10 * MIB + 512
    assert content(container, path.name) == path.read_bytes()


def test_a_journal_is_not_believed_for_a_blob_that_was_written_to_since(
    container: ContainerClient, make_disk: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.journal.SLACK", 0.0)
    path = make_disk(mib=64, writes=[(8 * MIB * n, os.urandom(2 * MIB)) for n in range(8)])

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload.upload(path, container, advance=stop, patience=Patience(most=1))
    time.sleep(1.1)
    container.get_blob_client(path.name).upload_page(b"x" * 512, 0, 512)
    upload.upload(path, container, verify="sent")
    assert content(container, path.name) == path.read_bytes()


def test_requests_at_a_time_grow_and_are_halved_by_a_busy_storage() -> None:
    from azure.core.exceptions import HttpResponseError

    patience = Patience(first=0.01, longest=0.02, most=16)
    for _ in range(200):
        patience.call(lambda **options: None)
    assert patience.width == 16
    busy = [HttpResponseError(), None]
    busy[0].status_code = 503  # type: ignore[union-attr]

    def once(**options: object) -> None:
        if error := busy.pop(0):
            raise error

    patience.call(once)
    assert 8 <= patience.width < 9


def test_retry_after_is_honoured(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make
) -> None:
    path, target = make_disk(), through(front, env, container)
    told: list[float] = []
    front.plan = lambda method, target, count: (
        "later" if "comp=page&" in f"{target}&" and not told and told.append(time.monotonic()) is None else ""
    )
    upload.upload(path, target, patience=quick_with(longest=5))
    assert time.monotonic() - told[0] > 1


def quick_with(longest: float) -> Patience:
    return Patience(first=0.01, longest=longest, limit=20)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator is not known by its address: it is asked for the CRC, which it refuses."""
    monkeypatch.setattr("publisher.transfer.is_local", lambda url: False)


def test_pages_that_the_service_confirms_are_not_read_back(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make, elsewhere: None
) -> None:
    path = make_disk()
    front.plan = lambda method, target, count: "confirm" if "comp=page&" in f"{target}&" else ""
    target = through(front, env, container)
    upload.upload(path, target)
    assert not _reads(front, path)
    assert content(container, path.name) == path.read_bytes()
    path = make_disk("other.vhd")
    front.plan = lambda method, target, count: ""
    upload.upload(path, target)
    assert _reads(front, path)


def test_a_checksum_of_something_else_is_no_confirmation(
    container: ContainerClient, env: dict[str, str], front: Front, make_disk: Make, elsewhere: None
) -> None:
    path = make_disk()
    front.plan = lambda method, target, count: "misheard" if "comp=page&" in f"{target}&" else ""
    upload.upload(path, through(front, env, container))
    assert _reads(front, path)
    assert content(container, path.name) == path.read_bytes()


def test_a_store_that_does_not_know_the_crc_gets_the_md5(
    container: ContainerClient,
    env: dict[str, str],
    front: Front,
    make_disk: Make,
    elsewhere: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, patience, made = make_disk(), quick(), list[int]()

    def recorded(data: bytes) -> bytes:
        made.append(len(data))
        return checksum.MD5.of(data)

    monkeypatch.setattr("publisher.transfer.MD5", dataclasses.replace(checksum.MD5, of=recorded))
    done = upload.upload(path, through(front, env, container), patience=patience)
    assert sum(made) == done.sent
    assert patience.repeated == 0  # the refusal is taken at once, not waited out
    assert content(container, path.name) == path.read_bytes()


def test_a_service_that_checks_the_crc_is_believed_and_gets_again_what_arrived_wrong(
    make_disk: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, arrived = make_disk(), list[int]()

    def wrong_once(data: bytes) -> bytes:
        arrived.append(len(data))
        return bytes(8) if len(arrived) == 1 else checksum.CRC64.of(data)

    monkeypatch.setitem(pageserver.CHECKSUMS, checksum.CRC64.header, wrong_once)
    monkeypatch.delattr("publisher.pages.read")
    with pageserver.Server(tmp_path) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        target = store.connect("crc", {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string})
        done = upload.upload(path, target, patience=quick())
        (blob,) = server.blobs.values()
        assert os.pread(blob.file, blob.size, 0) == path.read_bytes()
        server.shutdown()
    assert sum(arrived) > done.sent


def test_the_crc_is_the_one_that_is_published() -> None:
    # CRC-64/NVME of the nine digits, from the catalogue of parametrised CRC algorithms.
    assert checksum.CRC64.of(b"123456789") == 0xAE8B14860A799888.to_bytes(8, "little")


def _reads(front: Front, path: Path) -> int:
    """How often a part of the blob was read."""
    return sum(method == "GET" and target.endswith(f"/{path.name}") for method, target, _ in front.seen)
