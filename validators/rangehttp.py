"""One blob over HTTP, range by range: whole answers of the same blob, or one clear error."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from generator.errors import Surroundings, Unusable
from validators.neterrors import permanent

if TYPE_CHECKING:
    import requests

    from validators.remote import RemoteDisk

FIRST, LONGEST, LIMIT = 0.5, 10.0, 90.0  # seconds of pause: the first, the longest, for one range in all
TIMEOUT = (20, 30)  # seconds to connect, to answer
PASSING = (408, 429, 500, 502, 503, 504)  # statuses that another try may not meet
PAGES = re.compile(rb"<PageRange><Start>(\d{1,19})</Start><End>(\d{1,19})</End></PageRange>")
MAP_LIMIT = 8 << 20  # bytes of a page list that are read


class Blob:
    """What is behind one URL; `size` in bytes is known after the first range, as is the
    `type` of the blob where the server says one, such as PageBlob.

    Works on in a forked process, with a connection of its own. All methods raise Unusable where there
    is no such file, it is empty, or redirects, and Surroundings when the server refuses, ignores
    ranges, cannot be reached, or has another blob there meanwhile.
    """

    def __init__(self, disk: RemoteDisk, url: str) -> None:
        self.size: int | None = None
        self.type = ""
        self._disk = disk
        self._url = url
        self._etag = ""
        self._session: requests.Session | None = None
        self._process = 0

    def range(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end` or the end of the blob, asked for until they come whole."""
        from urllib3.exceptions import HTTPError

        headers = {"Range": f"bytes={start}-{end - 1}"}
        if self._etag and not self._etag.startswith("W/"):
            headers["If-Match"] = self._etag
        began, tries = time.monotonic(), 0
        while True:
            with self._ask(self._url, headers) as answer:
                length = min(end, self._check(answer, start)) - start
                try:
                    data = bytes(answer.raw.read(length))
                except (HTTPError, OSError):
                    data = b""
            self._disk.count(len(data))
            if len(data) == length:
                return data
            if time.monotonic() - began > LIMIT:
                raise self._error("the connection ends in the middle of every answer")
            _pause(tries)
            tries += 1

    def stored(self) -> int | None:
        """Bytes of the pages that a page blob holds; None where the server keeps no such list."""
        joint = "&" if urlsplit(self._url).query else "?"
        with self._ask(f"{self._url}{joint}comp=pagelist", {"x-ms-version": "2019-12-12"}) as answer:
            text = answer.raw.read(MAP_LIMIT + 1) if answer.status_code == 200 else b""
        self._disk.count(len(text))
        if b"<PageList" not in text[:200] or len(text) > MAP_LIMIT:
            return None
        return sum(int(end) - int(start) + 1 for start, end in PAGES.findall(text))

    def _ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        """One answer, its body unread, after as many tries as LIMIT allows.

        Not by urllib3's own retries: those write the URL, signature and all, into the log.
        """
        import requests

        began, tries = time.monotonic(), 0
        while True:
            wait = 0.0
            try:
                answer = self._connected().get(
                    url, headers=headers, timeout=TIMEOUT, stream=True, allow_redirects=False
                )
                if answer.status_code not in PASSING:
                    return answer
                reason = f"the server answers {answer.status_code} again and again"
                wait = _seconds(answer.headers.get("Retry-After", ""))
                answer.close()
            except requests.RequestException as error:
                if why := permanent(error):
                    raise self._error(why) from None
                reason = f"the server cannot be reached: {type(error).__name__}"  # its text holds the URL
            if time.monotonic() - began + wait > LIMIT:
                raise self._error(reason)
            _pause(tries, wait)
            tries += 1

    def _connected(self) -> requests.Session:
        import requests

        if self._session is None or self._process != os.getpid():
            self._session, self._process = requests.Session(), os.getpid()
            self._session.auth = _nobody
            self._session.trust_env = not self._disk.is_local
            self._session.headers["Accept-Encoding"] = "identity"
        return self._session

    def _check(self, answer: requests.Response, start: int) -> int:
        """The size of the blob, or the error for an answer that is not the range of that blob."""
        status, where = answer.status_code, str(self._disk)
        if status in (401, 403):
            raise self._error(_refusal(answer, self._url), "make a new one: vmoffer sas make")
        if status in (404, 416):
            raise Unusable("there is no such blob" if status == 404 else "it is empty", where=where)
        if 300 <= status < 400:
            host = urlsplit(answer.headers.get("Location", "")).hostname or "another place"
            hint = "give the URL it leads to, if you trust that"
            raise Unusable(f"it redirects to {host}; a SAS is not sent there", where=where, hint=hint)
        if status == 200:
            raise self._error("the server ignores ranges: it sends the whole disk", "download it")
        if status not in (206, 412):
            raise self._error(f"the server answers {status} {_code(answer)}")
        found = re.fullmatch(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19})", answer.headers.get("Content-Range", ""))
        if status == 206 and (found is None or int(found[1]) != start):
            raise self._error("the server answers another range than it was asked for")
        size, etag = int(found[2]) if found else None, answer.headers.get("ETag", "")
        if self.size is None and size is not None:
            self.size, self._etag = size, etag
            self.type = answer.headers.get("x-ms-blob-type", "")
        if size is None or (size, etag) != (self.size, self._etag):
            raise self._error("it was replaced while it was read")
        return size

    def _error(self, what: str, hint: str | None = None) -> Surroundings:
        return Surroundings(what, where=str(self._disk), hint=hint)


def _refusal(answer: requests.Response, url: str) -> str:
    """Why the server does not let us in; the clock that counts is the server's."""
    expiry = parse_qs(urlsplit(url).query).get("se", [""])[-1]
    now = _moment(parsedate_to_datetime, answer.headers.get("Date", "")) or datetime.now(UTC)
    end = _moment(datetime.fromisoformat, expiry)
    if end is not None and end <= now:
        return f"the SAS expired at {expiry}"
    return f"the server refuses the SAS: {answer.status_code} {_code(answer)}"


def _moment(read: Callable[[str], datetime], text: str) -> datetime | None:
    try:
        found = read(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials but the SAS; without this, requests takes some from ~/.netrc."""
    return request


def _code(answer: requests.Response) -> str:
    """The error code of the storage, or the reason, of printable characters."""
    text = answer.headers.get("x-ms-error-code") or answer.reason or ""
    return re.sub(r"[^A-Za-z0-9 ]", "?", text)[:60]


def _seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,4}", text) else 0.0


def _pause(tries: int, least: float = 0.0) -> None:
    # Jitter, so that several processes do not come back all at once.
    time.sleep(max(least, min(LONGEST, FIRST * 2**tries) * random.uniform(0.5, 1.0)))  # noqa: S311
