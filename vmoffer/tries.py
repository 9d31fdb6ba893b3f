"""Where a build is tried: each size of machine in each region, in the order of the definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.model import Sku

MOST = 6  # tries in all: a build that Azure refuses six times is for a person to look at


@dataclass(frozen=True)
class Try:
    """One size per variable of the project, in one region; `str` is for people."""

    variables: dict[str, str]

    def __str__(self) -> str:
        sizes = dict.fromkeys(value for name, value in self.variables.items() if name != "location")
        return f"{', '.join(sizes)} in {self.variables['location']}"


def of(sku: Sku) -> list[Try]:
    """The tries, at most MOST. A group of one's own (`build.resource_group`) is in one region."""
    return [one for one, _ in zip(_all(sku), range(MOST), strict=False)]


def _all(sku: Sku) -> Iterator[Try]:
    sizes: dict[str, list[str]] = {}
    for generation, name in sku.size_variables.items():  # of generations that share one, the first counts
        sizes.setdefault(name, sku.build.vm_sizes(generation))
    locations = sku.build.locations[:1] if sku.build.resource_group else sku.build.locations
    for location in locations:
        for index in range(max(map(len, sizes.values()))):
            chosen = {name: found[min(index, len(found) - 1)] for name, found in sizes.items()}
            yield Try({**chosen, "location": location})
