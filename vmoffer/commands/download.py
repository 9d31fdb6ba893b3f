"""`vmoffer download`: what a URI opens, as a sparse file on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmoffer.console import byte_progress, say, show
from vmoffer.path import PATH

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient


@click.command()
@click.argument("uri")
@click.argument("out", type=PATH)
@click.option(
    "--parallel", default=16, show_default=True, type=click.IntRange(1, 64), help="Most requests at a time."
)
def command(uri: str, out: Path, parallel: int) -> None:
    """Download the blob of URI to OUT, as Microsoft would fetch it; a second run continues.

    A URI with a SAS needs no other credentials; `-` reads it from stdin, where other users of this machine
    cannot see it. For one without, they come from the environment as for an upload.

    \b
    Example:
      jq -r '.disks[0].uri' sas.json | vmoffer download - os.vhd
    """
    from publisher.download import download, open_blob
    from publisher.patience import Patience

    text = sys.stdin.readline().strip() if uri == "-" else uri
    with ExitStack() as stack:

        def begin(total: int) -> Callable[[int], None]:
            return stack.enter_context(byte_progress(out.name, total))

        done = download(open_blob(text, _by_environment), out, patience=Patience(most=parallel), begin=begin)
    say(
        f"{out}: {done.size >> 20} MiB, of it {done.data >> 20} MiB data; "
        f"{done.got >> 20} MiB came in {done.seconds:.1f} s"
    )
    show(out)


def _by_environment(container: str, name: str) -> BlobClient:
    from publisher import store

    return store.connect(container, os.environ, create=False).get_blob_client(name)
