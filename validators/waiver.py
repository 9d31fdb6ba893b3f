"""Waivers: rules that somebody decided not to hold an image to, why, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from generator.errors import Unusable
from generator.load import Invalid, Problem
from generator.waive import expired
from validators import catalogue

if TYPE_CHECKING:
    from generator.catalogue import Definition
    from generator.model import Sku


@dataclass(frozen=True, slots=True)
class Waiver:
    """`until` is the last day (UTC) that it holds, None for as long as it is given."""

    rule: str
    why: str
    until: date | None = None

    @property
    def expired(self) -> bool:
        return expired(self.until)


def collect(given: Mapping[str, str], sku: Sku | None) -> tuple[Waiver, ...]:
    """The waivers of the command line (rule → why), then those of the definition, by rule.

    One that is given replaces the definition's. Raises Unusable for a rule that there is none of.
    """
    found = {one.rule: one for one in _from_definition(sku)}
    for name, why in given.items():
        rule = catalogue.find(name).id
        found[rule] = Waiver(rule, why)
    return tuple(found[rule] for rule in sorted(found))


def in_force(waivers: Iterable[Waiver]) -> dict[str, str]:
    """Rule → why, of those that have not expired."""
    return {one.rule: one.why for one in waivers if not one.expired}


def unknown(definition: Definition) -> list[Problem]:
    """The waivers of a definition that name no rule, with their lines."""
    problems = []
    for index, one in enumerate(definition.sku.waive):
        try:
            catalogue.find(one.rule)
        except Unusable as error:
            line = definition.line("waive", index, "rule")
            problems.append(
                Problem(
                    definition.path, line, f"waive[{index}].rule", repr(one.rule), f"a rule: {error.hint}"
                )
            )
    return problems


def require_known(definition: Definition) -> None:
    """Raise Invalid for a waiver that names no rule: before a build, and not at the end of it."""
    if problems := unknown(definition):
        raise Invalid(problems)


def _from_definition(sku: Sku | None) -> Iterable[Waiver]:
    for one in sku.waive if sku else []:
        yield Waiver(catalogue.find(one.rule).id, one.why, one.until)
