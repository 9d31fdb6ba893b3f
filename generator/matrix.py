"""The jobs of a pipeline: one per SKU and builder, in the form that the CI system takes as a matrix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from generator.model import Builder

MAX_JOBS = 256  # what GitHub makes of one matrix; jobs then take several SKUs each


@dataclass(frozen=True)
class Job:
    """What one runner builds: `skus` with spaces between, one of them as long as they are few enough.

    `account` is the storage account that all of them go to, empty where they name none.
    """

    name: str
    skus: str
    builder: str
    account: str = ""

    @property
    def id(self) -> str:
        """The job's name in letters, digits and `_`, for what takes nothing else."""
        return re.sub(r"[^A-Za-z0-9]+", "_", self.name)[:80].strip("_")


def jobs(wanted: Iterable[tuple[str, Builder, str]], limit: int = MAX_JOBS) -> list[Job]:
    """At most `limit` jobs for `wanted`, each SKU, builder and storage account in one of them."""
    groups: dict[tuple[Builder, str], list[str]] = {}
    for sku, builder, account in wanted:
        groups.setdefault((builder, account), []).append(sku)
    total = sum(len(skus) for skus in groups.values())
    size = 1
    while sum(-(-len(skus) // size) for skus in groups.values()) > max(limit, len(groups)):
        size += max(1, total // limit - size)
    made = []
    for (builder, account), skus in groups.items():
        for start in range(0, len(skus), size):
            some = skus[start : start + size]
            more = f" and {len(some) - 1} more" if len(some) > 1 else ""
            made.append(Job(f"{some[0]}{more}, {builder}", " ".join(some), builder.value, account))
    return made


def github(made: list[Job]) -> dict[str, list[dict[str, str]]]:
    """A matrix of GitHub Actions: one job per element of `include`."""
    return {"include": [{"id": name, "name": job.name, **_variables(job)} for name, job in _named(made)]}


def azure_pipelines(made: list[Job]) -> dict[str, dict[str, str]]:
    """A matrix of Azure Pipelines: names of letters, digits and _, each with the variables of its job."""
    return {f"job_{name}": {"id": name, **_variables(job)} for name, job in _named(made)}


def _variables(job: Job) -> dict[str, str]:
    return {"skus": job.skus, "builder": job.builder, "account": job.account}


def _named(made: list[Job]) -> list[tuple[str, Job]]:
    """Each job with an id of its own: `a/b-c` and `a-b/c` would have the same."""
    named: dict[str, Job] = {}
    for number, job in enumerate(made):
        named[job.id if job.id not in named else f"{job.id}_{number}"] = job
    return list(named.items())
