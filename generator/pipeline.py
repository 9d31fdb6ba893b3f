"""The pipeline of a catalogue: lint and generate on every change, on merge a job per changed image."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from generator import owned_file
from generator.catalogue import Definition
from generator.errors import Unusable
from generator.matrix import MAX_JOBS
from generator.model import Builder, Sku

if TYPE_CHECKING:
    from jinja2 import Environment

HOSTED_MINUTES = 360  # what a job may take on the runners of GitHub and of Microsoft
OWN_MINUTES = 5 * 24 * 60  # and on one's own, by GitHub
NAME = re.compile(r"[A-Za-z0-9./][A-Za-z0-9 ._/+-]*")


@dataclass(frozen=True)
class System:
    """A CI system: where it looks for its file, its runner, and how it hides a value in its logs."""

    path: Path
    runner: str
    mask: str


SYSTEMS = {
    "github": System(
        Path(".github/workflows/vmoffer.yml"), "ubuntu-24.04", 'echo "::add-mask::$AZURE_STORAGE_KEY"'
    ),
    "azure-pipelines": System(
        Path("azure-pipelines.yml"),
        "ubuntu-24.04",
        'echo "##vso[task.setvariable variable=storageKey;issecret=true]$AZURE_STORAGE_KEY"',
    ),
}


@dataclass(frozen=True)
class Wishes:
    """What the publisher chose. `minutes` are for one SKU; `runner` is a label, or the name of a pool."""

    system: str
    branch: str = "main"
    builder: Builder | None = None
    runner: str | None = None
    max_parallel: int | None = None
    minutes: int = 120
    requirements: str | None = None
    connection: str = "vmoffer"
    publish: bool = True
    out: Path | None = None

    @property
    def path(self) -> Path:
        """Where the file goes: as asked, else where the system looks."""
        return self.out or SYSTEMS[self.system].path

    @property
    def longest(self) -> int:
        """The minutes that a runner lets a job have."""
        return OWN_MINUTES if self.runner else HOSTED_MINUTES


def render(wishes: Wishes, definitions: Sequence[Definition], command: str) -> str:
    """The file of `wishes.system` for `definitions`, which `command` writes.

    Raises Unusable for a catalogue without an image to build, and for names that are none.
    """
    names = (wishes.branch, wishes.runner, wishes.connection, wishes.requirements, wishes.path.as_posix())
    for name in names:
        if name is not None and not NAME.fullmatch(name):
            raise Unusable(f"{name!r} has characters that a pipeline would read as something else")
    pairs = _images(wishes, definitions)
    if not pairs:
        raise Unusable(
            "there is no image to build" + (f" by {wishes.builder}" if wishes.builder else ""),
            hint="write a definition first: vmoffer new OFFER/PLAN --os debian-12",
        )
    system = SYSTEMS[wishes.system]
    accounts = any(sku.storage.account for sku, _ in pairs)
    azure = any(builder is Builder.AZURE_ARM for _, builder in pairs)
    # In a checkout of vmoffer that very vmoffer builds, as `list --changed-since` takes it for granted.
    checkout = Path("generator/systems.yaml").is_file()
    options = f"--builder {wishes.builder} " if wishes.builder else ""
    options += f"--also {shlex.quote(wishes.requirements)} " if wishes.requirements else ""
    body = _environment().get_template(f"ci/{wishes.system}.yml.j2").render(
        azure=azure,
        branch=wishes.branch,
        checkout=checkout,
        command=command,
        connection=wishes.connection,
        file=wishes.path.name,
        list_options=options,
        login=azure or accounts,
        mask=system.mask,
        max_parallel=wishes.max_parallel,
        minutes=minutes(wishes, len(pairs)),
        package=_package(wishes),
        plain=any(builder is Builder.QEMU and not sku.storage.account for sku, builder in pairs),
        pool=_pool(wishes),
        publish=wishes.publish and accounts,
        qemu=any(builder is Builder.QEMU for _, builder in pairs),
        runner=json.dumps(wishes.runner) if wishes.runner else system.runner,
        system=wishes.system,
        version=version("vmoffer"),
    )  # fmt: skip
    return owned_file.sealed(body, command)


def minutes(wishes: Wishes, images: int) -> int:
    """How long one job may take when everything has changed: above MAX_JOBS images it builds several."""
    return min(wishes.minutes * _per_job(images), wishes.longest)


def warnings(wishes: Wishes, definitions: Sequence[Definition]) -> Iterator[str]:
    """What will not go well in the pipeline, as far as the definitions say it."""
    images = _images(wishes, definitions)
    homeless = [
        sku.id
        for sku, one in images
        if one is Builder.AZURE_ARM and sku.makes_vhds(one) and not sku.storage.account
    ]
    if homeless:
        more = f" and {len(homeless) - 3} more" if len(homeless) > 3 else ""
        yield (
            f"azure-arm builds into a storage account, and these name none: {', '.join(homeless[:3])}{more}; "
            "give them `storage` or a `gallery` with vhds: false, or leave them out with --builder qemu"
        )
    each = _per_job(len(images))
    if wishes.minutes * each > wishes.longest:
        yield (
            f"{len(images)} images are more than the {MAX_JOBS} jobs of one run: when all have changed, a "
            f"job builds {each} and is stopped after {wishes.longest} minutes; use runners of your own "
            "(--runner), or merge such a change in parts"
        )


def _images(wishes: Wishes, definitions: Sequence[Definition]) -> list[tuple[Sku, Builder]]:
    wanted = [wishes.builder] if wishes.builder else list(Builder)
    return [(one.sku, each) for one in definitions for each in one.sku.builders if each in wanted]


def _per_job(images: int) -> int:
    return -(-images // MAX_JOBS)


def _package(wishes: Wishes) -> str:
    """What pip installs, quoted for a shell."""
    if wishes.requirements:
        return f"--requirement {shlex.quote(wishes.requirements)}"
    return shlex.quote(f"vmoffer[azure]=={version('vmoffer')}")


def _pool(wishes: Wishes) -> str:
    """The pool of Azure Pipelines, as YAML."""
    if wishes.runner:
        return f"{{name: {json.dumps(wishes.runner)}}}"
    return f"{{vmImage: {SYSTEMS[wishes.system].runner}}}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Not HTML; the marks are others than those of GitHub's and Azure's own expressions.
    environment = Environment(
        loader=PackageLoader("templates", "."),
        undefined=StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<{",
        variable_end_string="}>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )
    environment.filters["text"] = json.dumps
    return environment
