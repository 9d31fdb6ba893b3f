"""A disk behind a URL is judged like the file, from few bytes of it, and its SAS is seen by nobody."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from images import debian, need, write_disk
from images import run as tool

from validators import engine, rangehttp, ranges
from validators.check import CHECKS, Answer, Case, met
from validators.convert import in_place
from validators.remote import place
from vmoffer.cli import run

SECRET = "c2VjcmV0LXNpZ25hdHVyZQ"
SAS = f"sv=2024-11-04&sr=c&sp=rl&se=2031-01-01T00:00:00Z&sig={SECRET}%3D"


@dataclass
class Server:
    """One file over HTTP with ranges. `fault` may answer instead; it is told which request this is."""

    data: Path
    port: int = 0
    etag: str = '"one"'
    fault: Callable[[BaseHTTPRequestHandler, int], bool] = lambda handler, count: False
    seen: list[str] = field(default_factory=list, repr=False)

    def url(self, query: str = SAS) -> str:
        return f"http://127.0.0.1:{self.port}/vhds/plan-1.0.0-gen2-os.vhd?{query}"


@contextmanager
def serving(data: Path) -> Iterator[Server]:
    server = Server(data)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.seen.append(self.path)
            if server.fault(self, len(server.seen)):
                return
            size = server.data.stat().st_size
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked is None:
                answer(self, 400)
                return
            if self.headers.get("If-Match", server.etag) != server.etag:
                answer(self, 412)
                return
            first, last = int(asked[1]), min(int(asked[2]), size - 1)
            with server.data.open("rb") as file:
                file.seek(first)
                body = file.read(last - first + 1)
            answer(self, 206, body, {"Content-Range": f"bytes {first}-{last}/{size}", "ETag": server.etag})

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what some of the tests are about."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server.port = http.server_address[1]
        threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        http.shutdown()


def answer(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> bool:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
    return True


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean OS disk of 30 GiB, nearly all of it hole."""
    raw = write_disk(tmp_path_factory.mktemp("remote") / "os.raw", debian())
    vhd = raw.with_name("plan-1.0.0-gen2-os.vhd")
    in_place(raw, vhd, grow=30 << 30)
    return vhd


@pytest.fixture
def server(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(rangehttp, "FIRST", 0.01)
    monkeypatch.setattr(rangehttp, "LIMIT", 0.4)
    with serving(disk) as running:
        yield running


def facts(judgement: engine.Judgement) -> dict[str, tuple[str, str]]:
    """Everything that was said, but for the rules about a file's holes and about the type of a blob."""
    other = ("DSK-SPARSE-001", "DSK-BLOB-001")
    return {o.rule: (o.status, o.evidence) for o in judgement.outcomes if o.rule not in other}


def test_it_is_judged_like_the_file_from_less_than_a_hundredth_of_it(server: Server, disk: Path) -> None:
    remote = place(server.url())
    judgement = engine.judge([remote])
    assert facts(judgement) == facts(engine.judge([disk]))
    read = judgement.bytes_read[remote]
    assert 0 < read < disk.stat().st_size / 100
    assert remote.requests == len(server.seen)  # type: ignore[union-attr]
    assert len(server.seen) < 120


def test_the_report_tells_the_bytes_and_never_the_signature(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    names = ["r.json", "r.html", "r.sarif", "r.xml", "r.txt"]
    out = [word for name in names for word in ("--out", str(tmp_path / name))]
    with caplog.at_level(logging.WARNING):
        assert run(["--debug", "validate", server.url(), "--all", *out]) in (0, 1)
    said = capfd.readouterr()
    assert "were read over the network (0.0" in said.out
    texts = [said.out, said.err, caplog.text, *(path.read_text() for path in tmp_path.iterdir())]
    assert len(texts) == 8
    for text in texts:
        assert SECRET not in text and "sig=" not in text
    report = json.loads((tmp_path / "r.json").read_text())
    (found,) = report["disks"]
    assert found["path"] == server.url("").rstrip("?")
    assert found["bytes_read"] > 0
    run_ = json.loads((tmp_path / "r.sarif").read_text())["runs"][0]
    assert run_["artifacts"][0]["location"]["uri"] == found["path"]


def test_urls_come_from_stdin_where_no_other_user_sees_them(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{server.url()}\n"))
    assert run(["validate", "-", "--format", "json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["disks"][0]["os"] == "linux"


def test_what_passes_is_waited_for(server: Server, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rangehttp, "LIMIT", 20)

    def fault(handler: BaseHTTPRequestHandler, count: int) -> bool:
        match count % 7:
            case 2:
                return answer(handler, 503, b"busy", {"Retry-After": "0"})
            case 4:
                return answer(handler, 429)
            case 5:  # half of an answer, and the connection is gone
                handler.send_response(206)
                size = disk.stat().st_size
                first, last = re.findall(r"\d+", handler.headers.get("Range", "bytes=0-1"))
                for name, value in {
                    "Content-Length": str(int(last) - int(first) + 1),
                    "Content-Range": f"bytes {first}-{last}/{size}",
                    "ETag": server.etag,
                }.items():
                    handler.send_header(name, value)
                handler.end_headers()
                handler.wfile.write(b"\xaa" * 100)
                handler.close_connection = True
                return True
            case 6:  # no answer at all
                handler.close_connection = True
                return True
        return False

    server.fault = fault
    assert facts(engine.judge([place(server.url())])) == facts(engine.judge([disk]))


FAULTS = {
    "busy for ever": (lambda h, n: answer(h, 503), 3, "answers 503 again and again"),
    "asks for an hour": (lambda h, n: answer(h, 503, b"", {"Retry-After": "3600"}), 3, "503 again"),
    "gone": (lambda h, n: answer(h, 404), 2, "there is no such blob"),
    "refused": (lambda h, n: answer(h, 403, b"", {"x-ms-error-code": "AuthenticationFailed"}), 3,
                "refuses the SAS: 403 AuthenticationFailed"),
    "no ranges": (lambda h, n: answer(h, 200, b"x" * 1000), 3, "ignores ranges"),
    "another range": (lambda h, n: answer(h, 206, b"x", {"Content-Range": "bytes 7-7/9000"}), 3,
                      "another range"),
    "no length": (lambda h, n: answer(h, 206, b"x" * 131072), 3, "another range"),
    "empty": (lambda h, n: answer(h, 416), 2, "it is empty"),
    "strange": (lambda h, n: answer(h, 418), 3, "answers 418"),
}  # fmt: skip


@pytest.mark.parametrize("late", [False, True], ids=["at once", "half-way"])
@pytest.mark.parametrize("name", FAULTS)
def test_what_does_not_pass_is_one_clear_error_and_no_half_report(
    server: Server, capsys: pytest.CaptureFixture[str], name: str, late: bool
) -> None:
    reply, status, words = FAULTS[name]
    server.fault = lambda handler, count: reply(handler, count) if count > 10 * late else False
    assert run(["validate", server.url()]) == status
    said = capsys.readouterr()
    assert words in said.err and said.out == ""
    assert SECRET not in said.err and "Traceback" not in said.err


@pytest.mark.parametrize("late", [False, True], ids=["at once", "half-way"])
def test_an_expired_sas_is_told_by_the_clock_of_the_server(
    server: Server, capsys: pytest.CaptureFixture[str], late: bool
) -> None:
    server.fault = lambda handler, count: answer(handler, 403) if count > 10 * late else False
    url = server.url().replace("2031", "2021")
    assert run(["validate", url]) == 3
    err = capsys.readouterr().err
    assert "the SAS expired at 2021-01-01T00:00:00Z" in err and SECRET not in err


def test_a_redirect_is_not_followed(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(server.data) as other:
        server.fault = lambda handler, count: answer(handler, 302, b"", {"Location": other.url("sig=theirs")})
        assert run(["validate", server.url()]) == 2
        assert other.seen == []
    err = capsys.readouterr().err
    assert "it redirects to 127.0.0.1" in err and "theirs" not in err and SECRET not in err


@pytest.mark.parametrize("way", ["etag", "size"])
def test_a_blob_that_is_replaced_meanwhile_is_noticed(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path, way: str
) -> None:
    def fault(handler: BaseHTTPRequestHandler, count: int) -> bool:
        if count == 8:
            if way == "etag":
                server.etag = '"two"'
            else:
                server.data = tmp_path / "longer"
                server.data.write_bytes(b"")
                os.truncate(server.data, 40 << 30)
        return False

    server.fault = fault
    assert run(["validate", server.url()]) == 3
    assert "it was replaced while it was read" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_status_3(capsys: pytest.CaptureFixture[str], server: Server) -> None:
    url = server.url().replace(str(server.port), "1")
    assert run(["validate", url]) == 3
    err = capsys.readouterr().err
    assert "cannot be reached: ConnectionError" in err and SECRET not in err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"http://contoso.blob.core.windows.net/vhds/os.vhd?{SAS}", "SAS-PROTO-001"),
        (
            f"https://user:{SECRET}@contoso.blob.core.windows.net/vhds/os.vhd",
            "credentials in front of the host",
        ),
        (f"https://:443/os.vhd?{SAS}", "not the URL"),
        (f"https://[::1/os.vhd?{SAS}", "not the URL"),
        (f"https://host/os.vhd?{SAS} x", "not the URL"),
        (f"https://host:port/os.vhd?{SAS}", "not the URL"),
    ],
)
def test_a_url_that_would_show_its_signature_is_refused(
    url: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", url]) == 2
    err = capsys.readouterr().err
    assert words in err and SECRET not in err


def test_a_pickle_and_a_repr_hold_no_signature() -> None:
    disk = place(f"https://contoso.blob.core.windows.net/vhds/a%20b.vhd?{SAS}")
    copy = pickle.loads(pickle.dumps(disk))
    assert copy == disk and SECRET.encode() not in pickle.dumps(disk)
    assert SECRET not in f"{disk!r} {disk}"
    assert disk.name == "a b.vhd"


def test_a_qcow2_behind_a_url_is_read_too(disk: Path, server: Server, tmp_path: Path) -> None:
    need("qemu-img")
    server.data = tmp_path / "os.qcow2"
    tool("qemu-img", "convert", "-f", "vpc", "-O", "qcow2", disk, server.data)
    found = {outcome.rule: str(outcome.status) for outcome in engine.judge([place(server.url())]).outcomes}
    assert found["LNX-SSH-001"] == "pass"
    assert "fail" in (found["DSK-FMT-001"], found["DSK-FMT-002"])


def test_what_a_process_read_before_it_died_is_counted(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(case: Case) -> Answer:
        os.kill(os.getpid(), signal.SIGKILL)
        return met("never")

    engine.load_checks()
    monkeypatch.setitem(CHECKS, "LNX-SSH-001", dies)
    remote = place(server.url())
    judgement = engine.judge([remote])
    assert remote.requests == len(server.seen)  # type: ignore[union-attr]
    assert judgement.bytes_read[remote] == remote.received  # type: ignore[union-attr]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3000)), max_size=6))
def test_every_read_is_what_the_file_holds(small: tuple[Server, bytes], reads: list[tuple[int, int]]) -> None:
    server, data = small
    reader = place(server.url()).reader  # type: ignore[union-attr]
    for offset, count in reads:
        assert reader.read(offset, count) == data[offset : offset + count]


@pytest.fixture
def small(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Server, bytes]:
    """4,321 bytes, read in cells of 256 of which the cache holds 5."""
    monkeypatch.setattr(ranges, "CELL", 256)
    monkeypatch.setattr(ranges, "CACHE", 5)
    data = os.urandom(4321)
    server.data = tmp_path / "small"
    server.data.write_bytes(data)
    return server, data


def test_reading_on_takes_fewer_requests_than_cells(
    small: tuple[Server, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, data = small
    monkeypatch.setattr(ranges, "CACHE", 1000)
    reader = place(server.url()).reader  # type: ignore[union-attr]
    assert b"".join(reader.read(at, 64) for at in range(0, len(data), 64)) == data
    assert len(server.seen) <= 6  # of 17 cells
    reader.read(0, 4321)
    assert len(server.seen) <= 6
