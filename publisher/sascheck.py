"""Judge a SAS URI the way Partner Center will: read it by the rules, then use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from generator.redaction import redact
from publisher.sas import after_business_days
from publisher.sasuri import Uri, parse
from publisher.sasuse import use
from publisher.store import is_local
from validators import catalogue
from validators.outcome import Outcome, Severity, Status

DELEGATION = ("skoid", "sktid", "skt", "ske", "sks", "skv")
VERSION = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)  # sv
Answer = tuple[Status, str]


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
        answer = (Status.SKIP, "the URI cannot be used") if broken else use(uri, size)
        found.append(_outcome("SAS-LIVE-001", answer, uri, profile))
    return found


def _passes(good: bool, evidence: str) -> Answer:
    return (Status.PASS if good else Status.FAIL), evidence


def _url(uri: Uri, profile: str, now: datetime) -> Answer:
    if any(char.isspace() for char in uri.text):
        return Status.FAIL, "there is white space in it"
    if uri.parts.scheme not in ("http", "https") or not uri.parts.hostname:
        return Status.FAIL, "not an http(s) URL"
    if not uri.query:
        return Status.FAIL, "there is no SAS: nothing readable after a ?"
    if not uri.name.endswith(".vhd"):
        return Status.FAIL, f"the path ends in {uri.name!r}"
    if any(char in "%\"'" or char.isspace() for char in uri.name):
        return Status.FAIL, f"the name {uri.name!r} has a %, a quote or white space (DSK-BLOB-002)"
    if uri.repeated:
        return Status.FAIL, f"given more than once: {', '.join(uri.repeated)}"
    problem = uri.signature_problem
    if problem is None and not VERSION.fullmatch(uri.query.get("sv", "")):
        problem = f"sv={uri.query.get('sv') or 'missing'}: a SAS names the version of the service"
    return _passes(problem is None, problem or uri.name)


def _permissions(uri: Uri, profile: str, now: datetime) -> Answer:
    given = uri.query.get("sp", "")
    policy = "; a stored access policy (si) hides it" if "si" in uri.query else ""
    evidence = f"sp={given or 'missing'}{policy}"
    wanted = catalogue.find("SAS-PERM-001").graders["guide-2015" if profile == "guide-2015" else "policy"]
    if more := "".join(sorted(set(given) - set("rl"))):
        return Status.FAIL, f"{evidence}: {more} is more than reading and listing"
    if not set(wanted["needs"]) <= set(given):
        return Status.FAIL, evidence
    advised = set(wanted.get("advises", "")) <= set(given)
    return (
        (Status.PASS, evidence) if advised else (Status.WARN, f"{evidence}: policy 200.6 says List as well")
    )


def _scope(uri: Uri, profile: str, now: datetime) -> Answer:
    given = uri.query.get("sr")
    if given == "b" and "l" in uri.query.get("sp", ""):
        return Status.FAIL, "sr=b with l in sp: the service refuses a SAS that lists a blob"
    if given in ("b", "c") and "sip" in uri.query:
        return Status.WARN, "only some addresses may use it (sip), and those of certification are not known"
    if given == "b":
        return Status.WARN, "sr=b: for the blob alone, which cannot be listed"
    account = " (an account SAS)" if "srt" in uri.query else ""
    return _passes(given == "c", f"sr={given or 'missing'}{account}")


def _times(uri: Uri, profile: str, now: datetime) -> Answer:
    wrong = [f"{name}={uri.query.get(name) or 'missing'}" for name in ("st", "se") if uri.time(name) is None]
    return _passes(not wrong, ", ".join(wrong) or f"{uri.query['st']} to {uri.query['se']}")


def _expiry(uri: Uri, profile: str, now: datetime) -> Answer:
    expiry = uri.time("se")
    if expiry is None:
        return Status.FAIL, "no readable expiry (se)"
    days = catalogue.find("SAS-TIME-002").graders["policy"]["days"]
    least = after_business_days(now, 7) if profile == "guide-2015" else now + timedelta(days=days)
    left = "has expired" if expiry <= now else f"expires in {(expiry - now) / timedelta(days=1):.1f} days"
    # An hour of grace: a SAS that was made for exactly three weeks is judged a little later.
    return _passes(expiry >= least - timedelta(hours=1), left)


def _start(uri: Uri, profile: str, now: datetime) -> Answer:
    start = uri.time("st")
    if start is None:
        return Status.FAIL, "no readable start (st)"
    grader = "guide-2015" if profile == "guide-2015" else "policy"
    back = timedelta(minutes=catalogue.find("SAS-TIME-003").graders[grader]["minutes"])
    return _passes(start <= now - back + timedelta(minutes=1), f"starts {start:%Y-%m-%dT%H:%M:%SZ}")


def _kind(uri: Uri, profile: str, now: datetime) -> Answer:
    found = [name for name in DELEGATION if name in uri.query]
    return _passes(not found, f"user-delegation SAS ({', '.join(found)})" if found else "service SAS")


def _protocol(uri: Uri, profile: str, now: datetime) -> Answer:
    scheme, allowed = uri.parts.scheme, uri.query.get("spr", "")
    wanted = "http" if profile == "guide-2015" else "https"
    if scheme == "http" and allowed == "https":
        return Status.FAIL, "http, and the SAS is for https only (spr=https)"
    if wanted == "https" and allowed not in ("", "https"):
        return Status.FAIL, f"spr={allowed}: it would be answered without encryption too"
    if wanted == "https" and scheme == "http" and is_local(uri.text):
        return Status.WARN, "http, from a store on this machine: good for trying, not for submitting"
    return _passes(scheme == wanted, scheme or "no scheme")


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


def _outcome(name: str, answer: Answer, uri: Uri, profile: str) -> Outcome:
    rule, (status, evidence) = catalogue.find(name), answer
    graders = tuple(rule.graders) if profile == "strict" else tuple(g for g in rule.graders if g == profile)
    if not graders:
        status, evidence = Status.SKIP, f"{profile} does not ask for this"
    if status is Status.FAIL and rule.severity is not Severity.MANDATORY:
        status = Status.WARN
    fix = rule.fix_for("any") if status in (Status.FAIL, Status.WARN) else ""
    return Outcome(name, status, rule.severity, graders, redact(evidence), fix, uri.shown)
