"""SAS URIs: made, read by the rules, and used against the real store."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import NotMet, Surroundings, Unusable
from publisher import handout, messages, proof, sas, sascheck, sasuri, sasuse, store, submission, upload
from tools import azurite
from validators import catalogue
from validators.footer import MIB
from validators.outcome import Outcome, Status

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

Make = Callable[..., Path]
NOW = datetime(2026, 11, 23, 12, 0, 0, 250, tzinfo=UTC)
SIGNATURE = base64.b64encode(bytes(range(200, 232))).decode()
ACCOUNT_A = "AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
GOOD = {"st": "2026-11-22T12:00:00Z", "se": "2026-12-23T12:00:00Z", "sp": "rl", "sv": "2021-12-02", "sr": "c"}


def uri(
    path: str = "https://a.blob.core.windows.net/vhds/os.vhd", sig: str = SIGNATURE, **changes: Any
) -> str:
    query = {**GOOD, "sig": sig, **changes}
    return f"{path}?" + "&".join(f"{name}={quote(v, safe='')}" for name, v in query.items() if v is not None)


def unmet(text: str, profile: str = "strict") -> dict[str, str]:
    """The rules that do not pass, without using the URI: id → evidence."""
    found = sascheck.check(text, profile=profile, now=NOW, live=False)
    return {each.rule: each.evidence for each in found if each.status in (Status.FAIL, Status.WARN)}


def live(text: str, size: int | None = None) -> Outcome:
    found = sascheck.check(text, size=size)
    return next(each for each in found if each.rule == "SAS-LIVE-001")


def own(container: ContainerClient, blob: str, **changes: Any) -> str:
    """A SAS that `vmoffer sas make` would not make, by the SDK."""
    from azure.storage.blob import generate_container_sas

    now = datetime.now(UTC)
    options = {"permission": "rl", "start": now - timedelta(days=1), "expiry": now + timedelta(days=30)}
    token = generate_container_sas(
        str(container.account_name),
        container.container_name,
        account_key=container.credential.account_key,
        **{**options, **changes},
    )
    return f"{container.url}/{blob}?{token}"


@pytest.fixture
def disk(container: ContainerClient, make_disk: Make) -> Path:
    """A disk whose blob is proven."""
    path = make_disk()
    upload.upload(path, container)
    return path


def test_a_good_uri_meets_every_rule() -> None:
    assert unmet(uri()) == {}


WRONG: list[tuple[str, str, str]] = [
    (uri().split("?")[0], "SAS-URL-001", "no SAS"),
    (uri("https://a.blob.core.windows.net/vhds/os.vhdx"), "SAS-URL-001", "os.vhdx"),
    (uri("https://a.blob.core.windows.net/vhds/o s.vhd"), "SAS-URL-001", "white space"),
    (uri("https://a.blob.core.windows.net/vhds/o%20s.vhd"), "SAS-URL-001", "DSK-BLOB-002"),
    (uri("https://a.blob.core.windows.net/vhds/o%25s.vhd"), "SAS-URL-001", "DSK-BLOB-002"),
    (uri() + "\n", "SAS-URL-001", "white space"),
    (uri("os.vhd"), "SAS-URL-001", "not an http"),
    (uri("https://[/os.vhd"), "SAS-URL-001", "not an http"),
    (uri() + "&sp=rl", "SAS-URL-001", "more than once: sp"),
    (uri(sig=None), "SAS-URL-001", "no signature"),
    (uri(sig=SIGNATURE[:-4]), "SAS-URL-001", "cut off"),
    (uri(sig=None) + "&sig=a+b", "SAS-URL-001", "bare +"),
    (uri(sig=quote(SIGNATURE, safe="")), "SAS-URL-001", "twice"),
    (uri(sv=None), "SAS-URL-001", "sv=missing"),
    (uri(sv="latest"), "SAS-URL-001", "sv=latest"),
    (uri(sp="rwl"), "SAS-PERM-001", "sp=rwl"),
    (uri(sp="r"), "SAS-PERM-001", "policy 200.6"),
    (uri(sp="l"), "SAS-PERM-001", "sp=l"),
    (uri(sp="rld"), "SAS-PERM-001", "d is more than reading"),
    (uri(sp="racwl"), "SAS-PERM-001", "acw is more than reading"),
    (uri(sp=None, si="policy"), "SAS-PERM-001", "stored access policy"),
    (uri(sr="b", sp="r"), "SAS-SCOPE-001", "for the blob alone"),
    (uri(sr="b", sp="rl"), "SAS-SCOPE-001", "lists a blob"),
    (uri(sr="d"), "SAS-SCOPE-001", "sr=d"),
    (uri(sr=None, srt="co", ss="b"), "SAS-SCOPE-001", "account SAS"),
    (uri(sip="10.0.0.1"), "SAS-SCOPE-001", "sip"),
    (uri(st="2026-11-22"), "SAS-TIME-001", "st=2026-11-22"),
    (uri(st=None), "SAS-TIME-001", "st=missing"),
    (uri(se="2026-13-23T12:00:00Z"), "SAS-TIME-001", "se=2026-13"),
    (uri(se="2026-12-13T12:00:00Z"), "SAS-TIME-002", "20.0 days"),
    (uri(se="2026-11-20T12:00:00Z"), "SAS-TIME-002", "expired"),
    (uri(st="2026-11-23T11:45:00Z"), "SAS-TIME-003", "starts 2026-11-23"),
    (uri(skoid="1", sktid="2"), "SAS-KIND-001", "user-delegation SAS (skoid, sktid)"),
    (uri("http://a.blob.core.windows.net/vhds/os.vhd"), "SAS-PROTO-001", "http"),
    (uri(spr="https,http"), "SAS-PROTO-001", "without encryption"),
    (uri("http://127.0.0.1:1/a/vhds/os.vhd", spr="https"), "SAS-PROTO-001", "https only"),
]


@pytest.mark.parametrize(("text", "rule", "evidence"), WRONG)
def test_what_is_wrong_is_named_by_its_rule(text: str, rule: str, evidence: str) -> None:
    assert evidence in unmet(text)[rule]


def test_every_rule_on_a_uri_that_is_decided_here_is_broken_by_a_row() -> None:
    # The good URI meets them all; SAS-LIVE-001 is asked of a store, below.
    wanted = {rule.id for rule in catalogue.rules().values() if rule.subject == "sas" and not rule.offline}
    assert {rule for _, rule, _ in WRONG} | {"SAS-LIVE-001"} == wanted


GRADES = [  # the corrections of SAS-PERM-001 and SAS-SCOPE-001: sp, sr, and what each of them says
    ("rl", "c", "pass", "pass"),
    ("r", "b", "warn", "warn"),
    ("r", "c", "warn", "pass"),
    ("l", "c", "fail", "pass"),
    ("rl", "b", "pass", "fail"),
    ("rwl", "c", "fail", "pass"),
    ("rd", "b", "fail", "warn"),
    ("", "c", "fail", "pass"),
]


@pytest.mark.parametrize(("sp", "sr", "permissions", "scope"), GRADES)
def test_reading_is_needed_listing_advised_and_a_blob_alone_is_a_warning(
    sp: str, sr: str, permissions: str, scope: str
) -> None:
    found = {each.rule: each.status for each in sascheck.check(uri(sp=sp, sr=sr), now=NOW, live=False)}
    assert (found["SAS-PERM-001"], found["SAS-SCOPE-001"]) == (permissions, scope)


TODAY = [
    (uri().split("?")[0], "SAS-URL-001", "Must be a valid Azure shared access signature URI."),
    (uri(st=None), "SAS-TIME-001", "Specified SAS URL cannot be reached."),
    (uri(se=None), "SAS-TIME-001", "The end date parameter (se) is required."),
    (uri(sp="l"), "SAS-PERM-001", "Missing Permissions (sp) must include 'read' (r)."),
    (uri(sp=None), "SAS-PERM-001", "Missing Permissions (sp) must include 'read' (r)."),
    (uri(st="2026-11-22"), "SAS-TIME-001", "The start time parameter (st) is not a valid date string."),
    (uri(se="2026-12-31"), "SAS-TIME-001", "The end date parameter (se) is not a valid date string."),
    (
        uri(sig=SIGNATURE[:-4]),
        "SAS-URL-001",
        "Failure: Copying Images. Not able to download blob due to authorization error.",
    ),
]


@pytest.mark.parametrize(("text", "rule", "said"), TODAY)
def test_the_message_is_that_of_partner_center_today(text: str, rule: str, said: str) -> None:
    found = sascheck.check(text, now=NOW, live=False)
    assert messages.message(next(each for each in found if each.rule == rule)) == said


def test_of_both_times_both_messages_are_given() -> None:
    found = sascheck.check(uri(st="2026-11-22", se=None), now=NOW, live=False)
    said = messages.message(next(each for each in found if each.rule == "SAS-TIME-001"))
    assert said == f"{messages.BAD_START} / {messages.NO_END}"
    assert messages.message(next(each for each in found if each.rule == "SAS-PROTO-001")) is None


def test_an_expiry_may_be_an_hour_short_and_permissions_come_in_any_order() -> None:
    assert unmet(uri(se="2026-12-14T11:30:00Z", sp="lr", spr="https")) == {}


def test_http_to_this_machine_is_a_warning_that_says_why() -> None:
    found = sascheck.check(uri("http://127.0.0.1:1/a/vhds/os.vhd"), now=NOW, live=False)
    [outcome] = [each for each in found if each.status is not Status.PASS]
    assert (outcome.rule, outcome.status) == ("SAS-PROTO-001", Status.WARN)
    assert "this machine" in outcome.evidence


def test_the_guide_of_2015_asks_for_what_it_asked() -> None:
    text = uri(
        "http://a.blob.core.windows.net/vhds/os.vhd", st="2026-11-23T11:45:00Z", se="2026-12-02T12:00:00Z"
    )
    assert unmet(text, "guide-2015") == {}
    assert set(unmet(text)) == {"SAS-TIME-002", "SAS-TIME-003", "SAS-PROTO-001"}
    assert unmet(uri(), "guide-2015") == {"SAS-PROTO-001": "https"}
    found = sascheck.check(uri(sp="r"), profile="guide-2015", now=NOW, live=False)
    assert next(each for each in found if each.rule == "SAS-PERM-001").status is Status.FAIL
    found = sascheck.check(uri(sr="b"), profile="guide-2015", now=NOW, live=False)
    assert next(each for each in found if each.rule == "SAS-SCOPE-001").status is Status.SKIP


@pytest.mark.parametrize(
    ("luns", "evidence"),
    [
        ([None], ""),
        ([None, 0, 1], ""),
        ([None, *range(16)], ""),
        ([1, None, 0], ""),
        ([0], "0 OS disks"),
        ([None, None], "2 OS disks"),
        ([None, 1], "LUNs 1 instead of 0 to 0"),
        ([None, 0, 0], "LUNs 0, 0 instead of 0 to 1"),
        ([None, 0, "x"], "LUNs 0, x"),
        ([None, *range(17)], "17 data disks"),
    ],
)
def test_the_disks_of_an_image_are_judged_together(luns: list[Any], evidence: str) -> None:
    disks = [
        {"lun": lun, "uri": uri(f"https://a.blob.core.windows.net/vhds/{n}.vhd")}
        for n, lun in enumerate(luns)
    ]
    outcome = submission.check({"disks": disks})
    assert (outcome.rule, outcome.status) == ("DSK-DATA-001", Status.FAIL if evidence else Status.PASS)
    assert evidence in outcome.evidence


@pytest.mark.parametrize(
    ("luns", "good"), [([None, 1, 5], True), ([None, 1, 1], False), ([None, 16], False), ([None, "x"], False)]
)
def test_the_guide_of_2015_lets_a_data_disk_have_any_lun(luns: list[Any], good: bool) -> None:
    disks = [
        {"lun": lun, "uri": uri(f"https://a.blob.core.windows.net/vhds/{n}.vhd")}
        for n, lun in enumerate(luns)
    ]
    found = submission.check({"disks": disks, "profile": "guide-2015"})
    assert found.status is (Status.PASS if good else Status.FAIL)
    assert submission.check({"disks": disks}).status is Status.FAIL


def test_one_blob_for_two_disks_is_found_without_showing_its_signature() -> None:
    disks = [{"lun": None, "uri": uri()}, {"lun": 0, "uri": uri(sp="r")}]
    outcome = submission.check({"disks": disks})
    assert "os.vhd is given for 2 disks" in outcome.evidence
    assert "sig" not in str(outcome)


@given(st.text(max_size=80))
def test_any_text_is_judged_and_never_raises(text: str) -> None:
    for candidate in (text, f"https://a.b/{text}", f"https://a.b/os.vhd?{text}", f"http://[{text}"):
        assert len(sascheck.check(candidate, now=NOW, live=False)) == len(sascheck.RULES)


fields = st.dictionaries(
    st.sampled_from(["sp", "sr", "st", "se", "sv", "si", "sip", "skoid", "x"]),
    st.text(min_size=1, max_size=30),
)


@given(st.from_regex(r"[a-z0-9-]{1,20}\.vhd", fullmatch=True), fields)
def test_what_is_written_is_read_back(name: str, query: dict[str, str]) -> None:
    found = sasuri.parse(uri(f"https://a.blob.core.windows.net/vhds/{name}", **query))
    assert found.name == name
    assert found.query == {**GOOD, "sig": SIGNATURE, **query}
    assert found.repeated == ()


@given(fields, st.binary(min_size=32, max_size=32))
def test_no_outcome_and_nothing_shown_holds_the_signature(query: dict[str, str], raw: bytes) -> None:
    signature = base64.b64encode(raw).decode()
    for text in (
        uri(sig=signature, **query),
        uri(sig=signature, **query).replace("?", "&"),
        quote(uri(sig=signature, **query), safe=""),
        uri("os.vhd", sig=signature),
    ):
        for outcome in sascheck.check(text, now=NOW, live=False):
            for shown in (signature, quote(signature, safe=""), quote(quote(signature, safe=""), safe="")):
                assert shown not in str(outcome)


def test_a_term_is_thirty_days_from_a_day_ago() -> None:
    period = sas.term("strict", None, NOW)
    assert f"{period.start:%FT%TZ} {period.expiry:%FT%TZ}" == "2026-11-22T12:00:00Z 2026-12-23T12:00:00Z"


@pytest.mark.parametrize(("profile", "days"), [("strict", 20), ("guide-2015", 8)])
def test_a_term_that_is_too_short_is_refused(profile: str, days: int) -> None:
    with pytest.raises(NotMet) as raised:
        sas.term(profile, days, NOW)
    assert raised.value.rule == "SAS-TIME-002"


@pytest.mark.parametrize(
    ("day", "last"),  # November 2026; the 23rd is a Monday, the 32nd is the 2nd of December
    [(23, 32), (24, 33), (25, 34), (26, 37), (27, 38), (28, 38), (29, 38)],
    ids=["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
)
def test_the_guide_of_2015_gets_seven_business_days_and_fifteen_minutes(day: int, last: int) -> None:
    period = sas.term("guide-2015", None, NOW.replace(day=day))
    assert f"{period.start:%FT%TZ}" == f"2026-11-{day}T11:45:00Z"
    assert f"{period.expiry:%FT%TZ}" == f"2026-12-{last - 30:02}T12:00:00Z"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(1, 30))
def test_business_days_leave_out_weekends(start: datetime, count: int) -> None:
    end = sas.after_business_days(start, count)
    days = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert sum(day.weekday() < 5 for day in days) == count
    assert end.weekday() < 5


def test_what_is_made_works_and_is_written_for_the_owner_only(
    container: ContainerClient, disk: Path, tmp_path: Path
) -> None:
    document = handout.make(container, [disk.name])
    [made] = document["disks"]
    assert (made["lun"], made["role"], made["size_bytes"]) == (0, "data", disk.stat().st_size)
    parsed = sasuri.parse(made["uri"])
    assert {name: parsed.query[name] for name in ("sp", "sr")} == {"sp": "rl", "sr": "c"}
    assert parsed.time("st") and parsed.time("se") and not parsed.repeated
    tail = requests.get(made["uri"], headers={"Range": f"bytes={32 * MIB}-"}, timeout=10)
    assert tail.content == disk.read_bytes()[-512:]
    statuses = {each["rule"]: each["status"] for each in made["checks"]}
    assert statuses.pop("SAS-PROTO-001") == "warn"
    assert set(statuses.values()) == {"pass"}
    path = tmp_path / "sas.json"
    path.touch(mode=0o644)
    handout.write(document, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert handout.read(path) == document
    assert made["uri"] in handout.table(document)
    assert list(tmp_path.glob(".*")) == []


def test_disks_are_listed_os_first_then_by_lun(container: ContainerClient, make_disk: Make) -> None:
    for name in ("p-os.vhd", "p-data-0.vhd", "p-data-1.vhd"):
        upload.upload(make_disk(name, writes=[]), container)
    made = handout.make(container, ["p-data-1.vhd", "p-os.vhd", "p-data-0.vhd"])["disks"]
    assert [(each["lun"], each["blob"]) for each in made] == [
        (None, "p-os.vhd"),
        (0, "p-data-0.vhd"),
        (1, "p-data-1.vhd"),
    ]


def test_a_blob_that_is_not_proven_gets_no_sas_unless_it_is_asked_for(
    container: ContainerClient, disk: Path
) -> None:
    container.get_blob_client(disk.name).set_blob_metadata({proof.STARTED: "yes"})
    with pytest.raises(NotMet, match="not finished"):
        handout.make(container, [disk.name])
    assert handout.make(container, [disk.name], unproven=True)["disks"]


def test_a_blob_that_is_not_there_is_said_to_be_missing(container: ContainerClient) -> None:
    with pytest.raises(Unusable, match="no such blob"):
        handout.make(container, ["missing.vhd"])


def test_an_identity_cannot_sign_for_long_enough() -> None:
    from azure.storage.blob import ContainerClient

    with pytest.raises(Unusable) as raised:
        sas.sign(
            ContainerClient("https://a.blob.core.windows.net", "vhds"), "a.vhd", sas.term("strict", None, NOW)
        )
    assert raised.value.rule == "SAS-KIND-001"
    assert "AZURE_STORAGE_KEY" in (raised.value.hint or "")


def test_the_unwanted_is_found_by_using_the_uri(container: ContainerClient, disk: Path) -> None:
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    container.upload_blob("block.vhd", disk.read_bytes())
    container.get_blob_client("short.vhd").create_page_blob(MIB)
    container.get_blob_client("raw.vhd").create_page_blob(MIB + 512)
    for name, at in (("sum.vhd", 100), ("size.vhd", 49)):
        container.upload_blob(name, _damaged(disk, at), blob_type="PageBlob")
    stranger = container._get_blob_service_client().create_container(container.container_name + "-2")
    stranger.get_blob_client(disk.name).create_page_blob(MIB)
    other = container.url.rsplit("/", 1)[0]
    for text, evidence in [
        (own(container, disk.name, permission="rlw"), "a write is not refused, it answers 412"),
        (own(container, disk.name, permission="rlc"), "a write is not refused"),
        (own(container, disk.name, expiry=now - hour), "HEAD answers 403"),
        (own(container, disk.name, start=now + hour), "HEAD answers 403"),
        (own(container, disk.name).replace(container.url, f"{other}/other-container"), "HEAD answers 40"),
        (own(container, disk.name).replace(container.url, stranger.url), "HEAD answers 403"),
        (own(container, "sum.vhd"), "checksum is wrong"),
        (own(container, "size.vhd"), "the footer tells of"),
        (own(container, "missing.vhd"), "HEAD answers 404"),
        (own(container, "block.vhd"), "it is a BlockBlob, not a page blob (DSK-BLOB-001)"),
        (own(container, "short.vhd"), "no whole number of MiB"),
        (own(container, "raw.vhd"), "does not end in a VHD footer"),
    ]:
        outcome = live(text)
        assert outcome.status is Status.FAIL
        assert evidence in outcome.evidence
    unlisted = live(own(container, disk.name, permission="r"))  # not asked to list: SAS-PERM-001 warns
    assert unlisted.status is Status.PASS and "listed" not in unlisted.evidence
    assert "bytes instead of" in live(own(container, disk.name), size=5).evidence
    # No probe was written, and nothing was changed.
    assert sorted(blob.name for blob in container.list_blobs()) == sorted(
        [disk.name, "block.vhd", "short.vhd", "raw.vhd", "sum.vhd", "size.vhd"]
    )
    assert proof.PROVEN in container.get_blob_client(disk.name).get_blob_properties().metadata


def _damaged(disk: Path, at: int) -> bytes:
    """The disk with one byte of its footer changed, the checksum wrong only if `at` is no size."""
    data = bytearray(disk.read_bytes())
    data[at - 512] ^= 1
    if at == 49:  # in the current size
        data[-512 + 64 : -512 + 68] = bytes(4)
        data[-512 + 64 : -512 + 68] = (~sum(data[-512:]) & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(data)


def test_a_blob_in_use_is_found(container: ContainerClient, disk: Path) -> None:
    lease = container.get_blob_client(disk.name).acquire_lease()
    assert "in use" in live(own(container, disk.name)).evidence
    lease.release()
    assert live(own(container, disk.name)).status is Status.PASS


def test_a_blob_sas_is_refused(container: ContainerClient, disk: Path) -> None:
    from azure.storage.blob import generate_blob_sas

    token = generate_blob_sas(
        str(container.account_name),
        container.container_name,
        disk.name,
        account_key=container.credential.account_key,
        permission="r",
        start=datetime.now(UTC) - timedelta(days=1),
        expiry=datetime.now(UTC) + timedelta(days=30),
    )
    found = sascheck.check(f"{container.url}/{disk.name}?{token}")
    failed = {each.rule for each in found if each.status is Status.FAIL}
    assert failed == set()  # the first way that Microsoft documents; used without listing
    warned = {each.rule for each in found if each.status is Status.WARN}
    assert warned == {"SAS-PERM-001", "SAS-SCOPE-001", "SAS-PROTO-001"}


def test_a_storage_that_is_not_there_is_undecidable_and_never_a_pass(
    container: ContainerClient, disk: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.sasuse.time.sleep", lambda seconds: None)
    gone = own(container, disk.name).replace(":" + container.url.split(":")[2].split("/")[0], ":1")
    outcome = live(gone)
    assert outcome.status is Status.UNDECIDABLE
    assert "sig" not in str(outcome)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(sascheck, "use", lambda uri, size: (Status.UNDECIDABLE, "nobody answers"))
    with pytest.raises(Surroundings, match="nobody answers"):
        handout.make(container, [disk.name])


def test_a_server_that_lies_is_not_believed_and_not_followed() -> None:
    asked: list[str] = []

    class Liar(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(200, {"x-ms-blob-type": "PageBlob", "Content-Length": str(1 << 40 | 512)})

        def do_GET(self) -> None:
            asked.append(self.path)
            if "comp=list" in self.path:
                self._answer(302, {"Location": "/elsewhere", "Content-Length": "0"})
                return
            self._answer(200, {"Content-Length": str(1 << 40)})
            self.wfile.write(b"\0" * 4096)

        def do_PUT(self) -> None:
            self._answer(201, {"Content-Length": "0"})

        def _answer(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Liar) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        outcome = live(uri(f"http://127.0.0.1:{server.server_port}/a/vhds/os.vhd"))
        server.shutdown()
    assert outcome.status is Status.FAIL
    for part in ("listing the container answers 302", "a ranged read answers 200", "a write is not refused"):
        assert part in outcome.evidence
    assert not any("elsewhere" in path for path in asked)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"disks": [{}]}', '{"disks": 5}', "\udcff", '{"disks": [1]}']
)
def test_what_is_no_sas_json_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sas.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Unusable, match=r"no sas\.json"):
        handout.read(path)


@pytest.mark.parametrize(
    ("target", "env", "what"),
    [
        ("Vhds", {}, "no container name"),
        ("a--b", {}, "no container name"),
        ("vhds\n", {}, "no container name"),
        ("vhds", {}, "no storage account"),
        ("ftp://a/vhds", {}, "https://"),
        ("https://a.blob.core.windows.net/vhds?sv=1&sig=c2VjcmV0", {}, "without a SAS"),
        ("vhds", {"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=c2VjcmV0"}, "cannot be read"),
        ("vhds", {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_CLOUD": "c2VjcmV1"}, "no known cloud"),
        (
            "https://b.blob.core.windows.net/vhds",
            {"AZURE_STORAGE_CONNECTION_STRING": ACCOUNT_A},
            "for the account a",
        ),
    ],
)
def test_a_place_that_cannot_be_used_is_said_without_the_secret(
    target: str, env: dict[str, str], what: str
) -> None:
    with pytest.raises(Unusable, match=what) as raised:
        store.connect(target, env)
    assert "c2VjcmV0" not in repr(vars(raised.value))


def test_an_account_of_the_sku_is_not_another_one() -> None:
    with pytest.raises(Unusable, match="for the account a"):
        store.connect("vhds", {"AZURE_STORAGE_CONNECTION_STRING": ACCOUNT_A}, account="b")


def test_a_wrong_key_is_refused_without_being_shown(local: azurite.Store) -> None:
    wrong = base64.b64encode(b"wrong key" * 7).decode()
    env = {"AZURE_STORAGE_CONNECTION_STRING": local.connection_string.replace(local.key, wrong)}
    with pytest.raises(Surroundings, match="refused the credentials") as raised:
        store.connect("vhds", env)
    assert raised.value.__suppress_context__
    assert wrong not in repr(vars(raised.value))


def test_a_proxy_is_not_asked_for_the_store_of_this_machine(
    container: ContainerClient, env: dict[str, str], disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(store.RETRIES, "retry_total", 0)
    monkeypatch.setattr("publisher.sasuse.time.sleep", lambda seconds: None)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    again = store.connect(container.container_name, env)
    assert upload.upload(disk, again).sent == 0
    assert live(own(container, disk.name)).status is Status.PASS


def test_a_storage_that_does_not_answer_is_status_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(store.RETRIES, "retry_total", 0)
    env = {
        "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;"
        "BlobEndpoint=http://127.0.0.1:1/a;"
    }
    with pytest.raises(Surroundings, match="cannot be reached") as raised:
        store.connect("vhds", env)
    assert "c2VjcmV0" not in repr(vars(raised.value))


def test_a_wrong_clock_is_measured_and_said(
    container: ContainerClient, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = own(container, disk.name)
    real = sasuse.time.time
    monkeypatch.setattr(sasuse.time, "time", lambda: real() - 7200)
    assert "clock is 7200 s behind" in live(text).evidence.replace("7199", "7200").replace("7201", "7200")
    monkeypatch.undo()
    assert "clock" not in live(text).evidence


@pytest.mark.parametrize(("kind", "policy"), [("blob", None), ("container", "review"), ("blob", "review")])
def test_other_kinds_open_the_blob_and_are_said_not_to_be_for_partner_center(
    kind: str, policy: str | None, container: ContainerClient, disk: Path
) -> None:
    from azure.storage.blob import AccessPolicy

    container.set_container_access_policy({"other": AccessPolicy(permission="r")})
    [made] = handout.make(container, [disk.name], kind=kind, policy=policy)["disks"]
    assert requests.get(made["uri"], timeout=10).content == disk.read_bytes()
    query = sasuri.parse(made["uri"]).query
    assert (query["sr"], query.get("si")) == (kind[0], policy)
    found = {each["rule"]: each["status"] for each in made["checks"]}
    assert found["SAS-SCOPE-001"] == ("warn" if kind == "blob" else "pass")
    assert found["SAS-PERM-001"] == ("fail" if policy else "warn")
    assert found["SAS-LIVE-001"] == "pass"
    kept = {each.id for each in container.get_container_access_policy()["signed_identifiers"]}
    assert kept == {"other", "review"} if policy else {"other"}


def test_a_user_delegation_is_signed_with_a_lent_key_for_six_days(monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.storage.blob import BlobServiceClient, ContainerClient, UserDelegationKey

    asked = []

    def lend(self: BlobServiceClient, start: datetime, expiry: datetime) -> UserDelegationKey:
        asked.append(expiry - start)
        key = UserDelegationKey()
        key.signed_oid, key.signed_tid, key.signed_service, key.signed_version = "1", "2", "b", "2021-12-02"
        key.signed_start, key.signed_expiry = f"{start:%FT%TZ}", f"{expiry:%FT%TZ}"
        key.value = base64.b64encode(b"lent").decode()
        return key

    # Azurite lends no keys; what is faked is this one request.
    monkeypatch.setattr(BlobServiceClient, "get_user_delegation_key", lend)
    period = sas.term("strict", None, NOW, "delegation")
    text = sas.sign(ContainerClient("https://a.blob.core.windows.net", "vhds"), "a.vhd", period, "delegation")
    assert asked == [timedelta(days=6, minutes=15)]
    assert {"SAS-KIND-001", "SAS-TIME-002"} <= set(unmet(text))
    with pytest.raises(NotMet):
        sas.term("strict", 7, NOW, "delegation")
