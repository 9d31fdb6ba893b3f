"""Check a SAS URI the way Partner Center will: read it by the rules, then use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from publisher.sas import after_business_days
from publisher.store import is_local, redact
from validators import catalogue
from validators.footer import NotAFooter, parse_footer
from validators.outcome import Outcome, Severity, Status

if TYPE_CHECKING:
    import requests

FOOTER = 512  # bytes
FULL_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
DELEGATION = ("skoid", "sktid", "skt", "ske", "sks", "skv")
TIMEOUT = (20, 60)  # seconds to connect, to answer
TRIES = 4
# A write that cannot succeed: even a SAS that allows it finds no blob with this tag.
NEVER = {"If-Match": '"vmoffer-probe"', "x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02"}


@dataclass(frozen=True)
class Uri:
    """A SAS URI taken apart. `shown` is what may be printed of it."""

    text: str
    parts: SplitResult
    query: dict[str, str]

    @property
    def shown(self) -> str:
        return redact(self.text.split("?")[0])


def parse(text: str) -> Uri:
    """Take `text` apart; anything is a URI here, the rules say what is wrong with it."""
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = SplitResult("", "", text.split("?")[0], "", "")
    return Uri(text, parts, {name: values[-1] for name, values in parse_qs(parts.query).items()})


def check(
    text: str,
    *,
    profile: str = "strict",
    now: datetime | None = None,
    size: int | None = None,
    live: bool = True,
) -> list[Outcome]:
    """What every SAS rule says of one URI; with `live` it is used as certification would.

    `size` is the length in bytes that the blob should have. The outcomes hold no signature.
    """
    uri, now = parse(text), now or datetime.now(UTC)
    found = [_outcome(rule, decide(uri, profile, now), uri, profile) for rule, decide in RULES.items()]
    if live:
        broken = any(each.status is Status.FAIL and each.rule == "SAS-URL-001" for each in found)
        answer = (Status.SKIP, "the URI cannot be used") if broken else _use(uri, size)
        found.append(_outcome("SAS-LIVE-001", answer, uri, profile))
    return found


Answer = tuple[Status, str]


def _url(uri: Uri, profile: str, now: datetime) -> Answer:
    path = unquote(uri.parts.path)
    if uri.parts.scheme not in ("http", "https") or not uri.parts.hostname:
        return Status.FAIL, "not an http(s) URL"
    if not uri.query:
        return Status.FAIL, "there is no SAS: nothing readable after a ?"
    if any(char.isspace() for char in unquote(uri.text)):
        return Status.FAIL, "there is white space in it"
    if not path.endswith(".vhd"):
        return Status.FAIL, f"the path ends in {path.rsplit('/', 1)[-1]!r}"
    return Status.PASS, path.rsplit("/", 1)[-1]


def _permissions(uri: Uri, profile: str, now: datetime) -> Answer:
    given = uri.query.get("sp", "")
    status = Status.PASS if given in ("rl", "lr") else Status.FAIL
    return status, f"sp={given or 'missing'}" + (", set by a stored policy" if "si" in uri.query else "")


def _scope(uri: Uri, profile: str, now: datetime) -> Answer:
    given = uri.query.get("sr")
    return (Status.PASS if given == "c" else Status.FAIL), f"sr={given or 'missing'}"


def _times(uri: Uri, profile: str, now: datetime) -> Answer:
    wrong = [f"{name}={uri.query.get(name, 'missing')}" for name in ("st", "se") if _time(uri, name) is None]
    return (Status.FAIL if wrong else Status.PASS), ", ".join(
        wrong
    ) or f"{uri.query['st']} to {uri.query['se']}"


def _expiry(uri: Uri, profile: str, now: datetime) -> Answer:
    expiry = _time(uri, "se")
    if expiry is None:
        return Status.FAIL, "no readable expiry"
    # Whole days: a SAS made for three weeks an hour ago was made right.
    days = catalogue.find("SAS-TIME-002").graders["policy"]["days"]
    least = after_business_days(now, 7) if profile == "guide-2015" else now + timedelta(days=days)
    left = "has expired" if expiry <= now else f"expires in {(expiry - now) / timedelta(days=1):.1f} days"
    return (Status.PASS if expiry >= least - timedelta(hours=1) else Status.FAIL), left


def _start(uri: Uri, profile: str, now: datetime) -> Answer:
    start = _time(uri, "st")
    if start is None:
        return Status.FAIL, "no readable start"
    grader = "guide-2015" if profile == "guide-2015" else "policy"
    back = timedelta(minutes=catalogue.find("SAS-TIME-003").graders[grader]["minutes"])
    return (
        Status.PASS if start <= now - back + timedelta(minutes=1) else Status.FAIL
    ), f"starts {start:%Y-%m-%dT%H:%M:%SZ}"


def _kind(uri: Uri, profile: str, now: datetime) -> Answer:
    found = [name for name in DELEGATION if name in uri.query]
    if found:
        return Status.FAIL, f"user-delegation SAS ({', '.join(found)})"
    return (Status.PASS, "service SAS") if "sig" in uri.query else (Status.FAIL, "there is no signature")


def _protocol(uri: Uri, profile: str, now: datetime) -> Answer:
    scheme = uri.parts.scheme
    wanted = "http" if profile == "guide-2015" else "https"
    if scheme != wanted and is_local(uri.text):
        return Status.WARN, f"{scheme}, from a store on this machine"
    return (Status.PASS if scheme == wanted else Status.FAIL), scheme or "no scheme"


RULES: dict[str, Callable[[Uri, str, datetime], Answer]] = {
    "SAS-URL-001": _url,
    "SAS-PERM-001": _permissions,
    "SAS-SCOPE-001": _scope,
    "SAS-TIME-001": _times,
    "SAS-TIME-002": _expiry,
    "SAS-TIME-003": _start,
    "SAS-KIND-001": _kind,
    "SAS-PROTO-001": _protocol,
}


def _time(uri: Uri, name: str) -> datetime | None:
    text = uri.query.get(name, "")
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z") if FULL_TIME.match(text) else None
    except ValueError:
        return None


def _use(uri: Uri, size: int | None) -> Answer:
    """The first thing that does not work, or what did."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    retry = Retry(total=TRIES, backoff_factor=0.5, status_forcelist=(429, 500, 503), raise_on_status=False)
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        try:
            problems = list(_problems(session, uri, size))
        except requests.RequestException as error:
            return Status.UNDECIDABLE, f"the storage cannot be reached: {type(error).__name__}"
    if problems:
        return Status.FAIL, problems[0]
    return Status.PASS, "a page blob of the right length; listed, its VHD footer read, a write refused"


def _problems(session: requests.Session, uri: Uri, size: int | None) -> Iterator[str]:
    head = session.head(uri.text, timeout=TIMEOUT)
    if head.status_code != 200:
        yield f"HEAD answers {head.status_code} {head.headers.get('x-ms-error-code', head.reason)}"
        return
    if (kind := head.headers.get("x-ms-blob-type")) != "PageBlob":
        yield f"it is a {kind}, not a page blob (DSK-BLOB-001)"
    if head.headers.get("x-ms-lease-state", "available") not in ("available", "expired", "broken"):
        yield "the blob is in use: it has a lease"
    length = int(head.headers.get("Content-Length", 0))
    if size not in (None, length):
        yield f"{length} bytes instead of {size} (DSK-FMT-004)"
    if length < FOOTER or (length - FOOTER) % (1 << 20):
        yield f"{length} bytes are no whole number of MiB and a footer (DSK-ALIGN-001)"
        return
    container = uri.text.split("?")[0].rsplit("/", 1)[0]
    listing = session.get(
        f"{container}?restype=container&comp=list&maxresults=1&{uri.parts.query}", timeout=TIMEOUT
    )
    if listing.status_code != 200:
        yield f"listing the container answers {listing.status_code}"
    tail = session.get(
        uri.text, headers={"x-ms-range": f"bytes={length - FOOTER}-{length - 1}"}, timeout=TIMEOUT
    )
    yield from _footer_problems(tail, length - FOOTER)
    probe = f"{container}/vmoffer-probe.vhd?{uri.parts.query}"
    refused = session.put(probe, data=b"", headers=NEVER, timeout=TIMEOUT)
    if refused.status_code != 403:
        yield f"a write is not refused, it answers {refused.status_code} (SAS-PERM-001)"


def _footer_problems(tail: requests.Response, size: int) -> Iterator[str]:
    if tail.status_code != 206 or len(tail.content) != FOOTER:
        yield f"a ranged read answers {tail.status_code} with {len(tail.content)} bytes"
        return
    try:
        footer = parse_footer(tail.content)
    except NotAFooter as error:
        yield f"the blob does not end in a VHD footer: {error} (DSK-FMT-001)"
        return
    if not footer.checksum_ok:
        yield "the footer's checksum is wrong (DSK-FMT-003)"
    if footer.current_size != size:
        yield f"the footer tells of {footer.current_size} bytes, the blob has {size} (DSK-FMT-004)"


def _outcome(name: str, answer: Answer, uri: Uri, profile: str) -> Outcome:
    rule, (status, evidence) = catalogue.find(name), answer
    if status is Status.FAIL and rule.severity is not Severity.MANDATORY:
        status = Status.WARN
    graders = tuple(rule.graders) if profile == "strict" else tuple(g for g in rule.graders if g == profile)
    fix = rule.fix_for("any") if status in (Status.FAIL, Status.WARN) else ""
    return Outcome(name, status, rule.severity, graders, redact(evidence), fix, uri.shown)
