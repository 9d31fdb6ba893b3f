"""Packer's output as it passes by: shows it, and knows afterwards which step failed and how."""

from __future__ import annotations

import re
from pathlib import Path

from generator.errors import NotMet, Surroundings, Unusable, VmofferError
from vmoffer.console import say

STEP = re.compile(r"Provisioning with (?:shell|powershell) script: (?:.*/)?(?P<step>[^/]+)$")
POST_PROCESSOR = re.compile(r"Running post-processor: (?P<step>\S+)")
EXIT = re.compile(r"non-zero exit status: (?P<status>\d+)")
SERIAL_TAIL_LINES = 30
# What a post-processor's own exit status means; any other is a failure of the surroundings.
BY_STATUS: dict[int, type[VmofferError]] = {1: NotMet, 2: Unusable}


class Watch:
    """Call it with each line of `packer build`; ask for the `verdict` when the build failed."""

    def __init__(self) -> None:
        self.step: str | None = None
        self.in_guest = False
        self.status: int | None = None

    def __call__(self, line: str) -> None:
        say(line)
        if found := STEP.search(line):
            self.step, self.in_guest, self.status = found["step"], True, None
        elif found := POST_PROCESSOR.search(line):
            self.step, self.in_guest, self.status = found["step"], False, None
        elif found := EXIT.search(line):
            self.status = int(found["status"])

    def verdict(self, out: Path) -> VmofferError:
        """The error to raise for a failed build whose work folder is `out`; shows the serial console."""
        if self.step is None or self.in_guest:
            _show_serial(out)
        kept = f"the work folder {out} is kept; packer.log there has the whole output"
        if self.step is None:
            return Surroundings("Packer failed before the guest could be prepared", where=str(out), hint=kept)
        if self.in_guest:
            how = (
                f"exit status {self.status}"
                if self.status is not None
                else "no exit status: deadline or lost guest"
            )
            return NotMet(f"provisioner step failed in the guest ({how})", where=self.step, hint=kept)
        kind = BY_STATUS.get(self.status or 0, Surroundings)
        return kind(f"the post-processor {self.step} failed", where=self.step, hint=kept)


def _show_serial(out: Path) -> None:
    """The last lines of each guest's serial console: a guest that hangs says why only there."""
    for console in sorted(out.glob("*/serial.log")):
        lines = console.read_text(errors="replace").splitlines()[-SERIAL_TAIL_LINES:]
        say(f"--- last lines of {console}")
        for line in lines:
            say(f"    {line}")
