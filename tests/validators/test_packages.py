"""Packages out of real databases: rpm's three, dpkg's and apk's records, and which version is newer."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from images import Content_, MemoryVolume, debian, need, run, write_disk

from validators.disk import open_disk
from validators.guest import Undecidable
from validators.linux import ordering, packages, rpm_berkeley, rpm_ndb, rpm_sqlite, rpmdb, rpmheader
from validators.linux.package import Package
from validators.tree import Tree

DATA = Path(__file__).parent / "data/rpm"
RHEL9 = gzip.decompress((DATA / "rhel9.rpmdb.sqlite.gz").read_bytes())
SLES15 = gzip.decompress((DATA / "sles15.Packages.db.gz").read_bytes())
RHEL7 = gzip.decompress((DATA / "rhel7.Packages.gz").read_bytes())
SQLITE, NDB, BERKELEY = (f"/var/lib/rpm/{name}" for name in rpmdb.FILES)
DATABASES = ((SQLITE, RHEL9), (NDB, SLES15), (BERKELEY, RHEL7))


def guest(files: dict[str, bytes | str]) -> Tree:
    return Tree({"/": MemoryVolume(files)})


def versions(files: dict[str, bytes | str]) -> dict[str, str]:
    return {package.name: package.version for package in rpmdb.packages(guest(files))}


# --- rpm -------------------------------------------------------------------------------------------------
def test_packages_of_an_sqlite_database_have_their_epochs() -> None:
    assert versions({SQLITE: RHEL9}) == {
        "openssl": "1:3.2.2-6.el9",
        "openssl-libs": "1:3.2.2-6.el9",
        "WALinuxAgent": "2.9.1.1-10.el9",
        "cloud-init": "24.4-4.el9",
        "kernel-core": "5.14.0-570.12.1.el9_6",
        "azure-vm-utils": "0.6.0-1.el9",
    }


def test_packages_of_an_ndb_database_are_read_wherever_it_lies() -> None:
    expected = {
        "openssl-3": "3.2.3-150700.3.2",
        "python-azure-agent": "2.12.0.4-150700.1.1",
        "cloud-init": "23.3-150100.8.85",
        "kernel-default": "6.4.0-150700.51.1",
    }
    assert versions({NDB: SLES15}) == expected
    assert versions({"/usr/lib/sysimage/rpm/Packages.db": SLES15}) == expected


def test_packages_of_a_berkeley_database_are_read_from_chains_of_pages() -> None:
    assert versions({BERKELEY: RHEL7}) == {
        "openssl": "1:1.0.1e-60.el7_3.1",
        "WALinuxAgent": "2.2.32-1.el7",
        "cloud-init": "19.4-7.el7",
        "kernel": "3.10.0-1160.119.1.el7",
        "omi": "1.6.8-0",
    }


def test_the_newest_format_counts_where_a_conversion_left_the_old_one() -> None:
    assert "kernel-core" in versions({SQLITE: RHEL9, BERKELEY: RHEL7})


def test_a_folder_of_rpm_without_a_database_is_undecidable() -> None:
    with pytest.raises(Undecidable, match=r"none of rpmdb\.sqlite, Packages\.db, Packages"):
        packages.installed(guest({"/var/lib/rpm/.rpm.lock": ""}), "openssl")


def logged(tmp_path: Path) -> tuple[bytes, bytes]:
    """The sqlite database with one more package, which is in the write-ahead log only."""
    path = tmp_path / "rpmdb.sqlite"
    path.write_bytes(RHEL9)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("INSERT INTO Packages (hnum, blob) VALUES (?, ?)", (99, header(("late", "1", "2", 0))))
    database.commit()
    found = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    database.close()
    return found


def test_what_is_only_in_the_write_ahead_log_is_installed(tmp_path: Path) -> None:
    main, log = logged(tmp_path)
    assert "late" not in versions({SQLITE: main})
    assert versions({SQLITE: main, f"{SQLITE}-wal": log})["late"] == "1-2"


def test_no_copy_of_the_database_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    reading = rpm_sqlite.packages(guest({SQLITE: RHEL9}), SQLITE)
    next(reading)
    assert not list(tmp_path.iterdir())  # gone before it is read
    with pytest.raises(Undecidable):
        list(rpm_sqlite.packages(guest({SQLITE: RHEL9[:5000]}), SQLITE))
    assert not list(tmp_path.iterdir())


def test_a_database_above_the_limit_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpm_sqlite, "SIZE_LIMIT", 1000)
    with pytest.raises(Undecidable, match="at most 1000 are read"):
        versions({SQLITE: RHEL9})


def test_a_forged_view_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpm_sqlite, "STEPS", 1_000_000)
    path = tmp_path / "forged"
    database = sqlite3.connect(path)
    database.execute(
        "CREATE VIEW Packages AS WITH RECURSIVE n(hnum) AS"
        " (SELECT 1 UNION ALL SELECT hnum + 1 FROM n) SELECT hnum, 'x' AS blob FROM n WHERE hnum < 0"
    )
    database.commit()
    database.close()
    with pytest.raises(Undecidable, match="interrupted"):
        versions({SQLITE: path.read_bytes()})


@pytest.mark.parametrize(("path", "content"), DATABASES, ids=rpmdb.FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_database_is_undecidable_or_read(path: str, content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(content[: data.draw(st.integers(0, len(content)))])
    for _ in range(data.draw(st.integers(0, 8))):
        if damaged:
            # The beginning, where structures are, more often than the lists of files.
            damaged[data.draw(st.integers(0, min(len(damaged), 1 << 13) - 1))] = data.draw(
                st.integers(0, 255)
            )
    try:
        found = rpmdb.packages(guest({path: bytes(damaged)}))
    except Undecidable as reason:
        assert path in str(reason)
    else:
        assert all(package.name for package in found)


@pytest.mark.parametrize(
    ("path", "content", "at", "patch", "reason"),
    [
        (NDB, SLES15, 32, b"slot", "no slot at 0x20"),
        (NDB, SLES15, 4096, b"blob", "no header of package 1 at 0x1000"),
        (NDB, SLES15, 12, b"\xff\xff\xff\xff", "4294967295 pages"),
        (BERKELEY, RHEL7, 12, b"none", "no hash of Berkeley DB"),
        (BERKELEY, RHEL7, 20, b"\x01\x02\0\0", "pages of 513 bytes"),
        (BERKELEY, RHEL7, 72, b"\xff\xff\0\0", "65536 buckets"),
        (BERKELEY, RHEL7, 4096 + 25, b"\x07", "no page of a bucket at 0x1000"),
        (BERKELEY, RHEL7, 4096 + 16, b"\x01\0\0\0", "no page of a bucket at 0x1000"),
        (SQLITE, RHEL9, 0, b"nothing", "not a database"),
    ],
)
def test_what_is_broken_is_said_with_its_place(
    path: str, content: bytes, at: int, patch: bytes, reason: str
) -> None:
    with pytest.raises(Undecidable, match=reason):
        versions({path: content[:at] + patch + content[at + len(patch) :]})


def test_small_headers_and_long_buckets_of_a_berkeley_database_are_read(tmp_path: Path) -> None:
    need("db5.3_load")
    names = [f"package-{number}" for number in range(1, 301)]
    records = [(0, struct.pack("<I", 300))]
    records += [(n, header((name, "1", "2", 0), before=n % 7 * 90)) for n, name in enumerate(names, 1)]
    lines = [f" {part.hex()}" for key, value in records for part in (struct.pack("<I", key), value)]
    start = ["VERSION=3", "format=bytevalue", "type=hash", "db_pagesize=512", "h_ffactor=40", "HEADER=END"]
    run("db5.3_load", tmp_path / "Packages", text="\n".join([*start, *lines, "DATA=END", ""]))
    assert sorted(versions({BERKELEY: (tmp_path / "Packages").read_bytes()})) == sorted(names)


def test_databases_are_read_from_a_disk(tmp_path: Path) -> None:
    tree: dict[str, Content_] = {**debian(), "/var/lib/dpkg/status": None}
    for path, content in ((SQLITE, RHEL9), ("/srv/Packages.db", SLES15), ("/srv/Packages", RHEL7)):
        tree[path] = content
    disk = open_disk(write_disk(tmp_path / "os.raw", tree))
    assert disk.guest is not None
    found = {package.name: package.version for package in rpmdb.packages(disk.guest)}
    assert found["openssl"] == "1:3.2.2-6.el9"
    for module, path in ((rpm_ndb, "/srv/Packages.db"), (rpm_berkeley, "/srv/Packages")):
        assert "cloud-init" in {package.name for package in module.packages(disk.guest, path)}


# --- headers ---------------------------------------------------------------------------------------------
def header(package: tuple[str, str, str, int], *, before: int = 0) -> bytes:
    """A header with these tags; `before` bytes of data stand in front of them."""
    name, version, release, epoch = package
    data, index = bytearray(before), b""
    for tag, text in ((1000, name), (1001, version), (1002, release)):
        index += struct.pack(">IIII", tag, 6, len(data), 1)
        data += text.encode() + b"\0"
    if epoch:
        index += struct.pack(">IIII", 1003, 4, len(data), 1)
        data += struct.pack(">I", epoch)
    return struct.pack(">II", len(index) // 16, len(data)) + index + data


def read(content: bytes) -> Package:
    return rpmheader.read(lambda offset, count: content[offset : offset + count], "here")


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=300)


@given(st.tuples(WORDS, WORDS, WORDS, st.integers(0, 2**32 - 1)))
def test_a_header_gives_back_what_is_in_it(package: tuple[str, str, str, int]) -> None:
    name, version, release, epoch = package
    expected = f"{epoch}:" * bool(epoch) + f"{version}-{release}"
    assert read(header(package)) == Package(name, expected, "rpm")


@given(st.binary(max_size=200))
def test_anything_else_is_no_header(content: bytes) -> None:
    with pytest.raises(Undecidable, match="here"):
        read(content)


def test_a_name_far_into_a_header_is_not_looked_for() -> None:
    with pytest.raises(Undecidable, match="outside of the header"):
        read(header(("x", "1", "1", 0), before=rpmheader.REACH))


# --- the records of all managers -------------------------------------------------------------------------
APK = "C:Q1\nP:openssl\nV:3.3.2-r0\nA:x86_64\n\nV:2.9.1.1-r3\nP:waagent\n\nP:musl\nT:no version\n"


@pytest.mark.parametrize("path", packages.APK)
def test_apk_records_are_read_in_any_order_of_fields(path: str) -> None:
    system = guest({path: APK})
    assert packages.installed(system, "openssl") == Package("openssl", "3.3.2-r0", "apk")
    assert packages.installed(system, "waagent") == Package("waagent", "2.9.1.1-r3", "apk")
    assert packages.installed(system, "musl") == Package("musl", "", "apk")
    assert packages.installed(system, "ssl") is None


def test_of_several_kernels_the_newest_counts(tmp_path: Path) -> None:
    path = tmp_path / "rpmdb.sqlite"
    path.write_bytes(RHEL9)
    database = sqlite3.connect(path)
    for number, release in ((50, "70.13.1.el9_0"), (51, "611.5.1.el9_7")):
        blob = header(("kernel-core", "5.14.0", release, 0))
        database.execute("INSERT INTO Packages (hnum, blob) VALUES (?, ?)", (number, blob))
    database.commit()
    database.close()
    found = packages.installed(guest({SQLITE: path.read_bytes()}), "kernel-core")
    assert found == Package("kernel-core", "5.14.0-611.5.1.el9_7", "rpm")


def test_an_empty_record_of_another_manager_does_not_count() -> None:
    system = guest({"/var/lib/dpkg/status": "", SQLITE: RHEL9})
    assert packages.installed(system, "openssl") == Package("openssl", "1:3.2.2-6.el9", "rpm")


# --- which is newer --------------------------------------------------------------------------------------
def sign(manager: str, one: str, other: str) -> int:
    key = ordering.ORDER[manager]  # type: ignore[index]
    return (key(one) > key(other)) - (key(one) < key(other))


@pytest.mark.parametrize(
    ("manager", "rising"),
    [
        ("rpm", "~1 1.0~rc1 1.0 1.0^git1 1.0a 1.0.1 1.1 1.10 2.0.1 10xyz 10.1xyz 20101121 1:0.5"),
        ("rpm", "3.10.0-957.21.2.el7 3.10.0-957.21.3.el7 3.10.0-1160.el7 4.18.0-80.el8"),
        ("dpkg", "1.0~~ 1.0~~a 1.0~ 1.0 1.0-1 1.0-1+b1 1.0a 1.0+dfsg 1.2 1.10 1:0.1"),
        ("dpkg", "4.9.168-1+deb9u2 4.9.168-1+deb9u3 4.9.168-1+deb9u10 4.19.37-5"),
        (
            "apk",
            "1.0_alpha 1.0_alpha2 1.0_beta 1.0_pre1 1.0_rc1 1.0 1.0-r1 1.0_git1 1.0_p1 1.0a 1.0.1 1.2 1.10",
        ),
    ],
)
def test_versions_in_rising_order(manager: str, rising: str) -> None:
    for one, other in pairwise(rising.split()):
        assert (sign(manager, one, other), sign(manager, other, one)) == (-1, 1), (one, other)


@pytest.mark.parametrize(
    ("manager", "one", "other"),
    [("rpm", "1.05", "1.5"), ("rpm", "2_0", "2.0"), ("dpkg", "0:1.0", "1.0-0"), ("apk", "1.0~1a2b", "1.0")],
)
def test_versions_that_are_the_same(manager: str, one: str, other: str) -> None:
    assert sign(manager, one, other) == 0


VERSIONS = st.from_regex(r"\A(?:[0-2]:)?[0-9][a-z0-9.+~]{0,6}(?:-[a-z0-9.+~]{1,4})?\Z")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VERSIONS, VERSIONS)
def test_debian_versions_sort_as_dpkg_sorts_them(one: str, other: str) -> None:
    if shutil.which("dpkg") is None:
        pytest.skip("dpkg is missing")
    word = {-1: "lt", 0: "eq", 1: "gt"}[sign("dpkg", one, other)]
    assert subprocess.run(["dpkg", "--compare-versions", one, word, other]).returncode == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.from_regex(r"\A[0-9a-z.~^]{1,8}\Z"), min_size=6, max_size=6))
def test_rpm_versions_sort_as_rpm_sorts_them(some: list[str]) -> None:
    if shutil.which("rpm") is None:
        pytest.skip("rpm is missing")
    pairs = list(pairwise(some))
    script = "".join(f'print(rpm.vercmp("{one}", "{other}") .. " ") ' for one, other in pairs)
    done = subprocess.run(["rpm", "--eval", f"%{{lua:{script}}}"], capture_output=True, text=True, check=True)
    assert [sign("rpm", *pair) for pair in pairs] == [int(word) for word in done.stdout.split()]


@given(st.sampled_from(sorted(ordering.ORDER)), st.text(max_size=60), st.text(max_size=60))
def test_any_text_has_a_place_in_the_order(manager: str, one: str, other: str) -> None:
    assert sign(manager, one, other) == -sign(manager, other, one)
