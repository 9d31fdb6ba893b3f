"""`vmoffer store`: the local blob store that builds without a storage account upload to."""

from __future__ import annotations

import click

from generator.errors import Surroundings
from vmoffer.console import say, show


@click.group()
def command() -> None:
    """Start, stop or show the local blob store (Azurite).

    \b
    SAS URIs of a local build work while the store runs. Example:
      vmoffer store start
    """


@command.command()
def start() -> None:
    """Start the store, on the port and with the blobs it had before."""
    from tools import azurite

    azurite.ensure_running(say)


@command.command()
def stop() -> None:
    """Stop the store; its blobs stay."""
    from tools import azurite

    say("local store: stopped" if azurite.stop() else "local store: was not running")


@command.command()
def status() -> None:
    """Say where the store is; exit status 3 if it does not run."""
    from tools import azurite

    store = azurite.status()
    if store is None or not store.running:
        raise Surroundings("the local store does not run", hint="vmoffer store start")
    show(store.blob_endpoint)
