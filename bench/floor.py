"""The floor of an upload: the leanest client that sends exactly the ranges of a file that hold data.

    BLOB='http://…?SAS' python bench/floor.py DISK

No check of any kind, no repetition, no proof; the blob has to exist. bench/upload.py starts it.
"""

from __future__ import annotations

import http.client
import os
import sys
import threading
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from publisher.extents import blocks, extents

THREADS = 4


def main(path: str) -> None:
    url = urlsplit(os.environ["BLOB"])
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    todo: SimpleQueue[tuple[int, int]] = SimpleQueue()
    for block in blocks(extents(descriptor, size), size):
        for part in block.extents:
            todo.put((part.start, part.length))

    def work() -> None:
        connection = http.client.HTTPConnection(str(url.hostname), url.port)
        while True:
            try:
                start, length = todo.get_nowait()
            except Empty:
                return
            headers = {
                "x-ms-version": "2021-12-02",
                "x-ms-page-write": "update",
                "x-ms-range": f"bytes={start}-{start + length - 1}",
            }
            data = os.pread(descriptor, length, start)
            connection.request("PUT", f"{url.path}?comp=page&{url.query}", data, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                os._exit(1)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
