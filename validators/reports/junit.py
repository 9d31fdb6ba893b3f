"""The report as JUnit XML: a suite per disk, a case per rule."""

from __future__ import annotations

from xml.etree import ElementTree

from validators import catalogue
from validators.reports.document import DiskFacts, Document, OutcomeFacts
from validators.reports.text import name, place, printable


def render(document: Document) -> str:
    """JUnit knows no warnings: one passes with its text as output. Undecidable and waived are skipped."""
    waived = {waiver["rule"]: waiver["why"] for waiver in document["waivers"]}
    root = ElementTree.Element("testsuites", name=printable(f"vmoffer {document['sku'] or 'validate'}"))
    total = [0, 0, 0]
    for disk in document["disks"]:
        total = [a + b for a, b in zip(total, _suite(root, disk, document, waived), strict=True)]
    _count(root, total)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    root: ElementTree.Element, disk: DiskFacts, document: Document, waived: dict[str, str]
) -> list[int]:
    """Add the suite of one disk; returns its number of cases, failures and skipped cases."""
    suite = ElementTree.SubElement(
        root, "testsuite", name=printable(name(disk["path"])), timestamp=document["created"].rstrip("Z")
    )
    _count(suite, [0, 0, 0])  # first, for people who read the file
    for outcome in document["outcomes"]:
        if outcome["disk"] == disk["path"]:
            _case(suite, outcome, waived.get(outcome["rule"]))
    count = [len(suite), len(suite.findall("*/failure")), len(suite.findall("*/skipped"))]
    _count(suite, count)
    return count


def _case(suite: ElementTree.Element, outcome: OutcomeFacts, waived: str | None) -> None:
    subject = catalogue.rules()[outcome["rule"]].subject
    title = f"{outcome['rule']} {outcome['title']}"
    case = ElementTree.SubElement(suite, "testcase", classname=f"vmoffer.{subject}", name=title, time="0")
    evidence = printable(f"{place(outcome)}: {outcome['evidence']}")
    details = [evidence, f"severity: {outcome['severity']}"]
    details += [f"graders: {', '.join(outcome['graders'])}"] if outcome["graders"] else []
    details += [f"fix: {printable(outcome['fix'])}"] if outcome["fix"] else []
    if outcome["status"] == "fail" and waived is None:
        failure = ElementTree.SubElement(case, "failure", message=evidence, type=outcome["severity"])
        failure.text = "\n".join(details)
    elif outcome["status"] == "fail":
        ElementTree.SubElement(case, "skipped", message=printable(f"waived: {waived}; {evidence}"))
    elif outcome["status"] in ("skip", "undecidable"):
        ElementTree.SubElement(case, "skipped", message=f"{outcome['status']}: {evidence}")
    elif outcome["status"] == "warn":
        ElementTree.SubElement(case, "system-out").text = "\n".join([f"warning: {details[0]}", *details[1:]])


def _count(element: ElementTree.Element, count: list[int]) -> None:
    for key, number in zip(("tests", "failures", "skipped"), count, strict=True):
        element.set(key, str(number))
    element.set("errors", "0")
