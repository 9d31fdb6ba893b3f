"""What Partner Center says when it cannot use a SAS URI: its own words, so that they can be searched for.

From Microsoft's page of SAS failure messages; each row is a rule, what its evidence holds, and the message.
"""

from __future__ import annotations

from validators.outcome import Outcome, Status

COPY = "Failure: Copying Images. Not able to download blob "
UNUSABLE = f"{COPY}using provided SAS Uri."
REFUSED = f"{COPY}due to authorization error."
INCORRECT = f"{COPY}due to incorrect SAS Uri."
MESSAGES = (
    ("SAS-URL-001", "DSK-BLOB-002", "Invalid VHD name"),
    ("SAS-URL-001", "signature", f"{REFUSED} / Invalid signature"),
    ("SAS-URL-001", "", f"{UNUSABLE} / Invalid SAS URL"),
    ("SAS-PERM-001", "", UNUSABLE),
    ("SAS-SCOPE-001", "", UNUSABLE),
    ("SAS-TIME-001", "missing", UNUSABLE),
    ("SAS-TIME-001", "", INCORRECT),
    ("SAS-TIME-002", "", REFUSED),
    ("SAS-KIND-001", "", REFUSED),
    ("SAS-LIVE-001", "HEAD answers 404", "Blob not found; of a data disk: DataDisk- NotFound"),
    ("SAS-LIVE-001", "HEAD answers", REFUSED),
    ("SAS-LIVE-001", "in use", "Blob in use"),
    ("SAS-LIVE-001", "", UNUSABLE),
)


def message(outcome: Outcome) -> str | None:
    """What Partner Center would say of a failed outcome; None for others, and where it is not known."""
    if outcome.status is not Status.FAIL:
        return None
    return next(
        (said for rule, part, said in MESSAGES if rule == outcome.rule and part in outcome.evidence), None
    )
