"""Our evaluation of sshd_config against the real `sshd -T` of Debian, over generated configurations.

`make test` compares some. All of them, about two minutes:
VMOFFER_SSHD_CONFIGURATIONS=5000 .venv/bin/pytest tests/validators/test_sshd_configuration.py
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import debian_root
import pytest
from images import MemoryVolume

from validators.linux import sshd
from validators.linux.sshd_match import NOBODY, Connection
from validators.tree import Tree

COUNT = int(os.environ.get("VMOFFER_SSHD_CONFIGURATIONS", "120"))
BATCH = 40
KEYWORDS = (
    "ClientAliveInterval", "AuthorizedKeysFile", "TrustedUserCAKeys", "AuthorizedPrincipalsFile",
    "ForceCommand", "AuthorizedKeysCommand",
)  # fmt: skip
DEFAULTS = {
    "clientaliveinterval": "0",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
}
TIMES = (
    "180",
    "3m",
    "0",
    "1h30m",
    "600",
    '"235"',
    "'30'",
    "1M",
    "1w",
    "2H5s",
    '\\"1',
    "+60",
    "x",
    "3 m",
    "-5",
    "999999999999",
)
FILES = (
    ".ssh/authorized_keys", "/etc/ssh/keys/%u", "none", '"/etc/my keys/%u"', "%h/.ssh/k", "/a /b",
    "'.ssh/a b' /c", "/x\\ y", "/etc/#keys", "/k # and more",
)  # fmt: skip
COMMANDS = ("/bin/menu", "internal-sftp -l INFO", '"/opt/a b" # no', "none")
CRITERIA = (
    "all", "ALL", "User root", "User customer", "User *", "User !root,*", "user cust?mer,x", "Group wheel",
    "Group customer", "Group *,!customer", "Address 203.0.113.0/24", "Address *",
    "Address !203.0.113.7,203.0.113.*",
    "Address 2001:db8::/32,10.0.0.0/8", "LocalPort 22", "LocalPort 2222", "Host *.example", "Host PC.Example",
    "LocalAddress 10.0.0.4", "User=customer", 'User "customer"', "User customer Address 203.0.113.7",
    "User customer LocalPort 2222", "User x # for x", "all # everybody",
)  # fmt: skip
BROKEN = ("User", "all User x", "Colour red", "Address 10.0.0.1/8", "", "Address ,")
CUSTOMER = Connection("customer", ("customer",), "pc.example", "203.0.113.7", "10.0.0.4", 22)
CONNECTIONS = {
    "lport=1": Connection(local_port=1),  # `sshd -T` insists on a port where a Match asks for one
    "user=customer,host=pc.example,addr=203.0.113.7,laddr=10.0.0.4,lport=22": CUSTOMER,
    "user=root,host=x.y,addr=2001:db8::5,laddr=10.0.0.5,lport=2222": Connection(
        "root", ("root", "wheel"), "x.y", "2001:db8::5", "10.0.0.5", 2222
    ),
}
PASSWD = """\
root:x:0:0::/root:/bin/sh
sshd:x:74:74::/run/sshd:/bin/false
nobody:x:65534:65534::/:/bin/false
customer:x:1000:1000::/home/customer:/bin/sh
"""
GROUP = "root:x:0:\nwheel:x:10:root\nsshd:x:74:\ncustomer:x:1000:\n"


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root in which the real sshd answers `-T`."""
    root = tmp_path_factory.mktemp("sshd")
    debian_root.make(root, "/usr/sbin/sshd", "openssh-server", "libwrap0")
    for name in ("bin", "run/sshd", "etc/ssh", "root"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / "key"], check=True)
    return root


class Generator:
    """Configurations of any shape, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._folders = 0
        self.files: dict[str, str] = {}

    def make(self) -> dict[str, str]:
        # sshd refuses a command without a user, after it has read everything.
        self.files["/etc/ssh/sshd_config"] = f"AuthorizedKeysCommandUser nobody\n{self._file(0)}"
        return self.files

    def _file(self, depth: int) -> str:
        lines = [self._line(depth) for _ in range(self._random.randint(0, 7))]
        ending = self._random.choice(("\n", "\n", "\n", "\r\n"))
        return ending.join(lines) + self._random.choice(("", ending))

    def _line(self, depth: int) -> str:
        pick = self._random.random()
        if pick < 0.2:
            broken = self._random.random() < 0.01
            return self._spelled("Match", self._random.choice(BROKEN if broken else CRITERIA))
        if pick < 0.4 and depth < 3:
            return self._include(depth)
        if pick < 0.45:
            return self._random.choice(
                ("", "# comment", "   ", "\t#x", "PermitTTY yes", "  X11Forwarding=no")
            )
        keyword = self._random.choice((*KEYWORDS, "ClientAliveInterval"))
        if keyword == "ClientAliveInterval":
            good = self._random.random() < 0.99
            value = self._random.choice(TIMES[:10] if good else TIMES)
        elif keyword in ("ForceCommand", "AuthorizedKeysCommand"):
            value = self._random.choice(
                COMMANDS if keyword == "ForceCommand" else ("/bin/keys %u", "none", '/bin/k "a b"')
            )
        elif keyword == "AuthorizedKeysFile":
            value = self._random.choice(FILES)
        else:
            value = self._random.choice(("/etc/ssh/ca.pub", "none", '"/etc/a b"', "/p/%u # x"))
        return self._spelled(keyword, value)

    def _include(self, depth: int) -> str:
        self._folders += 1
        number = self._folders
        folder = f"/etc/ssh/d{number}"
        patterns = []
        for _ in range(self._random.randint(1, 2)):
            names = self._random.sample(
                ("10-b.conf", "9-a.conf", "B.conf", "a.conf", ".hidden.conf", "x.bak"), 2
            )
            for name in names:
                self.files.setdefault(f"{folder}/{name}", self._file(depth + 1))
            patterns.append(
                self._random.choice(
                    (
                        f"d{number}/*.conf",
                        f"{folder}/*",
                        f"{folder}/[a-z]*.conf",
                        f"{folder}/{names[0]}",
                        f"d{number}/?.conf",
                        f'"d{number}/{names[1]}"',
                        "nothing/*",
                    )
                )
            )
        return self._spelled("Include", " ".join(patterns))

    def _spelled(self, keyword: str, value: str) -> str:
        form = self._random.choice((str, str, str, str.upper, str.lower))
        between = self._random.choice((" ", " ", " ", "\t", "  ", "=", " = ", " ="))
        before = self._random.choice(("", "", "", "  ", "\t"))
        quoted = '"{}"' if self._random.random() < 0.03 else "{}"
        after = self._random.choice(("", "", "", " ", "\t"))
        return f"{before}{quoted.format(form(keyword))}{between}{value}{after}"


def ours(files: dict[str, str], connection: Connection) -> dict[str, str] | None:
    """What we say for each keyword; None if we say that sshd refuses to start."""
    config = sshd.read(Tree({"/": MemoryVolume(dict(files))}))
    assert config is not None
    if config.refused:
        return None
    found = {}
    for keyword in map(str.casefold, KEYWORDS):
        line = config.effective(keyword, connection)
        value = DEFAULTS.get(keyword, "none") if line is None else line.value
        if keyword == "trustedusercakeys" and value != "none" and not value.startswith("/"):
            value = f"//{value}"  # relative to the folder in which sshd was started, here /
        found[keyword] = str(sshd.seconds(value)) if keyword == "clientaliveinterval" else value
    return found


def theirs(root: Path, files: dict[str, str], connection: str) -> dict[str, str] | None:
    """The same from the real sshd."""
    shutil.rmtree(root / "etc/ssh")
    for name, content in files.items():
        place = root / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, newline="")
    done = debian_root.run(
        root, "/usr/sbin/sshd", "-T", "-h", "/key", *(["-C", connection] if connection else [])
    )
    if done.returncode:
        assert "line" in done.stderr, done.stderr
        return None
    shown = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    return {keyword: shown.get(keyword, "none") for keyword in map(str.casefold, KEYWORDS)}


@pytest.mark.parametrize("start", range(0, COUNT, BATCH))
def test_every_configuration_is_evaluated_as_the_real_sshd_does(root: Path, start: int) -> None:
    refused = 0
    for seed in range(start, min(start + BATCH, COUNT)):
        files = Generator(seed).make()
        text, connection = list(CONNECTIONS.items())[seed % len(CONNECTIONS)]
        wanted = theirs(root, files, text)
        assert ours(files, connection) == wanted, (seed, text, files)
        refused += wanted is None
    assert refused < BATCH / 2  # most of them say something


def test_match_all_wins_over_what_stands_above_it(root: Path) -> None:
    files = {"/etc/ssh/sshd_config": "ClientAliveInterval 180\nMatch all\nClientAliveInterval 600\n"}
    assert theirs(root, files, "")["clientaliveinterval"] == "600"  # type: ignore[index]
    assert ours(files, NOBODY)["clientaliveinterval"] == "600"  # type: ignore[index]
