"""Names of VM sizes: ARM's (`Standard_D2s_v5`) and Partner Center's (`d2s-standard-v5`).

Partner Center's technical configuration has sizes in lower case with the family first. Payloads of publishers
show `d2s-standard-v5`, `d8s-standard-v5`, `e16s-standard-v5`, `d2ds-standard-v4` and `d2-standard-v4`;
that it holds for sizes with a part more (`Standard_NC4as_T4_v3`) is an inference.
"""

from __future__ import annotations

import re

ARM = re.compile(
    r"(?P<tier>Standard|Basic)_(?P<size>[A-Z]+[0-9]+(?:-[0-9]+)?[a-z]*)(?P<rest>(?:_[A-Za-z0-9]+)*)", re.I
)
PARTNER = re.compile(
    r"(?P<size>[a-z]+[0-9]+(?:-[0-9]+)?[a-z]*)-(?P<tier>standard|basic)(?P<rest>(?:-[a-z0-9]+)*)"
)
SIZE = re.compile(r"([a-z]+)([0-9].*)")
VERSION = re.compile(r"v[0-9]+")


def arm_name(size: str) -> str | None:
    """`size`, in either spelling, as ARM writes it; None for what is neither."""
    if ARM.fullmatch(size):
        return size
    match = PARTNER.fullmatch(size)
    if match is None:
        return None
    family = SIZE.fullmatch(match["size"])
    assert family is not None
    # The family is in capitals, what the size has (s: premium disks, p: Arm) is not; a GPU is: T4, A100.
    rest = [part if VERSION.fullmatch(part) else part.upper() for part in match["rest"].split("-")[1:]]
    return "_".join([match["tier"].capitalize(), family[1].upper() + family[2], *rest])


def partner_center_name(size: str) -> str | None:
    """`size`, in either spelling, as Partner Center writes it; None for what is neither."""
    if PARTNER.fullmatch(size):
        return size
    match = ARM.fullmatch(size)
    if match is None:
        return None
    return "-".join([match["size"], match["tier"], *match["rest"].split("_")[1:]]).lower()
