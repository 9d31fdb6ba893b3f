"""What an image boots on. Apart from the model, so that reading a disk does not have to load all of it."""

from __future__ import annotations

from enum import StrEnum


class Generation(StrEnum):
    """What firmware an image boots on: BIOS, UEFI on x86-64, UEFI on arm64."""

    GEN1 = "gen1"
    GEN2 = "gen2"
    ARM64 = "arm64"
