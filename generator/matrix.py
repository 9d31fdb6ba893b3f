"""The jobs of a pipeline: one per SKU and builder, in the form that the CI system takes as a matrix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from generator.model import Builder

MAX_JOBS = 256  # what GitHub makes of one matrix; jobs then take several SKUs each


@dataclass(frozen=True)
class Job:
    """What one runner builds: `skus` with spaces between, one of them as long as they are few enough."""

    name: str
    skus: str
    builder: str


def jobs(pairs: Iterable[tuple[str, Builder]], limit: int = MAX_JOBS) -> list[Job]:
    """At most `limit` jobs for `pairs` of SKU and builder, each pair in one of them."""
    by_builder: dict[Builder, list[str]] = {}
    for sku, builder in pairs:
        by_builder.setdefault(builder, []).append(sku)
    total = sum(len(skus) for skus in by_builder.values())
    size = 1
    while sum(-(-len(skus) // size) for skus in by_builder.values()) > max(limit, len(by_builder)):
        size += max(1, total // limit - size)
    made = []
    for builder, skus in by_builder.items():
        for start in range(0, len(skus), size):
            some = skus[start : start + size]
            more = f" and {len(some) - 1} more" if len(some) > 1 else ""
            made.append(Job(f"{some[0]}{more}, {builder}", " ".join(some), builder.value))
    return made


def github(made: list[Job]) -> dict[str, list[dict[str, str]]]:
    """A matrix of GitHub Actions: one job per element of `include`."""
    return {"include": [{"name": job.name, "skus": job.skus, "builder": job.builder} for job in made]}


def azure_pipelines(made: list[Job]) -> dict[str, dict[str, str]]:
    """A matrix of Azure Pipelines: names of letters, digits and _, each with the variables of its job."""
    rows: dict[str, dict[str, str]] = {}
    for number, job in enumerate(made):
        name = "job_" + re.sub(r"[^A-Za-z0-9]+", "_", job.name)[:80].strip("_")
        rows[name if name not in rows else f"{name}_{number}"] = {"skus": job.skus, "builder": job.builder}
    return rows
