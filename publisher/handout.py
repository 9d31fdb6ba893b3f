"""`sas.json`: what Partner Center is given for one image, one URI per disk; and its table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.atomic_file import atomic_write
from generator.errors import NotMet, Surroundings, Unusable
from publisher import proof, sas, sascheck
from publisher.store import failures
from publisher.upload import check_name
from validators.outcome import Outcome, Status

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

# The role as it is given (`0=NAME`, `os=NAME`), or as the name of the blob says it (`Sku.disks`).
GIVEN = re.compile(r"(?P<role>os|\d+)=(?P<blob>.+)", re.DOTALL)
NAMED = re.compile(r"(?:^|[-_./])data-?(?P<lun>\d+)\.vhd$")


@dataclass(frozen=True)
class Entry:
    """One disk of the handout; `uri` is a secret."""

    blob: str
    lun: int | None
    size_bytes: int
    uri: str
    outcomes: list[Outcome]


def make(
    container: ContainerClient,
    blobs: Sequence[str],
    *,
    profile: str = "strict",
    days: int | None = None,
    unproven: bool = False,
    kind: str = "container",
    policy: str | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Sign for each of `blobs` and check each URI by using it; the document for `sas.json`.

    A blob is a name, or LUN=NAME for a data disk whose name does not end in data-LUN.vhd, or os=NAME.
    A `kind` of SAS other than container and blob, or one by a stored access `policy`, is not for Partner
    Center: what it would say is in the checks of the document then, and is no error.

    Raises Unusable if two disks have the same role, NotMet for a blob that was never compared with its file
    (unless `unproven`), or whose URI breaks a mandatory rule; Surroundings if the storage does not answer.
    """
    now = now or datetime.now(UTC)
    roles = _roles(blobs)
    period = sas.term(profile, days, now, kind)
    if policy:
        sas.keep_policy(container, policy, period, kind)

    def signed(blob: str) -> str:
        return sas.sign(container, blob, period, kind, policy)

    entries = [_entry(container, blob, lun, signed, profile, unproven, now) for blob, lun in roles]
    to_submit = kind in ("container", "blob") and not policy
    for entry in entries:
        for outcome in entry.outcomes:
            if outcome.status is Status.FAIL and to_submit:
                raise NotMet(outcome.evidence, where=outcome.where, rule=outcome.rule, hint=outcome.fix)
            if outcome.status is Status.UNDECIDABLE:
                raise Surroundings(outcome.evidence, where=outcome.where, hint="run it again")
    return {
        "created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "expires": f"{period.expiry:%Y-%m-%dT%H:%M:%SZ}",
        "profile": profile,
        "container": container.url,
        "disks": [
            {
                "role": "os" if entry.lun is None else "data",
                "lun": entry.lun,
                "blob": entry.blob,
                "size_bytes": entry.size_bytes,
                "uri": entry.uri,
                "checks": [outcome.as_json() for outcome in entry.outcomes],
            }
            for entry in sorted(entries, key=lambda entry: (entry.lun is not None, entry.lun or 0))
        ],
    }


def _roles(blobs: Sequence[str]) -> list[tuple[str, int | None]]:
    """Name and LUN of each of `blobs`; no LUN for the OS disk. Raises Unusable if two have the same."""
    found: dict[int | None, list[str]] = {}
    for text in blobs:
        given = GIVEN.fullmatch(text)
        blob = given["blob"] if given else text
        named = NAMED.search(blob)
        if given:
            lun = None if given["role"] == "os" else int(given["role"])
        else:
            lun = int(named["lun"]) if named else None
        found.setdefault(lun, []).append(blob)
    for lun, names in found.items():
        if len(names) > 1:
            role = "the OS disk" if lun is None else f"the data disk of LUN {lun}"
            first = "os" if lun is None else lun
            others = " ".join(_numbered(names[1:], found))
            raise Unusable(
                f"{' and '.join(names)} would both be {role}",
                rule="DSK-DATA-001",
                hint=f"say which is which, for example {first}={names[0]} {others}",
            )
    return [(names[0], lun) for lun, names in found.items()]


def _numbered(names: Sequence[str], taken: Mapping[int | None, list[str]]) -> list[str]:
    """`names` with LUNs that are not `taken`, as the command line takes them."""
    free = (lun for lun in range(len(names) + len(taken)) if lun not in taken)
    return [f"{lun}={name}" for lun, name in zip(free, names, strict=False)]


def _entry(
    container: ContainerClient,
    blob: str,
    lun: int | None,
    signed: Callable[[str], str],
    profile: str,
    unproven: bool,
    now: datetime,
) -> Entry:
    check_name(blob)
    with failures(f"{container.url}/{blob}"):
        properties = container.get_blob_client(blob).get_blob_properties()
    if not unproven:
        proof.require(properties, f"{container.url}/{blob}")
    uri = signed(blob)
    outcomes = sascheck.check(uri, profile=profile, now=now, size=properties.size)
    return Entry(blob, lun, properties.size, uri, outcomes)


def write(document: dict[str, Any], path: Path) -> None:
    """Write `sas.json` whole or not at all, for its owner only: it holds signatures."""
    atomic_write(path, json.dumps(document, indent=2) + "\n", mode=0o600)


def read(path: Path) -> dict[str, Any]:
    """The document in `path`. Raises Unusable if it is no `sas.json`."""
    try:
        document = json.loads(path.read_text())
        if not all(isinstance(disk["uri"], str) for disk in document["disks"]):
            raise TypeError
    except FileNotFoundError:
        raise Unusable("there is no such file", where=str(path)) from None
    except (ValueError, KeyError, TypeError):
        raise Unusable("this is no sas.json", where=str(path), hint="vmoffer sas make writes one") from None
    known: dict[str, Any] = document
    return known


def renewal(path: Path) -> tuple[tuple[str, ...], str]:
    """What to sign for again: the blobs of a `sas.json`, with their LUNs, and their container's URL."""
    document = read(path)
    try:
        disks = [(disk["lun"], str(disk["blob"])) for disk in document["disks"]]
        roles = tuple(f"{'os' if lun is None else int(lun)}={blob}" for lun, blob in disks)
        return roles, str(document["container"])
    except (KeyError, TypeError, ValueError):
        raise Unusable("this sas.json does not say what it is for", where=str(path)) from None


def table(document: dict[str, Any]) -> str:
    """LUN, file, size in bytes and URI of each disk, for people; holds signatures."""
    lines = [f"{'LUN':<4} {'file':<44} {'bytes':>14}  URI (good until {document['expires']})"]
    for disk in document["disks"]:
        lun = "OS" if disk["lun"] is None else disk["lun"]
        lines.append(f"{lun!s:<4} {disk['blob']:<44} {disk['size_bytes']:>14}  {disk['uri']}")
    return "\n".join(lines)
