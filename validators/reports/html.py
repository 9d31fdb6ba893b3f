"""The report as one HTML page that needs nothing else: no network, no script to be read."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from importlib import resources

from generator.printable import printable
from validators import catalogue
from validators.catalogue import SUBJECTS
from validators.explain import SUBJECT_TITLES
from validators.outcome import GRADERS
from validators.partition_types import TYPES
from validators.reports.document import Document, OutcomeFacts, elsewhere, waived
from validators.reports.partmap import COLOURS, OTHER, pieces
from validators.reports.text import SEVERITIES, TITLES, name, size


def render(document: Document) -> str:
    """The page. Whatever the image says is escaped twice over: control characters spelled out, then HTML.

    The page's policy lets only its own style and script run, so that a mistake here stays harmless.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    style, script = _part("report.css"), _part("report.js")
    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(size=size, name=name, colour=lambda content: COLOURS.get(content, OTHER))
    environment.globals["types"] = TYPES
    return environment.get_template("report.html.j2").render(
        document=document,
        titles=TITLES,
        badges={**TITLES, "warn": "Warning"},
        maps=[pieces(disk) for disk in document["disks"]],
        groups=list(_groups(document)),
        graders=[one for one in GRADERS if any(one in found["graders"] for found in document["outcomes"])],
        rules=catalogue.rules(),
        waived=waived(document),
        elsewhere=elsewhere(document),
        style=Markup(style),  # noqa: S704 - ours, as is the script
        script=Markup(script),  # noqa: S704
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}",
    )


def _groups(document: Document) -> Iterator[tuple[str, list[OutcomeFacts]]]:
    """What the rules judge, and their outcomes: what is not met first, then the heaviest."""
    order = list(TITLES)
    rules = catalogue.rules()
    for subject in SUBJECTS:
        found = [
            one
            for one in document["outcomes"]
            if rules[one["rule"]].subject == subject and not one["elsewhere"]
        ]
        if found:
            found.sort(key=lambda one: (order.index(one["status"]), SEVERITIES.index(one["severity"])))
            yield SUBJECT_TITLES[subject], found


def _part(file: str) -> str:
    return resources.files("templates").joinpath("report", file).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
