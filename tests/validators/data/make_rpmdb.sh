#!/bin/sh
# Makes the rpm databases of these tests. Debian's `rpm` and `db5.3-util` have to be installed:
#   NDB_RPM=… sh tests/validators/data/make_rpmdb.sh
# rpm writes the sqlite database. Debian's rpm is built without ndb; the one in the PyPI package rpm-inspector-rpm has
# it, and NDB_RPM is its path. Both only read Berkeley DB any more, so db5.3_load fills that one with the headers that
# rpm exports, under the keys that rpm used: the number of the package, and 0 for the last number. rpm reads it back.
set -eu
: "${NDB_RPM:?the path of an rpm that writes ndb}"

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# package NAME EPOCH VERSION RELEASE [FILES]: an rpm with nothing in it but its header and, perhaps, a long list of files
package() {
    files=${5:-0}
    {
        printf 'Name: %s\nEpoch: %s\nVersion: %s\nRelease: %s\n' "$1" "$2" "$3" "$4"
        printf 'Summary: %s\nLicense: none\nBuildArch: noarch\n%%description\n%%install\n' "$1"
        if [ "$files" -gt 0 ]; then
            printf 'mkdir -p %%{buildroot}/usr/share/%s\ncd %%{buildroot}/usr/share/%s\nseq %s | xargs touch\n' "$1" "$1" "$files"
        fi
        printf '%%files\n'
        if [ "$files" -gt 0 ]; then printf '/usr/share/%s\n' "$1"; fi
    } | sed '/^Epoch: 0$/d' >"$work/$1.spec"
    SOURCE_DATE_EPOCH=946684800 rpmbuild --quiet -bb --define "_topdir $work" --define 'use_source_date_epoch_as_buildtime 1' \
        --define '_buildhost localhost' --define 'source_date_epoch_from_changelog 0' --define 'clamp_mtime_to_source_date_epoch 1' \
        "$work/$1.spec" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
    mv "$work"/RPMS/noarch/*.rpm "$work/new/"
}

# database FOLDER BACKEND: all that was packaged since the last one, installed into a database of its own
database() {
    mkdir -p "$work/$1"
    program=rpm force=--force-debian
    [ "$2" != ndb ] || {
        program=$NDB_RPM
        force=
    }
    "$program" --rcfile=/usr/lib/rpm/rpmrc --macros=/usr/lib/rpm/macros -D "_db_backend $2" -D "_dbpath $work/$1" \
        -i --justdb --nodeps --noscripts --ignorearch $force "$work"/new/*.rpm
}

fresh() {
    rm -rf "$work/new"
    mkdir "$work/new"
}

fresh
package openssl 1 3.2.2 6.el9
package openssl-libs 1 3.2.2 6.el9
package WALinuxAgent 0 2.9.1.1 10.el9 40
package cloud-init 0 24.4 4.el9 800
package kernel-core 0 5.14.0 570.12.1.el9_6 10
package azure-vm-utils 0 0.6.0 1.el9
database rhel9 sqlite
fresh
package openssl-3 0 3.2.3 150700.3.2
package python-azure-agent 0 2.12.0.4 150700.1.1 40
package cloud-init 0 23.3 150100.8.85 800
package kernel-default 0 6.4.0 150700.51.1 10
database sles15 ndb
fresh
package openssl 1 1.0.1e 60.el7_3.1
package WALinuxAgent 0 2.2.32 1.el7 40
package cloud-init 0 19.4 7.el7 800
package kernel 0 3.10.0 1160.119.1.el7 10
package omi 0 1.6.8 0
database rhel7 sqlite

# the headers of rhel7 as key and value, in the text that db5.3_load reads
rpmdb --define "_dbpath $work/rhel7" --exportdb >"$work/headers"
python3 - "$work/headers" >"$work/dump" <<'PY'
import struct, sys

data = open(sys.argv[1], "rb").read()
records, at = [], 0
while at < len(data):  # every header is exported with its magic, which the database leaves out
    count, size = struct.unpack_from(">II", data, at + 8)
    end = at + 16 + 16 * count + size
    records.append(data[at + 8 : end])
    at = end
print("VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\nHEADER=END")
pairs = [(0, struct.pack("<I", len(records)))] + list(enumerate(records, 1))
for number, value in pairs:
    print("", struct.pack("<I", number).hex())
    print("", value.hex())
print("DATA=END")
PY
mkdir "$work/bdb"
db5.3_load -f "$work/dump" "$work/bdb/Packages"
rpm -D "_db_backend bdb_ro" -D "_dbpath $work/bdb" -qa >"$work/list"
test "$(wc -l <"$work/list")" -eq 5

mkdir -p "$here/rpm"
gzip -9nc "$work/rhel9/rpmdb.sqlite" >"$here/rpm/rhel9.rpmdb.sqlite.gz"
gzip -9nc "$work/sles15/Packages.db" >"$here/rpm/sles15.Packages.db.gz"
gzip -9nc "$work/bdb/Packages" >"$here/rpm/rhel7.Packages.gz"
