"""The catalogue of rules: data read from `rules/*.toml`.

TOML and not YAML: the standard library reads the whole catalogue in about 15 ms, ruamel.yaml in 300,
which every `vmoffer validate` would pay.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from generator.errors import Unusable
from validators.outcome import GRADERS, Severity

# What a rule checks. The first seven are checked on disks, by `vmoffer validate`; `image` on all at once.
DISK_SUBJECTS = ("image", "disk", "os-disk", "data-disk", "plan", "linux", "windows")
SUBJECTS = (*DISK_SUBJECTS, "sas", "offer", "listing", "nva")
PLACES = ("offline", "live", "azure")  # where a rule can be decided


@dataclass(frozen=True)
class Rule:
    """One rule. `graders` maps who tests it to that grader's thresholds; empty means it is only documented.

    `offline` says why an image alone cannot decide it; empty where it can. `limits` are thresholds that
    hold for everybody. `fix` maps a family (debian, rhel, suse, azurelinux, any) to what to do.
    """

    id: str
    title: str
    subject: str
    severity: Severity
    decidable: tuple[str, ...]
    sources: tuple[str, ...]
    why: str = ""
    graders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    fix: Mapping[str, str] = field(default_factory=dict)
    step: str = ""
    offline: str = ""

    def fix_for(self, family: str) -> str:
        """What to do on `family`, and which provisioner step does it."""
        text = self.fix.get(family) or self.fix.get("any", "")
        return f"{text} (provisioner step: {self.step})" if self.step and text else text

    def severity_for(self, grader: str) -> Severity:
        """How much `grader` makes of it."""
        return Severity(self.graders.get(grader, {}).get("severity", self.severity))


@dataclass(frozen=True)
class Source:
    """Who says so: `title` for people; `url` may be empty for reports that have no address."""

    title: str
    url: str = ""


@cache
def sources() -> Mapping[str, Source]:
    """What the short names in a rule's `sources` stand for."""
    text = resources.files("validators").joinpath("sources.toml").read_text("utf-8")
    return {name: Source(**entry) for name, entry in tomllib.loads(text).items()}


def source(cited: str) -> Source:
    """The source that `cited` names; a section number may follow the name, as in `2015 5.2`."""
    return sources()[cited.partition(" ")[0]]


@cache
def rules() -> Mapping[str, Rule]:
    """All rules by id, in the order of the files."""
    found: dict[str, Rule] = {}
    folder = resources.files("validators.rules")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        for name, entry in tomllib.loads(file.read_text("utf-8")).items():
            if name in found:
                raise ValueError(f"{file.name}: {name} is in the catalogue twice")
            found[name] = _rule(name, entry)
    return found


def find(name: str) -> Rule:
    """The rule with the id `name`, in any case. Raises Unusable naming the nearest ids."""
    found = rules().get(name.upper())
    if found is None:
        import difflib

        near = difflib.get_close_matches(name.upper(), list(rules()), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "`vmoffer rules` lists them"
        raise Unusable(f"there is no rule {name!r}", hint=hint)
    return found


def _rule(name: str, entry: dict[str, Any]) -> Rule:
    """A rule from its table; every mistake in a table is a ValueError that names it."""
    for key in ("decidable", "sources"):
        entry[key] = tuple(entry.get(key, ()))
    try:
        rule = Rule(id=name, **{**entry, "severity": Severity(entry["severity"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"{name}: {error}") from None
    wrong = (set(rule.graders) - set(GRADERS)) | (set(rule.decidable) - set(PLACES))
    wrong |= {rule.subject} - set(SUBJECTS)
    wrong |= {cited for cited in rule.sources if cited.partition(" ")[0] not in sources()}
    if wrong:
        raise ValueError(f"{name}: unknown {', '.join(sorted(wrong))}")
    return rule
