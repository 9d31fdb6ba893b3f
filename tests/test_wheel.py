"""What pipx or uv installs is whole: the wheel alone generates what the checkout generates."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and only the dependencies of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in (*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], "docs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = [
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(source),
    ]
    subprocess.run([sys.executable, "-m", *build], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env/bin/python"
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip())
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A folder named in a .pth is searched, but the .pth files in it (the editable install) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _vmoffer(python: Path, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "vmoffer", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_the_wheel_generates_what_the_checkout_generates(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "skus", tmp_path / "skus")
    for name, python in (("wheel", installed), ("checkout", Path(sys.executable))):
        done = _vmoffer(python, "generate", "demo/debian-12", "--builder", "qemu", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (tmp_path / "build").rename(tmp_path / name)
    wheel, checkout = ({f.relative_to(d): f.read_bytes() for f in d.rglob("*") if f.is_file()}
                       for d in (tmp_path / "wheel", tmp_path / "checkout"))  # fmt: skip
    assert wheel == checkout


@pytest.mark.parametrize(
    "command", [("rules", "LNX-SWAP-002"), ("schema",), ("doctor", "--packages"), ("lint",), ("ci", "github")]
)
def test_the_wheel_has_its_data(installed: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    shutil.copytree(ROOT / "skus", tmp_path / "skus")
    done = _vmoffer(installed, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_wheel_is_what_runs(installed: Path) -> None:
    code = "import generator, tools.base, tools.packer; print(generator.__file__, tools.base.names())"
    done = subprocess.run([installed, "-c", code], capture_output=True, text=True, cwd="/")
    assert str(installed.parent.parent) in done.stdout
    assert "debian-12" in done.stdout


def test_the_wheel_explains_errors(installed: Path, tmp_path: Path) -> None:
    wrong = _vmoffer(installed, "lint", "nothing/here", cwd=tmp_path)
    assert (wrong.returncode, "vmoffer help no-sku" in wrong.stderr) == (2, True)
    assert "skus/<offer>/<plan>.yaml" in _vmoffer(installed, "help", "no-sku", cwd=tmp_path).stdout
