"""The three ways a call ends badly, one class per exit status; every room raises these.

They live in the lowest room so that all of them can; the one place that turns them into
text and an exit status is `vmoffer.cli`.
"""


class VmofferError(Exception):
    """A condition the user can act on: what happened, where, by which rule, and what to do next.

    Never put a secret in any of the fields: they are shown as they are.
    """

    status = 3

    def __init__(
        self, what: str, *, where: str | None = None, rule: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.rule = rule
        self.hint = hint


class NotMet(VmofferError):
    """The image or the definition does not meet the rules (exit status 1)."""

    status = 1


class Unusable(VmofferError):
    """The call or the definition cannot be used (exit status 2)."""

    status = 2


class Surroundings(VmofferError):
    """A tool, the network, the disk or a permission failed (exit status 3)."""

    status = 3
