"""One installed package, whoever installed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Manager = Literal["dpkg", "rpm", "apk"]


@dataclass(frozen=True, slots=True)
class Package:
    """`version` as its manager writes it: `1:3.2.2-6.el9`, with the epoch where there is one."""

    name: str
    version: str
    manager: Manager = "dpkg"
