"""`vmoffer build`: the whole road for one SKU, with Packer driving the middle of it."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator import marks
from generator.atomic_file import atomic_write, open_in_place
from generator.errors import Unusable
from generator.model import Builder
from vmoffer import outside
from vmoffer.console import say, show
from vmoffer.path import PATH
from vmoffer.target import OWN_STORE

if TYPE_CHECKING:
    from generator.catalogue import Definition
    from tools.packer import Packer


@click.command()
@click.argument("sku")
@click.option(
    "--builder",
    type=click.Choice([one.value for one in Builder]),  # click >= 8.2 takes an enum's *names*
    help="Default: qemu where the SKU has a base for it.",
)
@click.option("--out", type=PATH, help="Default: build/OFFER/PLAN/VERSION.")
@click.option(
    "--publish/--no-publish", default=True, help="Upload and make SAS URIs, or stop after validation."
)
@click.option(
    "--show-sas/--hide-sas",
    default=None,
    help="Print the SAS URIs with their signatures. Default: not in CI, where logs are kept.",
)
@click.option(
    "--keep-store/--stop-store", default=True, help="Leave the local blob store running afterwards."
)
@click.option(
    "--replace",
    is_flag=True,
    help="Build over a version that is there already; says what goes before it does.",
)
@outside.option
def command(
    sku: str,
    builder: str | None,
    out: Path | None,
    publish: bool,
    show_sas: bool | None,
    keep_store: bool,
    replace: bool,
) -> None:
    """Build SKU: generate, Packer, finalize, validate, upload, SAS.

    What is published is never replaced: where the version is there already, the build ends before it starts,
    with status 0 if it is of the same project.

    \b
    SKU is offer/plan or a path to a definition. Example:
      vmoffer build demo/debian-12
    """
    from generator import catalogue, lint, plugin_lock, project
    from generator.digest import digest
    from tools import plugins
    from vmoffer import existing, preflight, readiness, secrets
    from vmoffer.packer_run import PackerRun

    started = time.monotonic()
    definition = catalogue.find(sku)
    lint.require([definition])
    outside.warn([definition])
    if definition.sku.waive:
        from validators import waiver

        waiver.require_known(definition)
    chosen = _builder(definition, builder)
    preflight.possible(definition, chosen, publish, os.environ)
    hidden = secrets.values(definition, os.environ)
    out = out or Path("build", *definition.sku.id.split("/"), definition.sku.version)
    for path in (str(out), sku):
        if "{{" in path:
            raise Unusable("Packer would evaluate {{ in this path", where=path, hint="rename it")
    folder = out / "packer" / chosen
    out.mkdir(parents=True, exist_ok=True)
    with _only_one(out), ExitStack() as work, ExitStack() as store:
        scratch = Path(work.enter_context(tempfile.TemporaryDirectory(prefix="vmoffer-build-")))
        made_of = digest(definition, chosen)
        try:
            ready = readiness.check(definition, chosen, publish, os.environ, made_of, replace)
        except existing.Done as done:
            say(f"vmoffer: nothing to build: {'; '.join(map(str, done.there))}, which is this very project")
            return
        project.write(definition, chosen, folder)
        say(f"vmoffer: wrote the Packer project to {folder}")
        packer, variables = _machinery(definition, chosen, folder, scratch)
        if locked := plugin_lock.read(folder):
            plugins.check_locked(packer, folder, locked, say)
        if chosen is Builder.QEMU:
            _write_traces(out, variables["ssh_public_key"])
        variables |= ready.variables | {"out": str(out), "sku": sku, "publish": str(publish).lower()}
        env = {
            **os.environ,
            **packer.env,
            "VMOFFER_PROJECT": made_of,
            **ready.environment,
            **({"VMOFFER_REPLACE": "1"} if replace else {}),
            **hidden,  # the project's variables take them from there, never from the command line
            # Packer leaves its temporary files behind when it is killed: they go with `scratch`.
            "TMPDIR": str(scratch),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        if publish and chosen is Builder.QEMU:
            env |= _storage(definition, store)
        atomic_write(out / "packer.log", "")
        (out / marks.FILE).unlink(missing_ok=True)
        readiness.make_room(ready, definition)
        run = PackerRun(packer, folder, out, env, hidden)
        if ready.arm is None:
            run.local(variables)
        else:
            run.in_azure(definition.sku, ready.arm, variables)
        if keep_store:
            store.pop_all()
    _summary(out, publish, not _in_ci() if show_sas is None else show_sas, time.monotonic() - started)


def _builder(definition: Definition, asked: str | None) -> Builder:
    have = definition.sku.builders
    if asked and Builder(asked) not in have:
        raise Unusable(
            f"has no base image for {asked}",
            where=str(definition.path),
            hint=f"it has one for {', '.join(have)}",
        )
    return Builder(asked) if asked else have[0]


@contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Two builds into one folder would delete each other's disks."""
    with os.fdopen(open_in_place(out / ".lock", os.O_RDWR | os.O_CREAT), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(
                "another build is working in this folder", where=str(out), hint="wait, or use --out"
            ) from None
        yield


def _machinery(
    definition: Definition, builder: Builder, folder: Path, scratch: Path
) -> tuple[Packer, dict[str, str]]:
    """Packer with the builder's plugin, and the template's variables that describe this machine."""
    from tools import base, machine, packer

    own = [step for step in definition.sku.steps if step.ansible or step.packer]
    if builder is Builder.AZURE_ARM:
        ready = packer.ensure([], say)
        packer.require_formatted(ready, [definition.root / step.packer for step in own if step.packer])
        packer.init(ready, folder, say)
        return ready, {}
    here = machine.look()
    say(f"vmoffer: accelerator {here.accelerator}, CPU model {here.cpu_model}")
    ready = packer.ensure(["qemu"], say)
    packer.require_formatted(ready, [definition.root / step.packer for step in own if step.packer])
    if own:  # what they need besides
        packer.init(ready, folder, say)
    secret, public = _build_key(scratch)
    variables = {
        "accelerator": here.accelerator,
        "cpu_model": here.cpu_model,
        "qemu_binary": here.qemu_binary,
        "efi_firmware_code": here.efi_code,
        "efi_firmware_vars": here.efi_vars,
        "ssh_timeout": here.ssh_timeout,
        "ssh_private_key_file": str(secret),
        "ssh_public_key": public,
    }
    recipe = definition.sku.base.qemu and definition.sku.base.qemu.recipe
    if recipe:
        variables["base_image"] = str(base.ensure(recipe, say))
    return ready, variables


def _write_traces(out: Path, public_key: str) -> None:
    """What no finished disk may hold, for whoever searches it: the marks of this build's session."""
    marks = {"user": "packer", "name": "vmoffer-build", "network": "10.0.2.", "key": public_key.split()[1]}
    atomic_write(out / "traces.json", json.dumps(marks, indent=2) + "\n")


def _build_key(folder: Path) -> tuple[Path, str]:
    """A key pair for one build; `folder` (0700) goes away with it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, openssh = Ed25519PrivateKey.generate(), serialization.PrivateFormat.OpenSSH
    path = folder / "id_ed25519"
    secret = key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
    atomic_write(path, secret, mode=0o600)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return path, public.decode()


def _storage(definition: Definition, cleanup: ExitStack) -> dict[str, str]:
    """What the upload needs in its environment: nothing if the user has a store, else the local one."""
    if definition.sku.storage.account or any(name in os.environ for name in OWN_STORE):
        return {}
    from tools import azurite

    store = azurite.ensure_running(say)
    if store.started:
        cleanup.callback(azurite.stop)
    return {"AZURE_STORAGE_CONNECTION_STRING": store.connection_string}


def _in_ci() -> bool:
    """Whether a pipeline runs this: nearly all set CI, Azure Pipelines sets TF_BUILD."""
    return any(os.environ.get(name, "").lower() not in ("", "0", "false") for name in ("CI", "TF_BUILD"))


def _summary(out: Path, publish: bool, signatures: bool, seconds: float) -> None:
    say(f"vmoffer: built in {seconds:.0f} s; everything is in {out}")
    if publish:
        from generator.redaction import redact
        from publisher import handout

        for path in sorted(out.glob("sas*.json")):
            table = handout.table(handout.read(path))
            show(*(table if signatures else redact(table)).splitlines())
            if not signatures:
                say(f"vmoffer: the signatures are in {path}; --show-sas prints them")
