"""`vmoffer upload`: VHDs into a container, as page blobs that are proven equal to their files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmoffer.console import byte_progress, say

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient


@click.command()
@click.argument("disks", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sku", help="Take account and container from this SKU.")
@click.option("--container", help="Name or URL. Default: the SKU's, or `vhds`.")
@click.option("--overwrite", is_flag=True, help="Replace finished blobs that hold something else.")
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
    overwrite: bool,
    dry_run: bool,
    verify: str,
    parallel: int,
) -> None:
    """Upload DISKs as page blobs, all under one limit; a second run continues where the first one was.

    Credentials come from the environment: AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with
    AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or azure-identity.

    \b
    Example:
      vmoffer upload build/demo/debian-12/1.0.0/*.vhd --container vhds
    """
    from publisher import store
    from publisher.patience import Patience
    from publisher.upload import check_name, data_bytes, upload_all
    from vmoffer.target import storage

    for disk in disks:  # all of them, before the first byte goes out
        _require_fixed_vhd(disk)
        check_name(disk.name)
    place = storage(sku, container)
    target = store.connect(place.container, os.environ, account=place.account, create=not dry_run)
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
        )
    for done in finished:
        say(
            f"{done.name}: {done.size >> 20} MiB, of it {done.data >> 20} MiB data, "
            f"{done.sent >> 20} MiB sent in {done.seconds:.1f} s; proven equal"
        )
        click.echo(done.url)


def _say_plan(disks: tuple[Path, ...], target: ContainerClient) -> None:
    from publisher.upload import plan

    for disk in disks:
        found = plan(disk, target)
        say(
            f"{found.name}: would send at most {found.data >> 20} of {found.size >> 20} MiB "
            f"in {found.requests} requests; the blob: {found.blob}"
        )
        click.echo(found.url)


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
