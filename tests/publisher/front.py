"""A server in front of the store that misbehaves as told: real sockets, real HTTP."""

from __future__ import annotations

import hashlib
import re
import socket
import socketserver
import ssl
import struct
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# "": pass on. A name in ANSWERS: say that instead. cut: let half of the body through. reset: the same, and
# end with RST. flip: change a byte of the body. drip: answer a few bytes at a time. hang: never answer.
# confirm: no fault, but what Azure adds to the answer to a page write: the checksum of what it got;
# misheard: the checksum of something else. lie: change a byte of a page, and confirm it as it was sent.
# bare: answer a read without its checksum; forge: the same, with a byte changed. pages: answer a list of
# pages with one of `listing` ranges, as fast as they are taken.
Fault = str
ANSWERS = {
    "busy": "503 Server Busy\r\nx-ms-error-code: ServerBusy",
    "later": "503 Server Busy\r\nx-ms-error-code: ServerBusy\r\nRetry-After: 1",
    "many": "429 Too Many Requests\r\nx-ms-error-code: TooManyRequests",
    "error": "500 Internal Server Error\r\nx-ms-error-code: InternalError",
    "late": "408 Request Timeout\r\nx-ms-error-code: RequestTimeout",
    "denied": "403 Forbidden\r\nx-ms-error-code: AuthenticationFailed",
}
DRIP = 16  # bytes
DRIP_PAUSE = 0.002  # seconds


@dataclass
class Front:
    """`plan` decides on each request by its method, its target and how many came before it."""

    port: int
    upstream: int
    plan: Callable[[str, str, int], Fault] = lambda method, target, count: ""
    listing: int = 0
    seen: list[tuple[str, str, Fault]] = field(default_factory=list)
    body_bytes: int = 0  # of PUTs that the store got whole
    came_bytes: int = 0  # of PUTs that came here
    lock: threading.Lock = field(default_factory=threading.Lock)

    def decide(self, method: str, target: str) -> Fault:
        with self.lock:
            fault = self.plan(method, target, len(self.seen))
            self.seen.append((method, target, fault))
            return fault

    def faults(self, fault: Fault) -> int:
        return sum(1 for _, _, each in self.seen if each == fault)


@contextmanager
def in_front_of(
    upstream: int, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Front]:
    """A front on a port of its own, behind TLS if a context is given."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                _serve(self.rfile, self.connection, front)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

    with Server((address, 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        front = Front(server.server_address[1], upstream)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield front
        server.shutdown()


def _serve(reader: object, client: socket.socket, front: Front) -> None:
    """One request per connection is enough: the clients open a new one."""
    lines = []
    while (line := reader.readline()) not in (b"\r\n", b""):  # type: ignore[attr-defined]
        lines.append(line)
    if not lines:
        return
    method, target, _ = lines[0].decode().split(" ", 2)
    length = 0
    for line in lines[1:]:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    # Host stays as it is: the SAS and the shared key do not sign it.
    head = b"".join(line for line in lines if not line.lower().startswith(b"connection:"))
    fault = front.decide(method, target)
    half = fault in ("cut", "reset")
    body = reader.read(length // 2 if half else length)  # type: ignore[attr-defined]
    if method == "PUT":
        with front.lock:
            front.came_bytes += len(body)
    if fault in ANSWERS:
        client.sendall(
            f"HTTP/1.1 {ANSWERS[fault]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        return
    if fault == "hang":
        threading.Event().wait(30)
        return
    if fault == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        return
    if fault == "pages":
        _list_pages(client, front.listing)
        return
    if fault in ("confirm", "misheard", "lie"):
        got = b64encode(hashlib.md5(b"" if fault == "misheard" else body).digest())
    if fault in ("flip", "lie") and method == "PUT" and body:
        body = body[:-1] + bytes([body[-1] ^ 1])
    with socket.create_connection(("127.0.0.1", front.upstream)) as store:
        store.sendall(head + b"Connection: close\r\n\r\n" + body)
        if fault == "cut" and method == "PUT":
            return  # both sides find their connection closed
        answer = b"".join(iter(lambda: store.recv(1 << 16), b""))
    if method == "PUT":
        with front.lock:
            front.body_bytes += len(body)
    if fault == "flip" and method == "GET":
        answer = answer[:-1] + bytes([answer[-1] ^ 1])
    if fault in ("bare", "forge"):
        answer = re.sub(rb"(?i)\r\n(?:x-ms-[a-z-]*)?content-md5:[^\r]*", b"", answer)
    if fault == "forge":
        answer = answer[:-1] + bytes([answer[-1] ^ 1])
    if fault in ("confirm", "misheard", "lie"):
        answer = answer.replace(b"\r\n", b"\r\nContent-MD5: " + got + b"\r\n", 1)
    if fault == "drip":
        for at in range(0, min(len(answer), 4096), DRIP):
            client.sendall(answer[at : at + DRIP])
            time.sleep(DRIP_PAUSE)
        answer = answer[4096:]
    client.sendall(answer[: len(answer) // 2] if fault == "cut" else answer)


def _list_pages(client: socket.socket, count: int) -> None:
    """A list of `count` pages of 512 bytes, every second one, in one answer without a length."""
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n")
    client.sendall(b'<?xml version="1.0" encoding="utf-8"?><PageList>')
    for first in range(0, count, 10_000):
        client.sendall(
            b"".join(
                b"<PageRange><Start>%d</Start><End>%d</End></PageRange>" % (at * 1024, at * 1024 + 511)
                for at in range(first, min(count, first + 10_000))
            )
        )
    client.sendall(b"</PageList>")
