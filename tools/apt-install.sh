#!/bin/sh
# Install Debian packages, as root or with sudo; without apt-get, say what is wanted and go on.
# usage: tools/apt-install.sh PACKAGE…
set -eu
[ $# -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "vmoffer: no apt-get here; please install what these Debian packages hold: $*" >&2
    exit 0
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "vmoffer: neither root nor sudo; ask somebody to run: apt-get install $*" >&2
        exit 3
    }
    sudo=sudo
fi
echo "vmoffer: installing $*" >&2
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends "$@" </dev/null >&2
