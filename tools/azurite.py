"""The local blob store: Azurite from npm, one per user, on a port and a key of its own.

State (0700) is in `$XDG_STATE_HOME/vmoffer/store`: `store.json` (0600) with port, key and process, and
the blobs. The key and the port stay the same from start to start, so that a SAS URI that was handed
out works again whenever the store runs.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from generator.atomic_file import atomic_write
from generator.errors import Surroundings
from generator.home import state
from tools import cache, npm
from tools.cache import Say

PACKAGE = Path(__file__).parent / "azurite"
ACCOUNT = "vmoffer"
READY_SECONDS = 60
SLOW_SECONDS = 10  # a store that runs may be this slow on a busy machine
STOP_SECONDS = 10


@dataclass(frozen=True)
class Store:
    """Where the store answers and with which key; `pid` is None while it is stopped."""

    port: int
    key: str = field(repr=False)
    pid: int | None = None
    started: bool = False

    @property
    def running(self) -> bool:
        """Whether the process that we started is still there and still ours."""
        return self.pid is not None and _is_ours(self.pid)

    @property
    def blob_endpoint(self) -> str:
        """The account's URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        """A secret: for the environment of a child, never for argv or a log."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={self.key};"
            f"BlobEndpoint={self.blob_endpoint};"
        )


def home() -> Path:
    """The folder of the store's state and blobs."""
    return state() / "store"


def status() -> Store | None:
    """The store as it was last started, or None if it never was."""
    try:
        known = json.loads((home() / "store.json").read_text())
        store = Store(port=known["port"], key=known["key"], pid=known["pid"])
        return store if _sensible(store) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _sensible(store: Store) -> bool:
    """Whether a file that anybody may have edited says what a store can have; bool is an int to Python."""
    numbers = [store.port] if store.pid is None else [store.port, store.pid]
    return (
        all(type(one) is int for one in numbers)
        and 0 < store.port < 1 << 16
        and (store.pid is None or 0 < store.pid < 1 << 22)  # PID_MAX_LIMIT of Linux
        and type(store.key) is str
        and bool(base64.b64decode(store.key, validate=True))
    )


def ensure_running(say: Say) -> Store:
    """The store, started if it does not run yet; `started` says whether this call did.

    Raises Surroundings if Node.js is missing, the package cannot be fetched, or it does not come up.
    """
    with cache.locked("store", say):
        known = status()
        if known and known.running:
            if _comes_up(known.port, SLOW_SECONDS):
                say(f"local store: reused, {known.blob_endpoint}")
                return known
            say("local store: it runs and does not answer; starting it again")
            stop()  # two servers on the same blobs would damage them
        binary = installed(say)
        port = known.port if known and _free(known.port) else _any_port()
        key = known.key if known else base64.b64encode(secrets.token_bytes(64)).decode()
        store = _start(binary, port, key)
        say(f"local store: started, {store.blob_endpoint}; stop it with: vmoffer store stop")
        return store


def stop() -> bool:
    """Stop the store; its blobs, port and key stay. Returns whether it was running."""
    known = status()
    if known is None or known.pid is None or not known.running:
        return False
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with suppress(ProcessLookupError):
            os.killpg(known.pid, number)
        if _gone(known.pid, patience):
            break
    _remember(Store(known.port, known.key))
    return True


def installed(say: Say) -> Path:
    """Azurite's blob server in the cache, brought in by npm once per lock file."""
    return npm.installed(PACKAGE, "local store", say) / ".bin" / "azurite-blob"


def _start(binary: Path, port: int, key: str) -> Store:
    folder = home()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    command: list[str | Path] = [
        binary,
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--location",
        folder / "blobs",
    ]
    # In a session of its own: Ctrl-C stops a build, and the build decides what becomes of the store.
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen(
            [*map(str, command), "--silent", "--skipApiVersionCheck", "--disableTelemetry"],
            env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    store = Store(port, key, process.pid, started=True)
    try:
        _remember(store)
        if not _comes_up(port, READY_SECONDS, process):
            end = (folder / "azurite.log").read_text(errors="replace").strip()[-500:]
            raise Surroundings(f"the local store did not start: {end or 'no output'}", hint="vmoffer doctor")
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _remember(Store(port, key))
        raise
    return store


def _remember(store: Store) -> None:
    """Written whole and readable by nobody else: it holds the key."""
    path, known = home() / "store.json", asdict(store)
    del known["started"]
    atomic_write(path, json.dumps(known), mode=0o600)


def _is_ours(pid: int) -> bool:
    """A number alone proves nothing: after a reboot it may be somebody else's. It serves our folder."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return bytes(home() / "blobs") in arguments


def _gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):  # ours only if this very process started it
            os.waitpid(pid, os.WNOHANG)
        if not _is_ours(pid):
            return True
        time.sleep(0.05)
    return False


def _comes_up(port: int, seconds: float, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Whether a store answers on `port` before the deadline, and before `process` ends."""
    deadline = time.monotonic() + seconds
    while not _answers(port):
        if time.monotonic() > deadline or (process and process.poll() is not None):
            return False
        time.sleep(0.1)
    return True


def _answers(port: int) -> bool:
    """Whether an HTTP server that calls itself Azurite listens there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", f"/{ACCOUNT}?comp=list")
        return "azurite" in (connection.getresponse().getheader("Server") or "").lower()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
