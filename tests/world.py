"""A folder in which every documented command line has what it names: plans, disks, a template, a store."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ci_jobs

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "validators"))

TEMPLATE = """\
source "azure-arm" "web" {
  os_type                            = "Linux"
  image_publisher                    = "Debian"
  image_offer                        = "debian-12"
  image_sku                          = "12-gen2"
  location                           = "westeurope"
  vm_size                            = "Standard_D2s_v5"
  managed_image_name                 = "web"
  managed_image_resource_group_name  = "images"
}

build {
  sources = ["source.azure-arm.web"]
  provisioner "shell" {
    inline = ["echo hello"]
  }
}
"""
OS = [
    "os.vhd",
    "1.0.0/os.vhd",
    "1.0.1/os.vhd",
    "-os.vhd",
    "A.vhd",
    "debian-12-1.0.0-gen2-os.vhd",
    "basic-0.1.0-gen2-os.vhd",
]
OS += ["server.vhd", *(f"build/shop/basic/{one}/basic-{one}-gen2-os.vhd" for one in ("0.1.0", "0.1.1"))]
OS += ["build/demo/debian-12/1.0.0/debian-12-1.0.0-gen2-os.vhd"]
DATA = ["data.vhd", "data-0.vhd", "B.vhd", "debian-12-1.0.0-gen2-data-0.vhd"]
DEMO = "build/demo/debian-12/1.0.0/debian-12-1.0.0-gen2-data-{}.vhd"
SAS = ("sas.json", "build/demo/debian-12/1.0.0/sas.json", "build/shop/basic/0.1.0/sas.json")


class World:
    """The folder, and how to run a line in a copy of it."""

    def __init__(self, folder: Path, proxy: str) -> None:
        self.proxy = proxy
        self.folder = folder
        self.original = folder / "original"
        self._numbers = itertools.count()

    def environment(self) -> dict[str, str]:
        """Without Azure, and with no way out of this machine: a request elsewhere is refused at once."""
        return ci_jobs.clean(
            http_proxy=self.proxy,
            https_proxy=self.proxy,
            no_proxy="127.0.0.1,localhost",
            GOPROXY="off",
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            XDG_STATE_HOME=str(self.folder / "state"),
            GIT_CONFIG_GLOBAL=os.devnull,
            LAST_GREEN="HEAD",
        )

    def run(self, line: str, before: str = "", **environment: str) -> tuple[int, str]:
        """Status and output of the shell line `line`, after `before`, in a copy of the folder."""
        copy = self.folder / f"copy-{next(self._numbers)}"
        subprocess.run(["cp", "-a", "--sparse=always", "--reflink=auto", self.original, copy], check=True)
        process = subprocess.Popen(
            ["bash", "-c", f"{before or ':'} || exit 99\n{line}"],
            cwd=copy,
            env=self.environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=200)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # nothing that a line began outlives it
            process.wait()
            shutil.rmtree(copy, ignore_errors=True)
        return process.returncode, said

    def must(self, *words: str | Path, given: str | None = None) -> str:
        """The output of a command in the original, which has to succeed."""
        done = subprocess.run(
            words,
            cwd=self.original,
            env=self.environment(),
            input=given or "",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Made once; its blob store is stopped afterwards."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Refusing)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = World(folder, f"http://127.0.0.1:{server.server_address[1]}")
    here.original.mkdir()
    _plans(here)
    _disks(here)
    here.must("vmoffer", "store", "start")
    try:
        _blobs(here)
        here.must("bash", "-c", "git init -q -b main . && git add skus && "
                  "git -c user.name=x -c user.email=x@example.com commit -qm first")  # fmt: skip
        yield here
    finally:
        here.must("vmoffer", "store", "stop")
        server.shutdown()
        server.server_close()


class _Refusing(socketserver.StreamRequestHandler):
    """A proxy that lets nothing out, and says so at once."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _plans(here: World) -> None:
    shutil.copytree(ROOT / "skus", here.original / "skus")
    for words in ("shop/basic --os debian-12", "shop/server --os windows-server-2022",
                  "winshop/std --os windows-server-2022 --generation gen2 --generation gen1"):  # fmt: skip
        here.must("vmoffer", "new", *words.split())
    path = here.original / "skus/winshop/std.yaml"
    path.write_text(path.read_text() + "\nstorage: {account: contosoimages, resource_group: images}\n")
    for name in ("web.pkr.hcl", "packer/web.pkr.hcl"):
        (here.original / name).parent.mkdir(exist_ok=True)
        (here.original / name).write_text(TEMPLATE)
    (here.original / ".gitignore").write_text("build/\n*.vhd\n*.raw\n*.qcow2\n")
    for name in ("Makefile", "pyproject.toml", "tools", "tests", ".venv"):
        (here.original / name).symlink_to(ROOT / name)


def _disks(here: World) -> None:
    import images

    (here.original / "tree").mkdir()
    images.unpack(images.debian(), here.original / "tree")
    for name in ("initramfs-tools", "default"):
        (here.original / "tree/etc" / name).mkdir(exist_ok=True)
    (here.original / "tree/etc/initramfs-tools/modules").write_text("")
    (here.original / "tree/etc/default/grub").write_text('GRUB_CMDLINE_LINUX=""\n')
    (here.original / "seed").mkdir()
    (here.original / "seed" / "hello").write_text("hello")
    (here.original / "out/gen2/raw").mkdir(parents=True)
    raw = images.write_disk(here.original / "os.raw", images.debian())
    for name in ("small.raw", "out/gen2/raw/os.raw"):
        here.must("cp", "--sparse=always", raw, name)
    here.must("qemu-img", "convert", "-O", "qcow2", raw, "server.qcow2")
    here.must("vmoffer", "convert", "small.raw", "first.vhd", "--size", "30G")
    here.must("vmoffer", "disk", "create", "second.vhd", "--size", "1G")
    for names, what in ((OS, "first.vhd"), (DATA, "second.vhd")):
        for name in names:
            (here.original / name).parent.mkdir(parents=True, exist_ok=True)
            here.must("cp", "--sparse=always", what, f"./{name}")

    here.must("vmoffer", "disk", "create", DEMO.format(0), "--size", "4G")
    here.must("vmoffer", "disk", "create", DEMO.format(1), "--size", "1G", "--content", "seed")


def _blobs(here: World) -> None:
    disks = [name for name in (*OS, *DATA) if not name.startswith(("-", "build", "1", "server"))]
    here.must("vmoffer", "upload", *disks, "--container", "vhds")
    for name in SAS:
        here.must(
            "vmoffer", "sas", "make", "os.vhd", "data-0.vhd", "--container", "vhds", "--out", name, "--quiet"
        )


def uri(here: World) -> str:
    """A SAS URI of the local store."""
    return str(json.loads((here.original / "sas.json").read_text())["disks"][0]["uri"])
