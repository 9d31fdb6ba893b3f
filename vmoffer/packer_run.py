"""`packer build` of a project: once on this machine, or in Azure where a machine is had."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from generator.hcl import inert
from tools import live
from vmoffer import secrets, tries
from vmoffer.console import say
from vmoffer.watch import Watch

if TYPE_CHECKING:
    from generator.model import Sku
    from tools.packer import Packer
    from vmoffer.azure.arm import Arm


@dataclass(frozen=True)
class PackerRun:
    """A project in `folder` whose results go to `out`; the values of `hidden` are never shown."""

    packer: Packer
    folder: Path
    out: Path
    env: Mapping[str, str]
    hidden: Mapping[str, str]

    def local(self, variables: Mapping[str, str]) -> None:
        """Build on this machine, over our own output folder. Raises what `Watch.verdict` gives."""
        if failed := self._once(variables, ["-force"]):
            raise failed.verdict(self.out)

    def in_azure(self, sku: Sku, arm: Arm, variables: Mapping[str, str]) -> None:
        """Try sizes and regions until Azure has a machine, and remove the groups that a try left behind.

        Never with -force: azure-arm would delete a gallery version that is published. Raises what
        `Watch.verdict` gives of the last try.
        """
        from vmoffer.azure import groups

        (self.out / "packer-manifest.json").unlink(missing_ok=True)  # without -force, it would be continued
        todo: list[str] = list(sku.generations)
        token, places = random.token_hex(4), tries.of(sku)
        for number, place in enumerate(places, 1):
            name = f"vmoffer-{sku.plan.id[:40]}-{token}-{number}"
            named = {} if sku.build.resource_group else {"build_name": name}
            only = [f"-only={','.join(f'azure-arm.{each}' for each in todo)}"] if number > 1 else []
            try:
                failed = self._once({**variables, **place.variables, **named}, only)
            finally:
                if named:
                    groups.remove(arm, [groups.name(name, each) for each in todo])
            if failed is None:
                return
            todo = failed.another(self.out)
            if number == len(places) or not todo:
                raise failed.verdict(self.out)
            say(f"vmoffer: {place}: {', '.join(failed.reasons())}; now {places[number]}")

    def _once(self, variables: Mapping[str, str], options: Sequence[str]) -> Watch | None:
        """Run it; what was seen of a build that failed, None of one that did not."""
        watch = Watch()
        settings = [f"-var={name}={inert(value)}" for name, value in sorted(variables.items())]
        status = live.run(
            [self.packer.path, "-machine-readable", "build", *options, *settings, self.folder],
            env=self.env,
            log=self.out / "packer.log",
            show=say,
            hide=partial(secrets.hide, self.hidden),
            lines=watch.lines,
        )
        return watch if status else None
