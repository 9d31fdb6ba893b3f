"""What Partner Center says when it cannot use a SAS URI: its own words, so that they can be searched for.

From Microsoft's pages: the messages of the technical configuration page as the SAS page of March 2023 lists
them, and, where that has none, those of the older page of SAS failures. Each row is a rule, a pattern that
its evidence holds, and the message.
"""

from __future__ import annotations

import re

from validators.outcome import Outcome, Status

INVALID = "Must be a valid Azure shared access signature URI."
UNREACHED = "Specified SAS URL cannot be reached."
NO_END = "The end date parameter (se) is required."
NO_READ = "Missing Permissions (sp) must include 'read' (r)."
BAD_START = "The start time parameter (st) is not a valid date string."
BAD_END = "The end date parameter (se) is not a valid date string."
REFUSED = "Failure: Copying Images. Not able to download blob due to authorization error."
MESSAGES = (
    ("SAS-URL-001", r"DSK-BLOB-002", "Invalid VHD name"),
    ("SAS-URL-001", r"signature .*(cut off|bare|twice)", REFUSED),
    ("SAS-URL-001", r"", INVALID),
    ("SAS-PERM-001", r"sp=(?!\w*r)", NO_READ),
    ("SAS-TIME-001", r"\bst=missing", UNREACHED),
    ("SAS-TIME-001", r"\bst=(?!missing)", BAD_START),
    ("SAS-TIME-001", r"\bse=missing", NO_END),
    ("SAS-TIME-001", r"\bse=(?!missing)", BAD_END),
    ("SAS-TIME-002", r"has expired", REFUSED),
    ("SAS-KIND-001", r"", REFUSED),
    ("SAS-LIVE-001", r"HEAD answers 404", "Blob not found; of a data disk: DataDisk- NotFound"),
    ("SAS-LIVE-001", r"HEAD answers", REFUSED),
    ("SAS-LIVE-001", r"in use", "Blob in use"),
)
SEVERAL = ("SAS-TIME-001",)  # says one thing of each parameter; of other rules the first row counts


def message(outcome: Outcome) -> str | None:
    """What Partner Center would say of a failed outcome; None for others, and where it is not known."""
    if outcome.status is not Status.FAIL:
        return None
    said = [
        text for rule, part, text in MESSAGES if rule == outcome.rule and re.search(part, outcome.evidence)
    ]
    return " / ".join(said if outcome.rule in SEVERAL else said[:1]) or None
