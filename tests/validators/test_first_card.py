"""What configures Azure's first card is what ifupdown, netplan and systemd-networkd themselves make of it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from images import Content_, Link, MemoryVolume
from oracles import package

from validators.linux import ifupdown, netplan, networkd, unitfile
from validators.tree import Tree

NAMES = ("eth0", "eth1", "ens192", "enp0s3")


def guest(files: Mapping[str, str]) -> Tree:
    content: dict[str, Content_] = {"/lib": Link("usr/lib"), **files}
    return Tree({"/": MemoryVolume(content)})


def lay(files: Mapping[str, str], root: Path) -> None:
    for path, content in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)


# --- ifupdown --------------------------------------------------------------------------------------------
STANZAS = (
    "auto lo\niface lo inet loopback\n", "auto eth0\n", "auto eth0 eth1\n", "allow-auto ens192\n",
    "allow-hotplug eth0\n", "iface eth0 inet dhcp\n", "iface eth0 inet static\n  address 10.0.0.4\n",
    "iface ens192 inet dhcp\n  hwaddress ether 52:54:00:12:34:56\n", "iface enp0s3 inet6 auto\n",
    "# iface eth1 inet dhcp\n", "iface eth1 \\\n inet dhcp\n", "  auto \\\n  enp0s3\n", "source more/*.cfg\n",
    "source-directory folder\n", "no-auto-down eth0\n", "iface eth1 inet manual\n",
    "\n", "#auto eth1 \\\nauto ens192\n",
)  # fmt: skip
FILES = (
    "more/a.cfg",
    "more/b.cfg",
    "more/c.txt",
    "folder/plain",
    "folder/with.dot",
    "folder/dash-1",
    "folder/a~",
)
TABLES = 120


def some_interfaces(chosen: random.Random) -> dict[str, str]:
    def text() -> str:
        return "".join(chosen.sample(STANZAS, chosen.randrange(1, 7)))

    files = {name: text().replace("source", "#source") for name in chosen.sample(FILES, 3)}
    return {f"/etc/network/{name}": content for name, content in {**files, "interfaces": text()}.items()}


def test_interfaces_are_those_of_ifupdown(tmp_path: Path) -> None:
    program = package("ifupdown") / "sbin/ifquery"
    chosen, compared = random.Random(3), 0
    for number in range(TABLES):
        files = some_interfaces(chosen)
        lay(files, tmp_path / str(number))
        main = tmp_path / str(number) / "etc/network/interfaces"

        def asked(*words: str, main: Path = main) -> subprocess.CompletedProcess[str]:
            command = [program, "-i", main, "--state-dir", tmp_path, *words]
            return subprocess.run(command, capture_output=True, text=True, check=False)

        listed = asked("--list")
        if listed.returncode:  # what it refuses as a whole configures nothing
            continue
        ours = ifupdown.read(guest(files))
        hotplug = set(asked("--list", "--allow", "hotplug").stdout.split())
        theirs = set(listed.stdout.split()) | hotplug
        for name in NAMES:
            told = asked(name)
            if told.returncode == 0:  # it lists what has a stanza alone
                assert (name in ours.up) is (name in theirs), (files, name)
            options = dict(line.split(": ", 1) for line in told.stdout.splitlines() if ": " in line)
            found = [each for each in ours.found if each.name == name]
            if "address" in options:
                assert "static" in {each.method for each in found}, (files, name)
            if found:
                assert told.returncode == 0, (files, name, told.stderr)
            compared += 1
    assert compared > TABLES


# --- netplan ---------------------------------------------------------------------------------------------
IDS = ("eth0", "ens192", "all", "zz", "eth1")
MATCHES = (
    None, None, {"name": "en*"}, {"name": "e*"}, {"name": "eth[01]"}, {"driver": "hv_netvsc"},
    {"name": "ens?"}, {"driver": "virtio*"}, {"driver": ["hv_netvsc", "virtio_net"]},
    {"name": "eth0", "driver": "ixgbe*"},
)  # fmt: skip
KEYS = (
    "dhcp4: true",
    "dhcp4: false",
    "dhcp4: yes",
    "dhcp6: true",
    "optional: true",
    "activation-mode: manual",
)
PLANS = 120


def some_plan(chosen: random.Random) -> dict[str, str]:
    files = {}
    for place in chosen.sample(("etc/netplan/10.yaml", "etc/netplan/50.yaml", "run/netplan/50.yaml"), 2):
        lines = ["network:", "  version: 2", "  ethernets:"]
        for name in sorted(chosen.sample(IDS, chosen.choice((1, 2)))):
            lines.append(f"    {name}:")
            match = chosen.choice(MATCHES)
            if match is not None and name in ("all", "zz", "eth1"):
                inner = ", ".join(f"{key}: {_flow(value)}" for key, value in match.items())
                lines.append(f"      match: {{{inner}}}")
            keys = {key.partition(":")[0]: key for key in chosen.sample(KEYS, 2)}
            lines += [f"      {key}" for key in keys.values()]
        files[f"/{place}"] = "\n".join(lines) + "\n"
    return files


def _flow(value: object) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else f"'{value}'"


def test_the_entry_that_netplan_makes_for_the_card_is_the_one_that_is_found(tmp_path: Path) -> None:
    """netplan writes networkd's files; which of those is for the card is asked as of any other."""
    library = package("libnetplan0") / "usr/lib/x86_64-linux-gnu"
    program = package("netplan.io") / "usr/libexec/netplan/generate"
    chosen, compared, found_one = random.Random(4), 0, 0
    for number in range(PLANS):
        files, root = some_plan(chosen), tmp_path / str(number)
        lay(files, root)
        done = subprocess.run(
            [program, "--root-dir", root],
            env={"LD_LIBRARY_PATH": str(library), "PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            continue
        written = {
            f"/run/systemd/network/{path.name}": path.read_text()
            for path in (root / "run/systemd/network").glob("*.network")
        }
        theirs = next(
            (
                (path.rpartition("netplan-")[2].removesuffix(".network"), networkd.asks_for_dhcp(settings))
                for path in sorted(written)
                if networkd.fits(settings := unitfile.parse(written[path]), "eth0")
            ),
            None,
        )
        ours = next(
            (
                (name, netplan.asks_for_dhcp(entry) and netplan.starts(entry))
                for name, (entry, _) in netplan.read(guest(files)).items()
                if netplan.fits(name, entry, "eth0")
            ),
            None,
        )
        assert ours == theirs, (files, written)
        compared += 1
        found_one += ours is not None
    assert compared > PLANS / 2 and found_one > PLANS / 4


# --- systemd-networkd ------------------------------------------------------------------------------------
DAEMON = Path("/usr/lib/systemd/systemd-networkd")
CARDS = ("eth0", "eth1", "ens3", "enp0s3", "lan0")
SECTIONS = (
    "[Match]\nName=eth0\n", "[Match]\nName=eth*\n", "[Match]\nName=en*\n", "[Match]\nName=!eth*\n",
    "[Match]\nName=!en* eth1\n", "[Match]\nName=ens3 eth0\n", "[Match]\nName=ens3\nName=eth0\n",
    "[Match]\nName=eth0\nName=\nName=ens3\n", "[Match]\nName=l*\nType=ether\n", "[Match]\nType=wlan\n", "",
    "[Match]\n", "[Match]\nName=eth[1-9]\n", "[Match]\nName=eth0\nType=bond\n",
    "[Match]\nName=eth1\nSSID=x\n",
    "[Match]\nName=ens* \\\n  # a comment\n  eth0\n", "# [Match]\n[Match]\n; x\n  Name = e?h0 \n",
    "[Match]\nHost=nobody-has-this-name\nName=eth0\n", "[Match]\nName=\"eth0\"\n", "[Match]\nname=lan0\n",
)  # fmt: skip
PLACES = ("etc/systemd/network", "run/systemd/network", "usr/lib/systemd/network")
FOLDERS = 16
SCRIPT = """
mount -o remount,ro,bind /sys  # so that it does not wait for udev, which knows no card of a namespace
mount -t tmpfs none /run
for place in {places}; do mkdir -p /$place && mount --bind {root}/$place /$place; done
{daemon} & daemon=$!
for n in $(seq 40); do
    sleep 0.1
    cat /run/systemd/netif/links/* >{root}/state 2>/dev/null
    [ "$(grep -c '^ADMIN_STATE=[^p]' {root}/state)" -lt {links} ] || break
done
for link in /sys/class/net/*; do
    file=$(sed -n 's/^NETWORK_FILE=//p' /run/systemd/netif/links/$(cat $link/ifindex))
    echo "${{link##*/}} $file"
done >{root}/found
kill $daemon; wait
"""


@pytest.fixture
def inside() -> Iterator[list[str]]:
    """The beginning of a command that runs in a network namespace with the CARDS, and may mount."""
    if not DAEMON.exists() or shutil.which("ip") is None:
        pytest.skip("systemd-networkd or ip is missing")
    name = f"vmoffer{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made: {made.stderr.strip()}")
    try:
        for number, card in enumerate(CARDS):
            add = ["ip", "link", "add", card, "type", "veth", "peer", "name", f"peer{number}"]
            subprocess.run(["ip", "netns", "exec", name, *add], check=True)
        yield ["ip", "netns", "exec", name, "unshare", "--mount", "sh", "-c"]
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def some_folders(chosen: random.Random) -> dict[str, str]:
    files = {}
    for name in chosen.sample(("10-a", "20-b", "30-c", "40-d"), 3):
        place = chosen.choice(PLACES)
        files[f"/{place}/{name}.network"] = f"{chosen.choice(SECTIONS)}[Network]\nLinkLocalAddressing=no\n"
        if chosen.random() < 0.4:
            other = chosen.choice(PLACES)
            files[f"/{other}/{name}.network.d/x.conf"] = f"[Match]\nName={chosen.choice(CARDS)}\n"
        if chosen.random() < 0.2:
            files[f"/{chosen.choice(PLACES)}/{name}.network"] = ""
    return files


def test_the_file_for_a_card_is_the_one_that_networkd_takes(inside: list[str], tmp_path: Path) -> None:
    chosen, taken = random.Random(5), 0
    for number in range(FOLDERS):
        files, root = some_folders(chosen), tmp_path / str(number)
        for place in PLACES:
            (root / place).mkdir(parents=True)
        lay(files, root)
        links = 2 * len(CARDS) + 1
        script = SCRIPT.format(places=" ".join(PLACES), root=root, daemon=DAEMON, links=links)
        subprocess.run([*inside, script], capture_output=True, check=False, timeout=60)
        lines = (root / "found").read_text().splitlines()
        theirs = {name: file for name, _, file in (line.partition(" ") for line in lines)}
        tree = guest(files)
        for card in CARDS:
            ours = next(
                (
                    path
                    for path in unitfile.files(tree, networkd.NETWORK, ".network")
                    if (settings := unitfile.read(tree, path, networkd.NETWORK)) is not None
                    and networkd.fits(settings, card)
                ),
                "",
            )
            assert ours == theirs[card], (card, files)
            taken += bool(ours)
    assert taken > FOLDERS
