"""Rules on the software that Azure's tools need, or must not meet."""

from __future__ import annotations

import re

from validators.check import Answer, Case, met, rule, shown, unmet
from validators.guest import Guest, Undecidable, exists
from validators.linux import agent, packages
from validators.linux.versions import at_least, numbers

LIBCRYPTO = (
    "/usr/lib/*/libcrypto.so.*",
    "/usr/lib64/libcrypto.so.*",
    "/usr/lib/libcrypto.so.*",
    "/lib/*/libcrypto.so.*",
    "/lib64/libcrypto.so.*",
)
LIBRARY_LIMIT = 32 << 20  # bytes
# The program first, as graders ask it. Red Hat has the library apart, SUSE and Debian one for each series.
OPENSSL = (
    "openssl", "openssl-3", "openssl-1_1", "openssl-1_0_0", "openssl-libs", "libopenssl3", "libopenssl1_1",
    "libssl3", "libssl3t64", "libssl1.1", "libcrypto3",
)  # fmt: skip
PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python", "/usr/bin/python", "/usr/bin/python2")
PYTHON_NAME = re.compile(r"python(\d\.\d{1,2})$")
PYASN1 = ("/usr/lib/python*/*-packages/pyasn1", "/usr/lib64/python*/*-packages/pyasn1")
OMI_FOLDER = "/opt/omi"
OMI_FILES = ("/opt/omi/bin/omiserver", "/opt/omi/bin/omicli")


@rule("LNX-SSL-001")
def openssl_is_recent(case: Case) -> Answer:
    version, where = _openssl(case.guest)
    complain = tuple(
        name
        for name, limit in case.thresholds.items()
        if not at_least(version, limit["min"]) and not _is_one_of(version, limit.get("or", ()))
    )
    if complain:
        wanted = ", ".join(f"{name}: {case.thresholds[name]['min']}" for name in complain)
        return unmet(f"OpenSSL {version}; wanted: {wanted}", where, graders=complain)
    return met(f"OpenSSL {version}", where)


@rule("LNX-PY-001")
def python_is_recent(case: Case) -> Answer:
    version, where = _python(case.guest)
    complain = tuple(n for n, limit in case.thresholds.items() if not at_least(version, limit["min"]))
    if complain:
        wanted = ", ".join(f"{name}: {case.thresholds[name]['min']}" for name in complain)
        return unmet(f"Python {version}; wanted: {wanted}", where, graders=complain)
    return met(f"Python {version}", where)


@rule("LNX-PY-002")
def pyasn1_is_there(case: Case) -> Answer:
    found = [path for pattern in PYASN1 for path in case.guest.glob(pattern)]
    if found:
        return met("pyasn1 is installed", found[0])
    version = agent.version(case.guest)
    needless = case.rule.limits["needless_from"]
    if version and at_least(version[0], needless) and "guide-2015" not in case.graders:
        return met(f"not installed, and the agent {version[0]} does not use it", version[1])
    return unmet("the Python package pyasn1 is not installed")


@rule("LNX-MDE-001")
def no_defender_of_the_build(case: Case) -> Answer:
    found = [path for pattern in case.rule.limits["paths"] for path in case.guest.glob(pattern)]
    return (
        unmet(f"left behind: {shown(found)}", found[0]) if found else met("nothing of Defender for Endpoint")
    )


@rule("LNX-OMI-001")
def omi_is_safe(case: Case) -> Answer:
    if not any(exists(case.guest, path) for path in (OMI_FOLDER, *OMI_FILES)):
        return met("OMI is not installed")
    package = packages.installed(case.guest, "omi")
    if package is None:
        raise Undecidable("OMI is installed, but not as a package, so its version is not known")
    wanted = case.rule.limits["min"]
    good = at_least(package.version.replace("-", "."), wanted)
    evidence = f"OMI {package.version}; at least {wanted}"
    return met(evidence, OMI_FOLDER) if good else unmet(evidence, OMI_FOLDER)


def _openssl(guest: Guest) -> tuple[str, str]:
    try:
        package = packages.installed(guest, *OPENSSL)
    except Undecidable:
        package = None
    if package:
        return package.version, f"package {package.name}"
    for pattern in LIBCRYPTO:
        for path in guest.glob(pattern):
            found = re.search(rb"OpenSSL (\d+\.\d+\.\d+)", guest.read(path, LIBRARY_LIMIT) or b"")
            if found:
                return found[1].decode(), path
    raise Undecidable("OpenSSL was not found, neither as a package nor as a library")


def _python(guest: Guest) -> tuple[str, str]:
    for path in PYTHONS:
        here = path
        for _ in range(5):  # /usr/bin/python3 → python3.11, perhaps over /etc/alternatives
            named = PYTHON_NAME.search(here)
            if named:
                return named[1], path
            target = guest.readlink(here)
            if target is None:
                break
            here = target if target.startswith("/") else f"{here.rpartition('/')[0]}/{target}"
    found = [PYTHON_NAME.search(path) for path in guest.glob("/usr/bin/python[23].*")]
    versions = [match[1] for match in found if match]
    if not versions:
        raise Undecidable("no Python was found in /usr/bin")
    return max(versions, key=numbers), f"/usr/bin/python{max(versions, key=numbers)}"


def _is_one_of(version: str, series: tuple[str, ...]) -> bool:
    return any(numbers(version)[: len(numbers(one))] == numbers(one) for one in series)
