"""`vmoffer upload`: VHDs into a container, as page blobs that are proven equal to their files."""

from __future__ import annotations

import os
from pathlib import Path

import click

from vmoffer.console import byte_progress, say


@click.command()
@click.argument("disks", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sku", help="Take account and container from this SKU.")
@click.option("--container", help="Name or URL. Default: the SKU's, or `vhds`.")
@click.option("--overwrite", is_flag=True, help="Replace finished blobs that hold something else.")
@click.option(
    "--parallel", default=4, show_default=True, type=click.IntRange(1, 32), help="Requests at a time."
)
def command(
    disks: tuple[Path, ...], sku: str | None, container: str | None, overwrite: bool, parallel: int
) -> None:
    """Upload DISKs as page blobs; a second run continues where the first one was.

    Credentials come from the environment: AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT
    and AZURE_STORAGE_KEY, or azure-identity.

    \b
    Example:
      vmoffer upload build/demo/debian-12/1.0.0/*.vhd --container vhds
    """
    from publisher import store
    from publisher.upload import check_name, data_bytes, upload
    from vmoffer.target import storage

    for disk in disks:  # all of them, before the first byte goes out
        _require_fixed_vhd(disk)
        check_name(disk.name)
    place = storage(sku, container)
    target = store.connect(place.container, os.environ, account=place.account)
    for disk in disks:
        with byte_progress(disk.name, data_bytes(disk)) as advance:
            done = upload(disk, target, overwrite=overwrite, parallel=parallel, advance=advance)
        say(
            f"{disk.name}: {done.size >> 20} MiB, of it {done.data >> 20} MiB data, "
            f"{done.sent >> 20} MiB sent in {done.seconds:.1f} s; proven equal"
        )
        click.echo(done.url)


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
