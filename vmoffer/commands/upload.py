"""`vmoffer upload`: VHDs into a container, as page blobs that are proven equal to their files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmoffer.console import byte_progress, say, show
from vmoffer.path import PATH

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

    from publisher.job import Uploaded


@click.command()
@click.argument("disks", nargs=-1, required=True, type=PATH)
@click.option("--sku", help="Take account and container from this SKU.")
@click.option("--container", help="Name or URL. Default: the SKU's, or `vhds`.")
@click.option("--managed-disk", is_flag=True, help="Into a managed disk; its write SAS comes on stdin.")
@click.option(
    "--overwrite",
    is_flag=True,
    envvar="VMOFFER_REPLACE",
    help="Replace finished blobs that hold something else.",
)
@click.option(
    "--project",
    envvar="VMOFFER_PROJECT",
    metavar="DIGEST",
    help="What made the disks; kept with the blobs. vmoffer build gives it.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would travel.")
@click.option(
    "--verify",
    type=click.Choice(["auto", "full", "sent"]),
    default="auto",
    show_default=True,
    help="Read back what the service does not confirm, everything, or nothing.",
)
@click.option(
    "--parallel", default=16, show_default=True, type=click.IntRange(1, 64), help="Most requests at a time."
)
def command(
    disks: tuple[Path, ...],
    sku: str | None,
    container: str | None,
    managed_disk: bool,
    overwrite: bool,
    project: str | None,
    dry_run: bool,
    verify: str,
    parallel: int,
) -> None:
    """Upload DISKs as page blobs, all under one limit; a second run continues where the first one was.

    Credentials come from the environment: AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with
    AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or azure-identity.

    \b
    Examples:
      vmoffer upload build/demo/debian-12/1.0.0/*.vhd --container vhds
      az disk grant-access -g images -n os --access-level Write --duration-in-seconds 86400 \\
        --query accessSAS -o tsv | vmoffer upload os.vhd --managed-disk
    """
    from publisher import store
    from publisher.patience import Patience
    from publisher.upload import check_name, data_bytes, upload_all
    from vmoffer.target import credentials, storage

    for disk in disks:  # all of them, before the first byte goes out
        _require_fixed_vhd(disk)
    if managed_disk:
        if len(disks) != 1 or sku or container or overwrite or dry_run:
            raise click.UsageError("--managed-disk takes one disk, and its place from standard input only")
        _into_managed_disk(disks[0], verify, parallel)
        return
    for disk in disks:
        check_name(disk.name)
    place = storage(sku, container)
    target = store.connect(place.container, credentials(place), account=place.account, create=not dry_run)
    if dry_run:
        _say_plan(disks, target)
        return
    holes = sum(disk.stat().st_size - data_bytes(disk) for disk in disks)
    say(f"upload: {len(disks)} disks; {holes >> 20} MiB of holes are skipped")
    with byte_progress("upload", sum(map(data_bytes, disks))) as advance:
        finished = upload_all(
            disks,
            target,
            overwrite=overwrite,
            verify=verify,
            advance=advance,
            patience=Patience(most=parallel),
            project=project,
        )
    for done in finished:
        _say_done(done)
        show(done.url)


def _into_managed_disk(disk: Path, verify: str, parallel: int) -> None:
    from publisher.download import open_blob
    from publisher.manageddisk import upload_into
    from publisher.patience import Patience
    from publisher.upload import data_bytes

    blob = open_blob(sys.stdin.readline().strip(), _needs_sas)
    with byte_progress("upload", data_bytes(disk)) as advance:
        done = upload_into(disk, blob, verify=verify, advance=advance, patience=Patience(most=parallel))
    _say_done(done)
    say("the disk can be used when its SAS has ended: az disk revoke-access")


def _needs_sas(container: str, name: str) -> BlobClient:
    from generator.errors import Unusable

    raise Unusable("this URI has no SAS", where=f"{container}/{name}", hint="az disk grant-access prints one")


def _say_done(done: Uploaded) -> None:
    say(
        f"{done.name}: {done.size >> 20} MiB, of it {done.data >> 20} MiB data, "
        f"{done.sent >> 20} MiB sent in {done.seconds:.1f} s; proven equal"
    )


def _say_plan(disks: tuple[Path, ...], target: ContainerClient) -> None:
    from publisher.upload import plan

    for disk in disks:
        found = plan(disk, target)
        say(
            f"{found.name}: would send at most {found.data >> 20} of {found.size >> 20} MiB "
            f"in {found.requests} requests; the blob: {found.blob}"
        )
        show(found.url)


def _require_fixed_vhd(disk: Path) -> None:
    """Azure makes images of fixed VHDs only, and says so when hours of upload are over."""
    from generator.errors import NotMet
    from validators import vhd

    found = vhd.inspect(disk)
    if found.kind != "vhd-fixed" or found.problems:
        raise NotMet(
            found.problems[0] if found.problems else f"this is {found.kind}, not a fixed VHD",
            where=str(disk),
            rule="DSK-FMT-003" if found.kind == "vhd-fixed" else "DSK-FMT-002",
            hint=f"vmoffer validate {disk} says more; vmoffer convert makes a fixed VHD",
        )
