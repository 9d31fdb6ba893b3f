"""Rules that a plan is not held to, as its definition says."""

from __future__ import annotations

from datetime import UTC, date, datetime

from pydantic import Field

from generator.closed import Closed


class Waive(Closed):
    """A rule that does not fail the plan, why, and until when."""

    rule: str = Field(
        pattern=r"^[A-Z0-9]+-[A-Z0-9]+-[0-9]{3}$",
        description="Id of the rule; `vmoffer rules` lists them",
        examples=["LNX-SSH-001"],
    )
    why: str = Field(
        min_length=1, description="Reason, shown in every report", examples=["no SSH on this appliance"]
    )
    until: date | None = Field(
        None,
        description="Last day that it holds (UTC); from the next on the rule counts again",
        examples=["2030-01-31"],
    )


def expired(until: date | None) -> bool:
    """Whether a waiver's last day (UTC) is over; one without never expires."""
    return until is not None and datetime.now(UTC).date() > until
