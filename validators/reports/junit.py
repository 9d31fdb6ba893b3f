"""The report as JUnit XML: a suite per disk, a case per rule, and one for what is not checked here."""

from __future__ import annotations

from xml.etree import ElementTree

from generator.printable import printable
from validators import catalogue
from validators.reports.document import DiskFacts, Document, OutcomeFacts, elsewhere, waived
from validators.reports.text import name, notes, place

KINDS = ("tests", "failures", "errors", "skipped")


def render(document: Document) -> str:
    """JUnit knows no warnings: one passes with its text as output. Undecidable and waived are skipped.

    What is undecided is an error where `require_decided` asks for it, as the exit status is 1 then. The
    verdict is a property of each suite, and the report's notes are the output of the first.
    """
    root = ElementTree.Element("testsuites", name=printable(f"vmoffer {document['sku'] or 'validate'}"))
    _count(root)  # first, for people who read the file
    for index, disk in enumerate(document["disks"]):
        suite = _suite(root, disk, document)
        if index == 0:
            _not_checked(suite, document)
            ElementTree.SubElement(suite, "system-out").text = printable_lines(notes(document))
        _count(suite)
    _count(root)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def printable_lines(lines: list[str]) -> str:
    return "\n".join(printable(line) for line in lines)


def _suite(root: ElementTree.Element, disk: DiskFacts, document: Document) -> ElementTree.Element:
    """Add the suite of one disk."""
    suite = ElementTree.SubElement(
        root, "testsuite", name=printable(name(disk["path"])), timestamp=document["created"].rstrip("Z")
    )
    _count(suite)
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", name="verdict", value=document["verdict"])
    for one in document["unread"]:
        if one["disk"] == disk["path"]:
            case = ElementTree.SubElement(suite, "testcase", classname="vmoffer", name="the disk is read")
            ElementTree.SubElement(case, "error", message=printable(one["reason"]))
    reasons = waived(document)
    for outcome in document["outcomes"]:
        if outcome["disk"] == disk["path"] and not outcome["elsewhere"]:
            _case(suite, outcome, document, reasons.get(outcome["rule"]))
    return suite


def _case(suite: ElementTree.Element, outcome: OutcomeFacts, document: Document, reason: str | None) -> None:
    subject = catalogue.rules()[outcome["rule"]].subject
    title = f"{outcome['rule']} {outcome['title']}"
    case = ElementTree.SubElement(suite, "testcase", classname=f"vmoffer.{subject}", name=title, time="0")
    evidence = printable(f"{place(outcome)}: {outcome['evidence']}")
    details = [evidence, f"severity: {outcome['severity']}"]
    details += [f"graders: {', '.join(outcome['graders'])}"] if outcome["graders"] else []
    details += [f"fix: {printable(outcome['fix'])}"] if outcome["fix"] else []
    status = outcome["status"]
    if status in ("fail", "undecidable") and reason is not None:
        ElementTree.SubElement(case, "skipped", message=printable(f"waived: {reason}; {evidence}"))
    elif status == "fail":
        failure = ElementTree.SubElement(case, "failure", message=evidence, type=outcome["severity"])
        failure.text = "\n".join(details)
    elif status == "undecidable" and outcome["rule"] in document["undecided"]:
        tag = "error" if document["require_decided"] else "skipped"
        ElementTree.SubElement(case, tag, message=f"open: mandatory and not decided: {evidence}")
    elif status in ("skip", "undecidable"):
        ElementTree.SubElement(case, "skipped", message=f"{status}: {evidence}")
    elif status == "warn":
        ElementTree.SubElement(case, "system-out").text = "\n".join([f"warning: {details[0]}", *details[1:]])


def _not_checked(suite: ElementTree.Element, document: Document) -> None:
    """One case for all rules that another command, tool or option decides."""
    if rules := elsewhere(document):
        case = ElementTree.SubElement(
            suite, "testcase", classname="vmoffer", name="not checked here", time="0"
        )
        asked = document["require_decided"] and document["not_checked"]
        ElementTree.SubElement(case, "error" if asked else "skipped", message=", ".join(rules))


def _count(element: ElementTree.Element) -> None:
    numbers = [len(element.findall(f".//{tag}")) for tag in ("testcase", "failure", "error", "skipped")]
    for key, number in zip(KINDS, numbers, strict=True):
        element.set(key, str(number))
