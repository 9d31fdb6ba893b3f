#!/bin/sh
# What the agent and its extensions stand on: OpenSSL, Python and its ASN.1 library.
set -eu
STEP=libraries
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

names=$(words "$PACKAGES")
# Package names are words on purpose.
# shellcheck disable=SC2086
install_packages $names
if live; then
    attempt 30 openssl version >/dev/null || fail "openssl does not run"
    attempt 30 python3 --version >/dev/null || fail "python3 does not run"
fi
finish
