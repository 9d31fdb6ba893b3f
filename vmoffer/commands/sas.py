"""`vmoffer sas`: make the URIs that Partner Center asks for, or check one that somebody else made."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from generator.errors import NotMet, Surroundings, Unusable
from generator.printable import to_json
from vmoffer.console import say, show, show_document
from vmoffer.path import PATH

PROFILES = click.Choice(["strict", "guide-2015"])


@click.group()
def command() -> None:
    """Make or check the SAS URIs for Partner Center.

    \b
    Example:
      vmoffer sas make debian-12-1.0.0-gen2-os.vhd --sku demo/debian-12
    """


@command.command()
@click.argument("blobs", nargs=-1)
@click.option("--sku", help="Take account and container from this SKU.")
@click.option("--container", help="Name or URL. Default: the SKU's, or `vhds`.")
@click.option("--days", type=click.IntRange(1, 3650), help="Lifetime from now. Default: 30.")
@click.option("--profile", type=PROFILES, default="strict", show_default=True, help="Whose rules.")
@click.option("--out", type=PATH, help="Write sas.json there (mode 0600).")
@click.option("--quiet", is_flag=True, help="No table on stdout; for logs that others read.")
@click.option("--unproven", is_flag=True, help="Sign for blobs that vmoffer did not upload.")
@click.option(
    "--kind",
    type=click.Choice(["container", "blob", "delegation"]),
    default="container",
    show_default=True,
    help="Partner Center takes container, and blob with warnings.",
)
@click.option("--policy", help="By a stored access policy of this name; not for Partner Center.")
@click.option("--renew", type=PATH, help="Sign again for the disks of a sas.json.")
def make(
    blobs: tuple[str, ...],
    sku: str | None,
    container: str | None,
    days: int | None,
    profile: str,
    out: Path | None,
    quiet: bool,
    unproven: bool,
    kind: str,
    policy: str | None,
    renew: Path | None,
) -> None:
    """Sign one URI per BLOB and check each by using it: HEAD, list, a ranged read, a refused write.

    A data disk's LUN is read from a name that ends in data-LUN.vhd; for others write LUN=BLOB. Any other disk
    is the OS disk, of which there is one; os=BLOB says so.

    \b
    Example:
      vmoffer sas make os.vhd data-0.vhd --container vhds --out sas.json
      vmoffer sas make --renew sas.json
    """
    from publisher import handout, store, submission
    from validators.outcome import Status
    from vmoffer.target import credentials, storage

    if bool(blobs) == bool(renew):
        raise Unusable("give BLOBs, or --renew sas.json", hint="vmoffer sas make --help")
    if renew:
        blobs, was = handout.renewal(renew)
        container, out = container or was, out or renew
    if quiet and out is None:
        raise Unusable("--quiet without --out makes URIs that nobody sees")
    place = storage(sku, container)
    target = store.connect(place.container, credentials(place), account=place.account)
    document = handout.make(
        target, blobs, profile=profile, days=days, unproven=unproven, kind=kind, policy=policy
    )
    refused = {
        check["rule"] for disk in document["disks"] for check in disk["checks"] if check["status"] == "fail"
    }
    if refused:
        say(f"not for Partner Center, which would refuse it: {', '.join(sorted(refused))}")
    if (whole := submission.check(document)).status is Status.FAIL:
        say(f"not for Partner Center as one image: {whole.evidence} ({whole.rule})")
    if out:
        handout.write(document, out)
    if not quiet:
        show(*handout.table(document).splitlines())


@command.command()
@click.argument("uris", nargs=-1)
@click.option("--file", "path", type=PATH, help="Take the URIs from a sas.json.")
@click.option("--profile", type=PROFILES, default="strict", show_default=True, help="Whose rules.")
@click.option("--offline", is_flag=True, help="Only read the URI, do not use it.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(uris: tuple[str, ...], path: Path | None, profile: str, offline: bool, form: str) -> None:
    """Check URIs by the rules and by using them; `-` reads them from stdin, one a line.

    An argument can be seen by other users of this machine while the command runs; stdin and --file
    cannot.

    \b
    Example:
      vmoffer sas check --file build/demo/debian-12/1.0.0/sas.json
    """
    from publisher import handout, sascheck, submission
    from publisher.messages import message
    from validators.outcome import Status

    given = [line for uri in uris for line in (sys.stdin.read().split() if uri == "-" else [uri])]
    document = handout.read(path) if path else None
    if document:
        given += [disk["uri"] for disk in document["disks"]]
    if not given:
        raise Unusable("no URI to check", hint="vmoffer sas check URI, or --file sas.json")
    found = [outcome for uri in given for outcome in sascheck.check(uri, profile=profile, live=not offline)]
    if document:
        found.append(submission.check(document))
    if form == "json":
        show_document(to_json([outcome.as_json() for outcome in found]))
    else:
        for each in found:
            show(f"{each.status:<11} {each.rule:<14} {each.where}: {each.evidence}")
            if each.fix:
                show(f"{'':<11} → {each.fix}")
            if said := message(each):
                show(f"{'':<11}   Partner Center would say: {said}")
    failed = sorted({each.rule for each in found if each.status is Status.FAIL})
    if failed:
        raise NotMet(
            f"Partner Center would refuse this: {', '.join(failed)}", hint="vmoffer sas make makes a good one"
        )
    for each in found:
        if each.status is Status.UNDECIDABLE:
            raise Surroundings(each.evidence, where=each.where, hint="--offline only reads the URI")
