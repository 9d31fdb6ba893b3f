"""The rules that a definition can be judged by before anything is built."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from generator import sources, steps
from generator.breach import Breach, Status
from generator.catalogue import Definition
from generator.drives import drives
from generator.errors import NotMet
from generator.limits import PROFILES
from generator.listing_rules import listing
from generator.load import FieldPath, Invalid, Problem, dotted
from generator.model import Sku
from generator.offer_rules import RULES, sku_ids
from generator.own_step_rules import own_steps
from generator.temporary_disk import temporary_disk
from generator.waive_rules import applied, over

CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])+")


@dataclass(frozen=True)
class Finding:
    """One rule that a definition does not meet, with the field that breaks it."""

    rule: str
    status: Status
    field: str
    evidence: str
    fix: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: {self.status} {self.rule}: found {self.evidence}; {self.fix}"

    def as_json(self) -> dict[str, Any]:
        """The outcome shape of `vmoffer validate --format json`."""
        severity = "mandatory" if self.status == "fail" else "warning"
        return {**asdict(self), "severity": severity}


def lint(definitions: list[Definition], profile: str = "strict") -> list[Finding]:
    """Every rule of `profile` on every definition, and between them; sorted by file and line."""
    limits = PROFILES[profile]
    breaches = [
        (definition, breach)
        for definition in definitions
        for found in (
            *(rule(definition.sku, limits) for rule in RULES),
            *([] if any(_files(definition)) else _reading(definition)),
        )
        for breach in found
    ]
    breaches += _one_owner_per_sku_id(definitions)
    breaches += _one_offer(definitions)
    placed = [
        _place(definition, applied(definition.sku.waive, breach))
        for definition, breach in breaches
        if limits.ask(breach.rule)
    ]
    placed += [_place(one, breach) for one in definitions for breach in over(one.sku.waive)]
    return [finding for _, _, finding in sorted(placed, key=lambda item: (item[0], item[1], item[2].rule))]


def _reading(definition: Definition) -> Iterator[Iterable[Breach]]:
    """The rules that read the files a definition names."""
    yield drives(definition)
    yield temporary_disk(definition)
    yield listing(definition)


def require(definitions: list[Definition]) -> list[Finding]:
    """Only what may be built passes; returns the warnings.

    Raises `generator.load.Invalid` for what cannot be used and NotMet for a broken rule.
    """
    problems = unusable(definitions)
    if problems:
        raise Invalid(problems)
    findings = lint(definitions)
    failed = [str(finding) for finding in findings if finding.status == "fail"]
    if failed:
        raise NotMet("the definition breaks the rules", details=failed)
    return findings


def unusable(definitions: list[Definition]) -> list[Problem]:
    """What keeps a well-formed definition from being built: files that are not there, gaps, bad names."""
    return [
        Problem(definition.path, definition.line(*field), dotted(field), found, allowed)
        for definition in definitions
        for field, found, allowed in (
            *_files(definition),
            *own_steps(definition),
            *_gaps(definition.sku),
            *_settings(definition.sku),
        )
    ]


def require_sources(definition: Definition) -> None:
    """Raise `generator.load.Invalid` where a file that the definition names cannot be taken."""
    problems = [
        Problem(definition.path, definition.line(*field), dotted(field), found, allowed)
        for field, found, allowed in _files(definition)
    ]
    if problems:
        raise Invalid(problems)


def _place(definition: Definition, breach: Breach) -> tuple[str, int, Finding]:
    line = definition.line(*breach.field)
    where = f"{definition.path}:{line}"
    field = dotted(breach.field)
    finding = Finding(breach.rule, breach.status, field, breach.evidence, breach.fix, where)
    return str(definition.path), line, finding


def named_files(sku: Sku) -> Iterator[tuple[FieldPath, str, str]]:
    """Every file that a definition names: field, name as it is written, what it has to be."""
    if sku.base.qemu and sku.base.qemu.file:
        yield ("base", "qemu", "file"), sku.base.qemu.file, "file"
    for index, disk in enumerate(sku.data_disks):
        if disk.content:
            yield ("data_disks", index, "content"), disk.content, "content"
        if disk.image:
            yield ("data_disks", index, "image"), disk.image, "file"
    for index, step in enumerate(sku.steps):
        if step.script:
            yield ("steps", index, "script"), step.script, "file"
        if step.file:
            yield ("steps", index, "file", "source"), step.file.source, "file or folder"
        if step.packer:
            yield ("steps", index, "packer"), step.packer, "file"
        if step.ansible:
            yield ("steps", index, "ansible", "playbook"), step.ansible.playbook, "file"
            if step.ansible.folder:
                yield ("steps", index, "ansible", "folder"), step.ansible.folder, "folder"
    if sku.listing:
        for name, file in sku.listing.logos:
            if file:
                yield ("listing", "logos", name), file, "file"
        for index, shot in enumerate(sku.listing.screenshots):
            yield ("listing", "screenshots", index, "file"), shot.file, "file"
        for index, video in enumerate(sku.listing.videos):
            yield ("listing", "videos", index, "thumbnail"), video.thumbnail, "file"


def _files(definition: Definition) -> Iterator[tuple[FieldPath, str, str]]:
    for field, name, kind in named_files(definition.sku):
        if wrong := sources.problem(definition, name, kind):
            yield field, *wrong


def _settings(sku: Sku) -> Iterator[tuple[FieldPath, str, str]]:
    for problem in steps.check(sku):
        yield tuple(problem.field.split(".")), problem.what, problem.allowed


def _gaps(sku: Sku) -> Iterator[tuple[FieldPath, str, str]]:
    market = sku.base.azure_arm.marketplace if sku.base.azure_arm else None
    if market and isinstance(market.sku, dict) and (left := set(sku.generations) - set(market.sku)):
        found = f"no image for {', '.join(sorted(left))}"
        yield ("base", "azure-arm", "marketplace", "sku"), found, "one image SKU per generation"
    if sku.os.family != "windows":
        for name in ("skip_key_vault", "winrm_expiration"):
            if getattr(sku.build, name):
                yield ("build", name), "a setting of WinRM, on Linux", "Windows only"
    if not CONTAINER.fullmatch(sku.storage.container):
        allowed = "3-63 characters a-z 0-9, single hyphens between them"
        yield ("storage", "container"), repr(sku.storage.container), allowed
    absolute = re.compile(r"[A-Za-z]:[\\/].*" if sku.os.family == "windows" else r"/.*", re.DOTALL)
    for index, step in enumerate(sku.steps):
        if step.file and not absolute.fullmatch(step.file.destination):
            field: FieldPath = ("steps", index, "file", "destination")
            yield field, repr(step.file.destination), "an absolute path in the guest"


def _one_owner_per_sku_id(definitions: list[Definition]) -> list[tuple[Definition, Breach]]:
    """OFR-SKU-001 between definitions: a plan id, or one derived from it, is one plan's of a publisher."""
    owners: dict[tuple[str, str], list[Definition]] = {}
    for definition in definitions:
        sku = definition.sku
        for sku_id in {sku.plan.id, *sku_ids(sku).values()}:
            owners.setdefault((sku.publisher, sku_id), []).append(definition)
    found = {}
    for (_, sku_id), several in sorted(owners.items(), key=lambda item: item[0]):
        for one in several:
            for other in several:
                if one.path != other.path and (one.path, other.path) not in found:
                    evidence = f"SKU id {sku_id!r}, which {other.path} has too"
                    fix = "give every plan of a publisher an id of its own"
                    breach = Breach("OFR-SKU-001", ("plan", "id"), evidence, fix)
                    found[one.path, other.path] = one, breach
    return list(found.values())


def _one_offer(definitions: list[Definition]) -> list[tuple[Definition, Breach]]:
    """OFR-SAME-001 between definitions: an offer's name and page are the same in all of its plans."""
    first: dict[tuple[str, str, str], Definition] = {}
    found = []
    for definition in sorted(definitions, key=lambda one: str(one.path)):
        sku = definition.sku
        said: list[tuple[FieldPath, object]] = [
            (("offer", "title"), sku.offer.title),
            (("offer", "summary"), sku.offer.summary),
        ]
        if sku.listing is not None:
            said.append((("listing",), sku.listing))
        for field, value in said:
            other = first.setdefault((sku.publisher, sku.offer.id, dotted(field)), definition)
            theirs = other.sku.listing if field == ("listing",) else getattr(other.sku.offer, str(field[-1]))
            if theirs != value:
                shown = repr(value) if isinstance(value, str) else "another page"
                evidence = (
                    f"{shown}; {other.path} has {repr(theirs) if isinstance(theirs, str) else 'its own'}"
                )
                fix = "an offer has one title, summary and page: write the same in all of its plans"
                found.append((definition, Breach("OFR-SAME-001", field, evidence, fix)))
    return found
