"""Packer's machine-readable output: what it says to people, and the errors that ended its builds."""

from __future__ import annotations

import re
from pathlib import Path

from generator import marks
from generator.errors import NotMet, Surroundings, Unusable, VmofferError
from vmoffer import events
from vmoffer.azure import failure
from vmoffer.console import say

# https://developer.hashicorp.com/packer/docs/commands#machine-readable-output
RECORD = re.compile(r"^\d+,(?P<target>[^,]*),(?P<kind>[a-z-]+),(?P<data>.*)$", re.DOTALL)
ESCAPES = {"%!(PACKER_COMMA)": ",", r"\n": "\n", r"\r": "\r"}
SERIAL_TAIL_LINES = 30
# What a post-processor's own exit status means; any other is a failure of the surroundings.
BY_STATUS: dict[int, type[VmofferError]] = {1: NotMet, 2: Unusable}


class Watch:
    """Give it each line of `packer -machine-readable build`; ask for the `verdict` when the build failed."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}  # by source, its name without the builder's

    def lines(self, raw: str) -> list[str]:
        """What a line of output says to people, as lines."""
        record = RECORD.match(raw.rstrip("\n"))
        if record is None:
            return [raw]  # not Packer: a crash of it, or of what it ran
        data = [_plain(part) for part in record["data"].split(",")]
        if record["kind"] == "error" and record["target"]:
            self.errors[record["target"].rpartition(".")[2]] = data[0]
        return data[1].split("\n") if record["kind"] == "ui" and len(data) > 1 else []

    def codes(self) -> dict[str, failure.Code]:
        """The code of Azure in the error of each source that failed, if there is one."""
        found = {source: failure.find(text) for source, text in self.errors.items()}
        return {source: code for source, code in found.items() if code}

    def reasons(self) -> list[str]:
        """The names of those codes, each once."""
        return list(dict.fromkeys(code.name for code in self.codes().values()))

    def another(self, out: Path) -> list[str]:
        """The sources that failed, if each of them may get a machine elsewhere; else none.

        Only where no step has begun: a machine that was there is not why the build failed.
        """
        known, codes = events.read(out), self.codes()
        elsewhere = all(
            source in codes and codes[source].another and events.last(known, source) is None
            for source in self.errors
        )
        return list(self.errors) if elsewhere else []

    def verdict(self, out: Path) -> VmofferError:
        """The error to raise for a failed build whose results are in `out`; shows the serial console."""
        known = events.read(out)
        kept = f"the work folder {out} is kept; packer.log there has the whole output"
        if not self.errors:
            _show_serial(out)
            return Surroundings("Packer failed before a build began", where=str(out), hint=kept)
        source, text = next(iter(self.errors.items()))
        at = events.last(known, source)
        if at and at.kind == marks.POST_PROCESSOR and (at.event == "started" or at.status):
            kind = BY_STATUS.get(at.status or 0, Surroundings)
            how = f"exit status {at.status}" if at.status else "it did not end by itself"
            return kind(f"the post-processor {at.name} failed ({how})", where=at.name, hint=kept)
        if at and at.kind == marks.STEP:
            _show_serial(out)
            what = f"provisioner step failed in the guest ({_one_line(text)})"
            return NotMet(what, where=at.name, hint=kept)
        code = self.codes().get(source)
        hint = f"{code.name}: {code.hint}" if code else kept
        if at is None:
            _show_serial(out)
            return Surroundings(
                f"Packer failed before the guest could be prepared: {text.strip()}", where=source, hint=hint
            )
        steps = [one.name for one in known if one.source == source and one.kind != marks.PROVISIONED]
        what = f"in Packer or the builder, after {steps[-1] if steps else 'no step'}: {text.strip()}"
        return Surroundings(what, where=source, hint=hint)


def _plain(text: str) -> str:
    for escape, meant in ESCAPES.items():
        text = text.replace(escape, meant)
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _show_serial(out: Path) -> None:
    """The last lines of each guest's serial console: a guest that hangs says why only there."""
    for console in sorted(out.glob("*/serial.log")):
        lines = console.read_text(errors="replace").splitlines()[-SERIAL_TAIL_LINES:]
        say(f"--- last lines of {console}")
        for line in lines:
            say(f"    {line}")
