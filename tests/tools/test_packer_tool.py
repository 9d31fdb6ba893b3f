"""Which Packer is used: stub commands on PATH state versions, and no network is asked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.errors import Surroundings
from tools import packer
from tools.actionlint import ACTIONLINT

Stub = Callable[[str, str], Path]
# Answers `version`; `init` puts a mark beside itself; `plugins install` copies like Packer does.
MODERN = """case "$1" in
version) echo 'Packer v1.14.2' ;;
init) exit {init} ;;
plugins) d="$PACKER_PLUGIN_PATH/$5"; echo "$5" >>"$PACKER_PLUGIN_PATH/installed" ;;
esac"""


def said() -> tuple[list[str], Callable[[str], None]]:
    lines: list[str] = []
    return lines, lines.append


def cached_builds() -> None:
    """Pretend that the pinned builds are in the cache."""
    for pin in (packer.PACKER, *packer.PLUGINS.values()):
        path = packer.cached(pin)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n[ \"$1\" = version ] && echo 'Packer v1.16.0'\nexit 0\n")
        path.chmod(0o755)


def test_a_new_enough_packer_from_path_is_used_with_init(stub: Stub, cache: Path) -> None:
    path = stub("packer", MODERN.format(init=0))
    lines, say = said()
    found = packer.ensure(["qemu"], say)
    assert (found.path, found.version) == (path, "1.14.2")
    assert lines == [f"packer 1.14.2 from PATH, {path}"]
    assert found.env["CHECKPOINT_DISABLE"] == "1"
    for name in ("PACKER_PLUGIN_PATH", "PACKER_CONFIG_DIR"):
        assert Path(found.env[name]).is_relative_to(cache)


def test_where_init_fails_the_pinned_plugin_takes_its_place(stub: Stub, cache: Path) -> None:
    stub("packer", MODERN.format(init=1))
    cached_builds()
    lines, say = said()
    found = packer.ensure(["qemu"], say)
    assert found.version == "1.14.2"
    assert any("could not bring the qemu plugin" in line for line in lines)
    assert any(line.startswith("packer-plugin-qemu") and "reused" in line for line in lines)
    installed = Path(found.env["PACKER_PLUGIN_PATH"], "installed").read_text()
    assert installed == "github.com/hashicorp/qemu\n"


def test_an_init_that_hangs_is_given_up(stub: Stub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(
        "packer",
        "[ \"$1\" = version ] && { echo 'Packer v1.11.0'; exit; }\n[ $1 != init ] || exec /bin/sleep 60",
    )
    monkeypatch.setattr(packer, "INIT_PATIENCE", 0.3)
    cached_builds()
    lines, say = said()
    packer.ensure(["qemu"], say)
    assert any("no answer for the qemu plugin" in line for line in lines)


@pytest.mark.parametrize(
    ("output", "statement"),
    [
        ("Packer v1.6.6", "packer 1.6.6 on PATH"),
        ("Packer v1.10.3\n\nYour version of Packer is out of date!", "packer 1.10.3 on PATH"),
        ("0 0", "is not HashiCorp's Packer"),  # cracklib's command of the same name
    ],
)
def test_an_unusable_packer_is_ignored_with_a_statement(
    stub: Stub, cache: Path, output: str, statement: str
) -> None:
    stub("packer", f"echo '{output}'")
    cached_builds()
    lines, say = said()
    assert packer.ensure([], say).version == "1.16.0"
    assert statement in lines[0]
    assert "ignored" in lines[0]
    assert "reused" in lines[1]


def test_old_packer_and_no_go_names_both_ways_out(stub: Stub, cache: Path) -> None:
    stub("packer", "echo 'Packer v1.6.0'")
    with pytest.raises(Surroundings) as caught:
        packer.ensure(["qemu"], said()[1])
    assert "packer 1.6.0" in caught.value.what
    assert "no Go" in caught.value.what
    assert "developer.hashicorp.com" in (caught.value.hint or "")
    assert "go.dev" in (caught.value.hint or "")


def test_a_go_that_cannot_fetch_newer_releases_is_named(stub: Stub, cache: Path) -> None:
    stub("go", "echo 'go version go1.19.8 linux/amd64'")
    with pytest.raises(Surroundings, match=r"Go 1\.19\.8 is older than 1\.21"):
        packer.ensure(["qemu"], said()[1])


def test_a_failed_build_shows_its_last_words_and_leaves_nothing(stub: Stub, cache: Path) -> None:
    stub(
        "go",
        "[ \"$1\" = version ] && { echo 'go version go1.26.3'; exit; }\necho 'dial tcp: refused'; exit 1",
    )
    with pytest.raises(Surroundings, match="dial tcp: refused"):
        packer.ensure(["qemu"], said()[1])
    assert list((cache / "tools").iterdir()) == []


def test_a_build_asks_for_releases_from_go_sum_alone(stub: Stub, cache: Path, tmp_path: Path) -> None:
    body = (
        "[ \"$1\" = version ] && { echo 'go version go1.26.3'; exit; }\n"
        f'echo "$PWD $GOFLAGS $CGO_ENABLED $*" >>{tmp_path}/calls\n'
        'while [ "$1" != -o ]; do shift; done\n'
        'printf \'#!/bin/sh\\necho Packer v1.16.0\\n\' >"$2"; /bin/chmod +x "$2"'
    )
    stub("go", body)
    lines, say = said()
    assert packer.ensure([], say).version == "1.16.0"
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith(f"{packer.PACKER.folder} -mod=readonly 0 build -trimpath")
    assert "-X github.com/hashicorp/packer/version.VersionPrerelease= " in call
    packer.ensure([], say)
    assert lines[-1].startswith("packer 1.16.0: reused")
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


PINS = [packer.PACKER, *packer.PLUGINS.values(), ACTIONLINT]


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: pin.name)
def test_every_pin_has_its_checksums(pin: packer.Pin) -> None:
    sums = (pin.folder / "go.sum").read_text()
    assert f"{pin.module} v{pin.version} h1:" in sums
    assert f"{pin.module} v{pin.version}/go.mod h1:" in sums


@pytest.mark.packer
def test_the_real_packer_loads_the_pinned_qemu_plugin() -> None:
    try:
        found = packer.ensure(["qemu"], print)
    except Surroundings as error:
        pytest.skip(f"packer: {error.what}")
    done = subprocess.run(
        [found.path, "plugins", "installed"], env=found.env, capture_output=True, text=True, check=True
    )
    assert "packer-plugin-qemu_v" in done.stdout
    assert "-dev" not in done.stdout


def test_plugins_that_cannot_be_fetched_are_told_with_what_packer_said(tmp_path: Path) -> None:
    fake = tmp_path / "packer"
    fake.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(Surroundings, match="no such host"):
        packer.init(packer.Packer(fake, "1.16.0"), tmp_path, lambda text: None)
