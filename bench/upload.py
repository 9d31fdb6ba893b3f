"""Upload of a sparse VHD: ours, one thread of it, and the SDK's `upload_blob`, in one run.

    python bench/upload.py [MiB of disk] [MiB of data]

Against the local store, which is not a storage account: the ratios count, and the bytes sent.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from publisher import store
from publisher.upload import upload
from tools import azurite
from validators.footer import MIB, make_footer

PARTS = 25  # stretches of data, spread over the disk


def disk(path: Path, size: int, data: int) -> Path:
    """A fixed VHD of `size` MiB with `data` MiB of noise in it."""
    with path.open("wb") as file:
        for part in range(PARTS):
            file.seek(part * (size // PARTS) * MIB)
            file.write(os.urandom(data * MIB // PARTS))
        file.truncate(size * MIB)
        file.seek(size * MIB)
        file.write(make_footer(size * MIB).pack())
    return path


def timed(what: str, work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    print(f"{what:<44} {took:8.2f} s")
    return took


def main(size: int = 1024, data: int = 100) -> None:
    running = azurite.ensure_running(lambda text: print(text, file=sys.stderr))
    env = {"AZURE_STORAGE_CONNECTION_STRING": running.connection_string}
    container = store.connect(f"bench-{uuid.uuid4().hex[:8]}", env)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = disk(Path(folder) / "bench.vhd", size, data)
            print(f"{size} MiB disk, {data} MiB of data")
            ours = timed("vmoffer, 4 threads, read back and compared", lambda: upload(path, container))
            timed("vmoffer again, nothing to do", lambda: upload(path, container))
            container.delete_blob(path.name)
            timed("vmoffer, 1 thread", lambda: upload(path, container, parallel=1))

            def sdk() -> None:
                with path.open("rb") as file:
                    container.upload_blob("sdk.vhd", file, blob_type="PageBlob", length=path.stat().st_size)

            theirs = timed("SDK upload_blob, page blob, not compared", sdk)
            print(f"vmoffer is {theirs / ours:.1f} times as fast")
    finally:
        container.delete_container()
        if running.started:
            azurite.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
