"""vmoffer's own provisioner steps: which ones a SKU gets, in which order, with which parameters.

The steps are data (`provisioners/linux/steps.yaml`, `provisioners/windows/steps.yaml`) beside one script
each. Here they are chosen by the SKU's family, given their parameters (the step's defaults, then the
distribution's row of `families.yaml`, then the SKU's `settings`), and made into self-contained files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

from pydantic import Field, TypeAdapter
from ruamel.yaml import YAML

from generator.errors import Unusable
from generator.model import Builder, Closed, Sku
from generator.powershell import here_string, literal

Value = str | int | bool
Phase = Literal["prepare", "cleanup", "generalize"]
OsFamily = Literal["linux", "windows"]


class Parameter(Closed):
    """One thing a step can be told; its environment variable is the name in capitals."""

    default: Value
    what: str
    allowed: list[str] = Field(default_factory=list, description="Empty: any value of the default's type")
    property: str | None = Field(None, description="A property of the plan that gives the default")
    builders: dict[Builder, Value] = Field(default_factory=dict, description="Defaults of single builders")


class Entry(Closed):
    """What steps.yaml says about one step; the file's head explains the fields."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    phase: Phase
    title: str
    what: str
    rules: list[str] = Field(default_factory=list)
    fixes: list[str] = Field(default_factory=list)
    seed: list[str] = Field(min_length=1)
    families: list[str] = Field(min_length=1)
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    touches: list[str] = Field(min_length=1)
    plugin: str | None = Field(None, description="A Packer plugin that does the step instead of a script")
    timeout: str = Field(pattern=r"^[0-9]+m$")


class Row(Closed):
    """One distribution in families.yaml."""

    like: str | None = None
    family: str | None = None
    steps: dict[str, dict[str, Value]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Distribution:
    """A row with what it inherits: the family's name and the parameters by step."""

    family: str
    steps: dict[str, dict[str, Value]]


@dataclass(frozen=True)
class Problem:
    """One wrong setting: the field's path, what is wrong with it, what is allowed."""

    field: str
    what: str
    allowed: str


@dataclass(frozen=True)
class RenderedStep:
    """One file to run in the guest, as root or Administrator, with `env` in its environment.

    Where `plugin` is set there is no file: that Packer plugin does the step and reads `env`.
    """

    id: str
    name: str
    phase: Phase
    filename: str
    text: str
    env: dict[str, str]
    timeout: str
    last: bool
    plugin: str | None = None


def plan(sku: Sku, builder: Builder) -> list[RenderedStep]:
    """The steps that `sku` gets from `builder`, in the order in which they run; the last one generalizes.

    Raises Unusable when `settings` names a step or a parameter that does not exist, or a value of a
    wrong kind.
    """
    found = check(sku)
    if found:
        raise Unusable(
            "; ".join(f"{problem.field}: {problem.what}" for problem in found),
            where=sku.id,
            hint="allowed: " + " · ".join(dict.fromkeys(problem.allowed for problem in found)),
        )
    chosen = [
        entry
        for entry in entries(sku.os.family)
        if _applies(entry, sku) and not sku.settings.get(entry.id, {}).get("skip", False)
    ]
    return [
        RenderedStep(
            id=entry.id,
            name=entry.title,
            phase=entry.phase,
            filename="" if entry.plugin else _filename(entry.id, sku.os.family),
            text="" if entry.plugin else script(entry.id, sku.os.family),
            env={name.upper(): _text(value) for name, value in _parameters(entry, sku, builder).items()},
            timeout=entry.timeout,
            last=entry.phase == "generalize",
            plugin=entry.plugin,
        )
        for entry in chosen
    ]


def uncovered(sku: Sku) -> list[str]:
    """Titles of the steps that exist but do not know the SKU's family; the publisher has to see to them."""
    return [entry.title for entry in entries(sku.os.family) if not _applies(entry, sku)]


def check(sku: Sku) -> list[Problem]:
    """Every problem of the SKU's `settings`, none if all of them can be used."""
    known = {entry.id: entry for entry in entries(sku.os.family)}
    problems = []
    for step_id, settings in sku.settings.items():
        entry = known.get(step_id)
        if entry is None:
            problems.append(Problem(f"settings.{step_id}", "there is no such step", ", ".join(known)))
            continue
        for name, value in settings.items():
            problem = _judge(entry, name, value, _applies(entry, sku))
            if problem:
                problems.append(Problem(f"settings.{step_id}.{name}", *problem))
    return problems


@cache
def entries(family: OsFamily) -> tuple[Entry, ...]:
    """The steps of `family`, in the order in which they run."""
    return tuple(TypeAdapter(list[Entry]).validate_python(_yaml(_folder(family) / "steps.yaml")))


@cache
def distributions() -> dict[str, Distribution]:
    """The rows of families.yaml by distribution, each with what it takes from the row it is `like`."""
    rows = TypeAdapter(dict[str, Row]).validate_python(_yaml(_folder("linux") / "families.yaml"))

    def resolve(name: str) -> Distribution:
        row = rows[name]
        above = resolve(row.like) if row.like else Distribution(row.family or name, {})
        steps = {**above.steps}
        for step, parameters in row.steps.items():
            steps[step] = {**steps.get(step, {}), **parameters}
        return Distribution(row.family or above.family, steps)

    return {name: resolve(name) for name in rows}


@cache
def script(step_id: str, family: OsFamily) -> str:
    """The step's script as one file that needs no other: the library and the tables it reads are in it."""
    folder = _folder(family)
    text = (folder / _filename(step_id, family)).read_text(encoding="utf-8")
    if family == "linux":
        library = (folder / "lib.sh").read_text(encoding="utf-8").partition("# shellcheck shell=sh\n#\n")[2]
        text = _LINUX_LIBRARY.sub(lambda _: library.rstrip("\n"), text, count=1)
        return _LINUX_TEXT.sub(lambda match: _here((folder / match["name"]).read_text("utf-8")), text)
    library = (folder / "lib.ps1").read_text(encoding="utf-8").rstrip("\n")
    text = _WINDOWS_LIBRARY.sub(lambda _: library, text, count=1)
    text = _WINDOWS_TABLE.sub(lambda match: literal(_yaml(folder / match["name"])), text)
    return _WINDOWS_TEXT.sub(lambda match: here_string((folder / match["name"]).read_text("utf-8")), text)


_LINUX_LIBRARY = re.compile(r'^# shellcheck source=lib\.sh\n\. "\$\{0%/\*\}/lib\.sh"$', re.MULTILINE)
_LINUX_TEXT = re.compile(r'\$\(cat "\$\{0%/\*\}/(?P<name>[a-z-]+\.sh)"\)')
_WINDOWS_LIBRARY = re.compile(r'^\. "\$PSScriptRoot\\lib\.ps1"$', re.MULTILINE)
_WINDOWS_TABLE = re.compile(r'Import-Table -Path "\$PSScriptRoot\\(?P<name>[a-z-]+\.yaml)"')
_WINDOWS_TEXT = re.compile(r'Get-Content -Raw -LiteralPath "\$PSScriptRoot\\(?P<name>[a-z-]+\.ps1)"')


def _applies(entry: Entry, sku: Sku) -> bool:
    return _distribution(sku).family in entry.families


def _distribution(sku: Sku) -> Distribution:
    if sku.os.family == "windows":
        return Distribution("windows", {})
    rows = distributions()
    return rows.get(sku.os.distribution, rows["other"])


def _parameters(entry: Entry, sku: Sku, builder: Builder) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, parameter in entry.parameters.items():
        values[name] = parameter.builders.get(builder, parameter.default)
        if parameter.property:
            values[name] = bool(getattr(sku.properties, parameter.property))
    values |= _distribution(sku).steps.get(entry.id, {})
    values |= sku.settings.get(entry.id, {})
    values.pop("skip", None)
    return values


def _judge(entry: Entry, name: str, value: Value, applies: bool) -> tuple[str, str] | None:
    """What is wrong with one setting and what is allowed instead, or None."""
    if name == "skip":
        if entry.phase == "generalize":
            return "an image that is not generalized cannot be published", "a definition without it"
        return None if isinstance(value, bool) else (f"found {value!r}", "true, false")
    if not applies:
        return "the step does not know this distribution", "skip"
    parameter = entry.parameters.get(name)
    if parameter is None:
        return "there is no such parameter", ", ".join(["skip", *entry.parameters])
    kind = type(parameter.default)
    if type(value) is not kind:
        return f"found {value!r}", {str: "text", int: "a whole number", bool: "true, false"}[kind]
    if parameter.allowed and value not in parameter.allowed:
        return f"found {value!r}", ", ".join(parameter.allowed)
    if isinstance(value, str) and not value.isprintable():
        return f"found {value!r}", "text on one line"
    return None


def _here(text: str) -> str:
    """The words of a shell that give `text`."""
    return f"$(\n    cat <<'VMOFFER_TEXT'\n{text}VMOFFER_TEXT\n)"


def _text(value: Value) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _filename(step_id: str, family: OsFamily) -> str:
    return f"{step_id}.sh" if family == "linux" else f"{step_id}.ps1"


def _folder(family: OsFamily) -> Traversable:
    return files("provisioners") / family


def _yaml(path: Traversable) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
