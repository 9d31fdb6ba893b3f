"""Whether an old kernel has a fix that its distribution brought to it, from a table of first releases."""

from __future__ import annotations

import re
from collections.abc import Sequence

from validators.linux.release import Release

# Rebuilds have the kernels of what they rebuild, Oracle's beside its own.
SAME_KERNELS = {
    "centos": ("rhel",),
    "almalinux": ("rhel",),
    "rocky": ("rhel",),
    "ol": ("rhel", "ol"),
    "flatcar": ("coreos",),
}
_KERNEL = re.compile(r"(\d{1,9}(?:\.\d{1,9})*)(?:-(\d{1,9}(?:\.\d{1,9})*))?")

Numbers = tuple[int, ...]


def minima(table: Sequence[str], release: Release) -> list[str]:
    """The first fixed kernels for a release: the last words of those rows of `table` that name it.

    A row is `rhel 7 3.10.0-957.21.3`: distribution, its version or the start of it (`*`: any), kernel.
    """
    distributions = SAME_KERNELS.get(release.id, (release.id,))
    rows = (row.split() for row in table)
    return [
        kernel
        for name, version, kernel in rows
        if name in distributions and (version == "*" or f"{release.version}.".startswith(f"{version}."))
    ]


def fixed(kernel: str, first: Sequence[str]) -> bool | None:
    """Whether `kernel` (`uname -r`) is at least one of the `first` fixed ones; None if they do not tell.

    Kernels for Azure have numbers of their own. Of one upstream version there may be several branches, as
    with the minor releases of RHEL 7: the first number of the build says which, and each has its first fix.
    """
    ours = [numbers(one) for one in first if ("azure" in one) == ("azure" in kernel)]
    have, build = numbers(kernel)
    if not have or not ours:
        return None
    builds = [least for upstream, least in ours if upstream == have]
    if not builds:
        upstreams = [upstream for upstream, _ in ours]
        return True if have > max(upstreams) else False if have < min(upstreams) else None
    branch = next((least for least in builds if least[:1] == build[:1]), None)
    if branch is not None:
        return build >= branch
    return True if build > max(builds) else False if build < min(builds) else None


def numbers(kernel: str) -> tuple[Numbers, Numbers]:
    """`3.10.0-957.21.3.el7.x86_64` → (3, 10, 0), (957, 21, 3)."""
    found = _KERNEL.match(kernel)
    upstream, build = found.groups("") if found else ("", "")
    return _dotted(upstream), _dotted(build)


def _dotted(text: str) -> Numbers:
    return tuple(int(part) for part in text.split(".")) if text else ()
