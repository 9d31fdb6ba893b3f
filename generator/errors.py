"""The ways a call ends badly, one class per exit status; every package raises these.

They live at the bottom so that all can; the one place that turns them into text and an exit status is
`vmoffer.cli`.
"""

from collections.abc import Sequence

# The one table of exit statuses: `vmoffer --help` shows it, and the pages are tested against it.
STATUSES = {
    0: "done; a reader that closes the pipe changes nothing",
    1: "checked, and a rule is not met",
    2: "cannot be done as asked: options, an unreadable definition or disk, nothing given",
    3: "the environment failed: a tool, the network, a full disk, a permission",
    4: "a fault of vmoffer itself",
    130: "interrupted: Ctrl-C, SIGTERM, SIGHUP; what was started has been stopped",
}


class VmofferError(Exception):
    """A condition the user can act on: what happened, where, by which rule, and what to do next.

    `details` are shown below `what`, one a line. No other field has lines: all text may hold names and values
    of others, and is shown so that it can neither begin a line nor steer a terminal. Never put a secret
    in any of the fields.
    """

    status = 3

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        rule: str | None = None,
        hint: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        super().__init__("\n  ".join([what, *details]))
        self.what = what
        self.where = where
        self.rule = rule
        self.hint = hint
        self.details = tuple(details)


class NotMet(VmofferError):
    """The image or the definition does not meet the rules (exit status 1)."""

    status = 1


class Unusable(VmofferError):
    """The call or the definition cannot be used (exit status 2)."""

    status = 2


class Surroundings(VmofferError):
    """A tool, the network, the disk or a permission failed (exit status 3)."""

    status = 3


class Fault(VmofferError):
    """vmoffer itself is wrong (exit status 4): what the boundary makes of an error that nobody foresaw."""

    status = 4
