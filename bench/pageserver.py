"""The fastest server here that takes page writes: a sparse file per blob, and Azure's answers to an upload.

    python bench/pageserver.py FOLDER

Prints its URL and connection string. Like Azure, and unlike Azurite, it checks the CRC or MD5 of a page and
confirms it. It asks for no credentials, keeps nothing, and knows only what the tools of bench/upload.py
ask: for measuring what a client costs where the store is not the limit, and for nothing else.
"""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from email.utils import formatdate
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from publisher.checksum import CRC64, MD5
from publisher.extents import BLOCK, Coverage, Range

HOST = "127.0.0.2"  # not the address by which vmoffer knows an emulator
CHECKSUMS = {"x-ms-content-crc64": CRC64.of, "content-md5": MD5.of}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


class Blob:
    """A page blob, as a sparse file that has no name."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size, self.metadata, self.written = size, dict[str, str](), list[Range]()
        self.file = os.open(folder, os.O_RDWR | os.O_TMPFILE)
        os.ftruncate(self.file, size)
        self.touch()

    def touch(self) -> dict[str, str]:
        self.modified = time.time()
        return self.stamp

    @property
    def stamp(self) -> dict[str, str]:
        return {"Last-Modified": formatdate(self.modified, usegmt=True), "ETag": f'"{self.modified}"'}


class Handler(socketserver.StreamRequestHandler):
    """One connection; `server` has the folder and the blobs."""

    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        self.buffer = bytearray(BLOCK)
        while line := self.rfile.readline():
            method, target, _ = line.decode("ascii").split(" ")
            headers = dict[str, str]()
            while (field := self.rfile.readline().decode("latin-1").rstrip()) != "":
                name, _, value = field.partition(":")
                headers[name.lower()] = value.strip()
            if headers.get("expect"):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self._body(int(headers.get("content-length", 0)))
            self._send(method, self._answer(method, target, headers, body))

    def _body(self, length: int) -> memoryview:
        """What is buffered, and the rest in one call: small reads are what costs here."""
        body = memoryview(self.buffer)[:length]
        got = self.rfile.readinto(body[: min(length, len(self.rfile.peek()))]) if length else 0
        while got < length:
            got += self.request.recv_into(body[got:], 0, socket.MSG_WAITALL)
        return body

    def _send(self, method: str, answer: Answer) -> None:
        fields = {
            "Content-Length": str(len(answer.body)),
            "Date": formatdate(usegmt=True),
            "x-ms-request-id": "1",
            "x-ms-version": "2025-01-05",
            **answer.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.wfile.write(f"HTTP/1.1 {answer.status} -\r\n{head}\r\n".encode())
        if method != "HEAD":
            self.wfile.write(answer.body)

    def _answer(self, method: str, target: str, headers: dict[str, str], body: memoryview) -> Answer:
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        blobs = self.server.blobs
        if query.get("restype") or method == "DELETE":
            for path in [
                path for path in blobs if method == "DELETE" and f"{path}/".startswith(f"{url.path}/")
            ]:
                os.close(blobs.pop(path).file)
            return Answer({"PUT": 201, "DELETE": 202}.get(method, 200))
        if method == "PUT" and "comp" not in query:
            blob = blobs[url.path] = Blob(self.server.folder, int(headers["x-ms-blob-content-length"]))
            blob.metadata = metadata(headers)
            return Answer(201, blob.stamp)
        if url.path not in blobs:
            return Answer(404, {"x-ms-error-code": "BlobNotFound"})
        answer: Callable[..., Answer] = getattr(self, f"_{method.lower()}_{query.get('comp', 'blob')}")
        return answer(blobs[url.path], headers, body)

    def _put_page(self, blob: Blob, headers: dict[str, str], body: memoryview) -> Answer:
        part = ranged(headers["x-ms-range"])
        confirmed = {}
        for name, of in CHECKSUMS.items():
            if name in headers:
                confirmed[name] = b64encode(of(body)).decode()
                if confirmed[name] != headers[name]:
                    return Answer(400, {"x-ms-error-code": "Crc64Mismatch"})
        if headers["x-ms-page-write"] == "update":
            os.pwrite(blob.file, body, part.start)
            blob.written.append(part)
        return Answer(201, {**blob.touch(), **confirmed})

    def _put_lease(self, blob: Blob, headers: dict[str, str], _: memoryview) -> Answer:
        lease = headers.get("x-ms-proposed-lease-id", "")
        return Answer(
            201 if headers["x-ms-lease-action"] == "acquire" else 200, {**blob.stamp, "x-ms-lease-id": lease}
        )

    def _put_metadata(self, blob: Blob, headers: dict[str, str], _: memoryview) -> Answer:
        blob.metadata = metadata(headers)
        return Answer(200, blob.touch())

    def _put_properties(self, blob: Blob, _: dict[str, str], __: memoryview) -> Answer:
        return Answer(200, blob.touch())

    def _head_blob(self, blob: Blob, _: dict[str, str], __: memoryview) -> Answer:
        facts = {"Content-Length": str(blob.size), "x-ms-blob-type": "PageBlob"}
        return Answer(200, {**blob.stamp, **blob.metadata, **facts})

    def _get_blob(self, blob: Blob, headers: dict[str, str], _: memoryview) -> Answer:
        part = ranged(headers.get("x-ms-range") or headers["range"])
        of = {"Content-Range": f"bytes {part.start}-{part.end - 1}/{blob.size}", "x-ms-blob-type": "PageBlob"}
        return Answer(206, {**blob.stamp, **of}, os.pread(blob.file, part.length, part.start))

    def _get_pagelist(self, blob: Blob, _: dict[str, str], __: memoryview) -> Answer:
        pages = "".join(
            f"<PageRange><Start>{part.start}</Start><End>{part.end - 1}</End></PageRange>"
            for part in Coverage(blob.written).ranges
        )
        body = f'<?xml version="1.0"?><PageList>{pages}</PageList>'.encode()
        return Answer(200, {**blob.stamp, "Content-Type": "application/xml"}, body)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__((HOST, 0), Handler)
        self.folder, self.blobs = folder, dict[str, Blob]()
        self.url = f"http://{HOST}:{self.server_address[1]}/account"
        self.connection_string = f"AccountName=account;AccountKey=a2V5;BlobEndpoint={self.url};"


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("x-ms-meta-")}


def ranged(text: str) -> Range:
    """The bytes that `bytes=FIRST-LAST` names."""
    first, _, last = text.removeprefix("bytes=").partition("-")
    return Range(int(first), int(last) + 1)


def main(folder: str) -> None:
    server = Server(Path(folder))
    print(server.url, server.connection_string, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
