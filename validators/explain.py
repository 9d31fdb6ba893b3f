"""The catalogue for people: a table of all rules, one rule explained, and the page in docs/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from validators import engine
from validators.catalogue import SUBJECTS, Rule, source, sources
from validators.windows import settings

SUBJECT_TITLES = {
    "image": "The disks of an image together",
    "disk": "Every disk",
    "os-disk": "The OS disk",
    "data-disk": "Data disks",
    "plan": "The disks of a plan together",
    "linux": "Linux systems",
    "windows": "Windows systems",
    "sas": "SAS URIs",
    "offer": "The offer",
    "listing": "The listing",
    "nva": "Network virtual appliances",
}
FAMILIES = {
    "debian": "Debian, Ubuntu",
    "rhel": "RHEL and relatives",
    "suse": "SUSE",
    "azurelinux": "Azure Linux",
    "any": "",
}
MANY = 6  # values that a line still shows
NOBODY = "nobody we know of; documented only"
COMMANDS = {
    "image": "from the image (`vmoffer validate`)",
    "definition": "from the definition (`vmoffer lint`)",
    "URI": "from the URI (`vmoffer sas check`)",
}
ELSEWHERE = {"live": "in the running guest", "azure": "in Azure or Partner Center"}
INTRODUCTION = """# Rules

What `vmoffer validate`, `vmoffer lint` and `vmoffer sas check` know. This page is written by
`vmoffer rules --format markdown`; `vmoffer rules ID` shows one rule in the terminal.

A mandatory rule that is not met makes the verdict `fail`, one that could not be decided makes it `open`
([reports](reports.md#the-verdict)). Graders are those who test images: the
certification **tool**, Microsoft's **lisa** suites, the certification **policy** and its FAQ, the tests
of the certification service (**azcert**: AzCertify, Microsoft.PlatformValidation), and the guide of 2015
(**guide-2015**). `--profile strict`, the default, takes the strictest of today's.
Sources are Microsoft's pages and reports from the field, by short names that the end of the page spells out.
"""


def as_json(rule: Rule) -> dict[str, Any]:
    """The rule as data; `implemented` says whether this version decides it."""
    return {
        "id": rule.id,
        "title": rule.title,
        "subject": rule.subject,
        "severity": rule.severity.value,
        "decidable": list(rule.decidable),
        "implemented": bool(places(rule)),
        "decided_from": list(places(rule)),
        "undecidable_offline": rule.offline,
        "graders": {name: dict(limits) for name, limits in rule.graders.items()},
        "limits": dict(rule.limits),
        "sources": list(rule.sources),
        "why": rule.why,
        "fix": dict(rule.fix),
        "step": rule.step,
    }


def places(rule: Rule) -> tuple[str, ...]:
    """What this version decides the rule from: image, definition, URI; empty if from none of them."""
    found = ["image"] if rule.id in engine.load_checks() else []
    if not rule.offline:
        found += {"offer": ["definition"], "listing": ["definition"], "sas": ["URI"]}.get(rule.subject, [])
    return tuple(found)


def counts(rules: Sequence[Rule]) -> str:
    """How many rules there are, and what decides them."""
    decided = Counter(place for rule in rules for place in places(rule))
    named = [f"{decided[place]} from the {place}" for place in ("image", "definition", "URI")]
    silent = sum(not places(rule) for rule in rules)
    return f"{len(rules)} rules, decided: {', '.join(named)}; {silent} take more than these and say what"


def table(rules: Sequence[Rule]) -> str:
    """One line per rule, and how many there are."""
    width = max((len(rule.id) for rule in rules), default=0)
    lines = [
        f"{rule.id:{width}}  {rule.severity:14}  {'+'.join(places(rule)) or '-':16}  {rule.title}"
        for rule in rules
    ]
    return "\n".join([*lines, counts(rules)])


def text(rule: Rule) -> str:
    """Everything about one rule, for a terminal."""
    system, elsewhere = _system(rule), "everywhere else" if len(rule.fix) > 1 else ""
    blocks = {
        "Checked by": [(name, _shown(limits)) for name, limits in rule.graders.items()] or [("", NOBODY)],
        "For everybody": [row for name, value in _plain(rule).items() for row in _rows(name, value)],
        "Values": [("", line) for line in _values(rule)],
        "Fix": [(FAMILIES[family] or elsewhere, rule.fix[family]) for family in _families(rule)],
        "Done by": [("", f"the {system} provisioner step {rule.step} of `vmoffer build`")]
        if rule.step
        else [],
        "Sources": [(cited, _source(cited)) for cited in rule.sources],
    }
    lines = [f"{rule.id}  {rule.title}", f"{rule.severity}; {_where(rule)}", "", rule.why]
    for title, rows in blocks.items():
        width = max((len(label) for label, _ in rows), default=0)
        lines += ["", title] if rows else []
        lines += [f"  {label:{width}}  {shown}".rstrip() if width else f"  {shown}" for label, shown in rows]
    return "\n".join(lines)


def markdown(rules: Sequence[Rule]) -> str:
    """The page docs/rules.md: by subject, with an anchor per rule."""
    parts = [INTRODUCTION, f"\n{counts(rules)}.\n"]
    for subject in SUBJECTS:
        group = [rule for rule in rules if rule.subject == subject]
        if group:
            parts.append(f"\n## {SUBJECT_TITLES[subject]}\n")
            parts += [_section(rule) for rule in group]
    return "".join([*parts, _legend()])


def _section(rule: Rule) -> str:
    lines = [
        f'\n### <a id="{rule.id.lower()}"></a>{rule.id}: {rule.title}\n',
        f"{rule.severity.capitalize()}; {_where(rule)}. {rule.why}\n",
        f"- Checked by: {_graders(rule)}. Sources: {', '.join(rule.sources)}.",
    ]
    if plain := _plain(rule):
        lines.append(f"- For everybody: {_shown(plain)}")
    lines += [f"- Value: `{line}`" for line in _values(rule)]
    lines += [f"- Fix: {line}" for line in fixes(rule)]
    if rule.step:
        lines.append(f"- Provisioner step: [`{rule.step}`](steps.md#{_system(rule)}-{rule.step})")
    return "\n".join(lines) + "\n"


def _legend() -> str:
    """What the short names of sources stand for."""
    lines = [
        f"- **{name}**: [{each.title}]({each.url})" if each.url else f"- **{name}**: {each.title}"
        for name, each in sources().items()
    ]
    return "\n## Sources\n\n" + "\n".join(lines) + "\n"


def _where(rule: Rule) -> str:
    if rule.offline:
        elsewhere = " or ".join(ELSEWHERE[place] for place in rule.decidable if place in ELSEWHERE)
        return f"undecidable offline: {rule.offline}" + (f"; decided {elsewhere}" if elsewhere else "")
    named = [COMMANDS[place] for place in places(rule)]
    return f"decided {' and '.join(named)}" if named else "this version does not decide it yet"


def _graders(rule: Rule) -> str:
    named = [f"{name} ({_shown(limits)})" if limits else name for name, limits in rule.graders.items()]
    return ", ".join(named) if named else NOBODY


def _shown(limits: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in limits.items())


def _value(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _rows(name: str, value: Any) -> list[tuple[str, str]]:
    """A threshold on a line; a table of them on a line each."""
    if not isinstance(value, list) or len(value) <= MANY:
        return [(name, _value(value))]
    return [(name if index == 0 else "", str(one)) for index, one in enumerate(value)]


def _plain(rule: Rule) -> dict[str, Any]:
    """The thresholds that hold for everybody, as far as a line holds them; tables are for `_values`."""
    return {
        key.replace("_", " "): value
        for key, value in rule.limits.items()
        if isinstance(value, str | int) or (isinstance(value, list) and not isinstance(value[0], dict | list))
    }


def _values(rule: Rule) -> list[str]:
    """The registry values that a Windows rule compares."""
    return [settings.described(row) for row in rule.limits.get("registry", ())]


def _families(rule: Rule) -> list[str]:
    """The families that have a fix of their own; the one for all others comes last."""
    return [family for family in FAMILIES if family in rule.fix]


def fixes(rule: Rule) -> list[str]:
    """What to do, by family."""
    return [
        f"{FAMILIES[family]}: {rule.fix[family]}" if FAMILIES[family] else rule.fix[family]
        for family in _families(rule)
    ]


def _source(cited: str) -> str:
    found, (_, _, section) = source(cited), cited.partition(" ")
    return f"{found.title}{f', section {section}' if section else ''} {found.url}".rstrip()


def _system(rule: Rule) -> str:
    return "windows" if rule.subject == "windows" else "linux"
