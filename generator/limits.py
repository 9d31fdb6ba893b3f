"""The numbers that a definition is judged by: today's, and those of the guide of 2015.

The catalogue of rules holds the same numbers for `vmoffer rules`; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one profile asks; `rules` are those that it has, None for all of them."""

    linux_gib: range  # DSK-SIZE-002
    windows_gib: range  # DSK-SIZE-003
    data_gib: int  # DSK-SIZE-005
    sizes: int  # OFR-SIZE-001
    patches_only: bool  # OFR-VER-001: within a plan only Z of X.Y.Z may change
    lun_gaps: bool = False  # DSK-DATA-001: a data disk may have any LUN
    rules: frozenset[str] | None = None

    def ask(self, rule: str) -> bool:
        """Whether the profile has the rule at all."""
        return self.rules is None or rule in self.rules


TODAY = Limits(
    linux_gib=range(1, 1024), windows_gib=range(30, 251), data_gib=1023, sizes=6, patches_only=False
)
GUIDE_2015 = Limits(
    linux_gib=range(30, 51),
    windows_gib=range(128, 129),
    data_gib=1024,
    sizes=3,
    patches_only=True,
    lun_gaps=True,
    rules=frozenset(
        [
            "OFR-VER-001",
            "OFR-SKU-001",
            "OFR-ID-001",
            "OFR-SIZE-001",
            "OFR-OS-001",
            "OFR-LOCK-001",
            "DSK-SIZE-002",
            "DSK-SIZE-003",
            "DSK-SIZE-005",
            "DSK-DATA-001",
            "WIN-DRIVE-001",
        ]
    ),
)
PROFILES: Mapping[str, Limits] = {"strict": TODAY, "guide-2015": GUIDE_2015}
