"""The catalogue for people: a table of all rules, one rule explained, and the page in docs/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from validators import engine
from validators.catalogue import SUBJECTS, Rule
from validators.windows import settings

SUBJECT_TITLES = {
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
    "any": "",
    "debian": "Debian, Ubuntu: ",
    "rhel": "RHEL and relatives: ",
    "suse": "SUSE: ",
    "azurelinux": "Azure Linux: ",
}
INTRODUCTION = """# Rules

What `vmoffer validate`, `vmoffer lint` and `vmoffer sas check` know. This page is written by
`vmoffer rules --format markdown`; `vmoffer rules ID` shows one rule in the terminal.

A mandatory rule that is not met makes the verdict `fail`. Graders are those who test images: the
certification **tool**, Microsoft's **lisa** suites, the certification **policy** and its FAQ, and the
guide of 2015 (**guide-2015**). `--profile strict`, the default, takes the strictest of today's.
Sources in brackets are Microsoft's pages and field reports, by the short names of the catalogue.
"""


def as_json(rule: Rule) -> dict[str, Any]:
    """The rule as data; `implemented` says whether this version decides it from an image."""
    return {
        "id": rule.id,
        "title": rule.title,
        "subject": rule.subject,
        "severity": rule.severity.value,
        "decidable": list(rule.decidable),
        "implemented": rule.id in engine.load_checks(),
        "undecidable_offline": rule.offline,
        "graders": {name: dict(limits) for name, limits in rule.graders.items()},
        "limits": dict(rule.limits),
        "sources": list(rule.sources),
        "why": rule.why,
        "fix": dict(rule.fix),
        "step": rule.step,
    }


def table(rules: Sequence[Rule]) -> str:
    """One line per rule."""
    width = max((len(rule.id) for rule in rules), default=0)
    return "\n".join(f"{rule.id:{width}}  {rule.severity:14}  {rule.title}" for rule in rules)


def text(rule: Rule) -> str:
    """Everything about one rule, for a terminal."""
    lines = [f"{rule.id}  {rule.title}", f"{rule.severity}; {_where(rule)}", "", rule.why, ""]
    lines += [f"checked by: {_graders(rule)}", f"sources: {', '.join(rule.sources)}"]
    lines += [f"value: {line}" for line in _values(rule)]
    lines += [f"fix: {line}" for line in _fixes(rule)]
    return "\n".join(lines + ([f"provisioner step: {rule.step}"] if rule.step else []))


def markdown(rules: Sequence[Rule]) -> str:
    """The page docs/rules.md: by subject, with an anchor per rule."""
    parts = [INTRODUCTION]
    for subject in SUBJECTS:
        group = [rule for rule in rules if rule.subject == subject]
        if group:
            parts.append(f"\n## {SUBJECT_TITLES[subject]}\n")
            parts += [_section(rule) for rule in group]
    return "".join(parts)


def _section(rule: Rule) -> str:
    lines = [
        f'\n### <a id="{rule.id.lower()}"></a>{rule.id}: {rule.title}\n',
        f"{rule.severity.capitalize()}; {_where(rule)}. {rule.why}\n",
        f"- Checked by: {_graders(rule)}. Sources: {', '.join(rule.sources)}.",
    ]
    lines += [f"- Value: `{line}`" for line in _values(rule)]
    lines += [f"- Fix: {line}" for line in _fixes(rule)]
    if rule.step:
        system = "windows" if rule.subject == "windows" else "linux"
        lines.append(f"- Provisioner step: [`{rule.step}`](steps.md#{system}-{rule.step})")
    return "\n".join(lines) + "\n"


def _where(rule: Rule) -> str:
    if rule.offline:
        return f"undecidable offline: {rule.offline}"
    if rule.subject in ("sas", "offer", "listing"):
        return "decided without an image"
    if rule.id in engine.load_checks():
        return "decided offline, from the image"
    return "this version does not decide it yet"


def _graders(rule: Rule) -> str:
    named = [f"{name}{_limits(limits)}" for name, limits in rule.graders.items()]
    return ", ".join(named) if named else "nobody we know of; documented only"


def _limits(limits: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in limits.items())
    return f" ({shown})" if shown else ""


def _value(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _values(rule: Rule) -> list[str]:
    """The registry values that a Windows rule compares."""
    return [settings.described(row) for row in rule.limits.get("registry", ())]


def _fixes(rule: Rule) -> list[str]:
    ordered = [family for family in FAMILIES if family in rule.fix]
    return [f"{FAMILIES[family]}{rule.fix[family]}" for family in reversed(ordered)]
