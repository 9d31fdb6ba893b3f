"""Use a SAS URI: HEAD, list, read the footer, and a write that must be refused (SAS-LIVE-001)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from generator.errors import Unusable
from publisher.sasuri import Uri
from publisher.store import is_local
from validators import urls
from validators.footer import MIB, NotAFooter, parse_footer
from validators.neterrors import permanent
from validators.outcome import Status

if TYPE_CHECKING:
    import requests

FOOTER = 512  # bytes
LISTING = 1 << 16  # bytes of a listing of one blob that are read
TIMEOUT = (20, 60)  # seconds to connect, to answer
TRIES = 4
SKEW = 60  # seconds between the clocks that are not worth a word
BUSY = (429, 500, 503)
# A write that cannot succeed: even where the SAS allows it, no blob has this tag.
PROBE = "vmoffer-write-probe.vhd"
NEVER = {"If-Match": '"vmoffer"', "x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02"}


def use(uri: Uri, size: int | None) -> tuple[Status, str]:
    """Everything that does not work, or what did; undecidable if nobody answers.

    `size` is the length in bytes that the blob should have.
    """
    import requests
    from urllib3.exceptions import HTTPError

    try:
        urls.require_encrypted(uri.parts, uri.shown)
    except Unusable as error:
        return Status.FAIL, f"it was not used: {error.what} (SAS-PROTO-001)"
    with requests.Session() as session:
        session.auth = _nobody
        session.trust_env = not is_local(uri.text)  # a proxy does not reach this machine's own store
        session.headers["Accept-Encoding"] = "identity"
        skews: list[float] = []
        session.hooks["response"].append(lambda answer, **_: skews.append(_skew(answer)))
        try:
            problems = list(_problems(session, uri, size))
        except (requests.RequestException, HTTPError, ValueError) as error:
            # Not the text of the error: it holds the whole URI.
            why = permanent(error) or type(error).__name__
            return Status.UNDECIDABLE, f"the storage cannot be reached: {why}"
    clock = _clock(skews[0]) if skews else ""
    if problems:
        return Status.FAIL, "; ".join(problems) + clock
    return (
        Status.PASS,
        f"a page blob of the right length; {'listed, ' if uri.lists else ''}its VHD footer read, "
        f"a write refused{clock}",
    )


def _skew(answer: requests.Response) -> float:
    """Seconds that the storage's clock is ahead of this machine's; 0 if it does not tell the time."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return 0.0


def _clock(skew: float) -> str:
    """Said where it matters: a SAS that starts or ends by a wrong clock is refused by the right one."""
    if abs(skew) < SKEW:
        return ""
    return f"; this machine's clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the storage's"


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials but the SAS; without this, requests takes some from ~/.netrc."""
    return request


def _ask(
    session: requests.Session, method: str, url: str, headers: dict[str, str] | None = None
) -> requests.Response:
    """One request, repeated while the storage is busy or cut off; the body is not read yet.

    Not by urllib3's own retries: those write the URL, signature and all, into the log.
    """
    import requests

    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        try:
            answer = session.request(
                method, url, headers=headers, timeout=TIMEOUT, stream=True, allow_redirects=False
            )
            if last or answer.status_code not in BUSY:
                return answer
            answer.close()
        except (requests.ConnectionError, requests.Timeout) as error:
            if last or permanent(error):
                raise
        time.sleep(0.5 * 2**attempt)
    raise AssertionError("the last try returns or raises")


def _problems(session: requests.Session, uri: Uri, size: int | None) -> Iterator[str]:
    head = _ask(session, "HEAD", uri.text)
    if head.status_code in BUSY:
        raise ValueError(f"still {head.status_code}")
    if head.status_code != 200:
        yield f"HEAD answers {head.status_code} {head.headers.get('x-ms-error-code', head.reason)}"
        return
    if (kind := head.headers.get("x-ms-blob-type")) != "PageBlob":
        yield f"it is a {kind or 'file'}, not a page blob (DSK-BLOB-001)"
    if head.headers.get("x-ms-lease-state", "available") not in ("available", "expired", "broken"):
        yield "the blob is in use: it has a lease"
    length = int(head.headers.get("Content-Length", 0))
    if size not in (None, length):
        yield f"{length} bytes instead of {size} (DSK-FMT-004)"
    if length < FOOTER or (length - FOOTER) % MIB:
        yield f"{length} bytes are no whole number of MiB and a footer (DSK-ALIGN-001)"
    if uri.lists:
        yield from _listing_problems(session, uri)
    if length >= FOOTER:
        yield from _footer_problems(session, uri, length - FOOTER)
    yield from _write_problems(session, uri)


def _container(uri: Uri) -> tuple[str, str]:
    """The container's URL, and the blob's name in it."""
    base, blob = uri.text.split("?")[0], uri.parts.path.lstrip("/").split("/")
    # An account is the first part of the host name, or of the path where the host is an address.
    address = is_local(uri.text) or (uri.parts.hostname or "").replace(".", "").isdigit()
    depth = 2 if address else 1
    name = "/".join(blob[depth:])
    return base[: -len(name) - 1], unquote(name)


def _listing_problems(session: requests.Session, uri: Uri) -> Iterator[str]:
    container, name = _container(uri)
    parameters = f"restype=container&comp=list&maxresults=1&prefix={quote(name, safe='')}"
    with _ask(session, "GET", f"{container}?{parameters}&{uri.parts.query}") as answer:
        listed = answer.raw.read(LISTING)
        if answer.status_code != 200:
            yield f"listing the container answers {answer.status_code}"
        elif f"<Name>{escape(name)}</Name>".encode() not in listed:
            yield "the container's listing does not show the blob"


def _footer_problems(session: requests.Session, uri: Uri, size: int) -> Iterator[str]:
    part = {"x-ms-range": f"bytes={size}-{size + FOOTER - 1}"}
    with _ask(session, "GET", uri.text, part) as answer:
        tail = answer.raw.read(FOOTER + 1)  # a server that ignores the range would send the whole disk
        if answer.status_code != 206 or len(tail) != FOOTER:
            yield f"a ranged read answers {answer.status_code} with {len(tail)} bytes"
            return
    try:
        footer = parse_footer(tail)
    except NotAFooter as error:
        yield f"the blob does not end in a VHD footer: {error} (DSK-FMT-001)"
        return
    if not footer.checksum_ok:
        yield "the footer's checksum is wrong (DSK-FMT-003)"
    if footer.current_size != size:
        yield f"the footer tells of {footer.current_size} bytes, the blob has {size} (DSK-FMT-004)"


def _write_problems(session: requests.Session, uri: Uri) -> Iterator[str]:
    """The blob itself is not touched: the probe is for another name, under the same signature."""
    container, _ = _container(uri)
    with _ask(session, "PUT", f"{container}/{PROBE}?{uri.parts.query}", NEVER) as answer:
        if answer.status_code != 403:
            yield f"a write is not refused, it answers {answer.status_code} (SAS-PERM-001)"
