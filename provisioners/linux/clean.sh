#!/bin/sh
# Logs, caches, keys and other belongings of the build.
set -eu
STEP=clean
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

if live && command -v apt-get >/dev/null; then
    run 120 apt-get clean
elif live && command -v dnf >/dev/null; then
    run 120 dnf -q clean all
fi
remove_found "package lists" /var/lib/apt/lists 1 ! -name lock ! -name partial
remove_found "package archives" /var/cache/apt/archives 2 -name '*.deb'
remove_found "package caches" /var/cache/apt 1 -name '*.bin'
remove_found "package caches" /var/cache/dnf 1 -name '*'
remove_found "old copies of configuration" /var/backups 1 -name '*'
remove_found "crash dumps" /var/crash 1 -name '*'
remove_found "rotated logs" /var/log 9 -name '*.gz' -o -name '*.xz' -o -name '*.old' -o -name '*.[0-9]'

belongings() {
    remove "$1/.cache" "$1/.ssh/known_hosts" "$1/.ssh/known_hosts.old" "$1/.azure" "$1/.aws" "$1/.netrc" "$1/.git-credentials"
    remove_found "private keys in $1" "$1/.ssh" 1 -name 'id_*'
}
each_home belongings
if live && command -v subscription-manager >/dev/null; then
    attempt 120 subscription-manager unregister || :
    attempt 60 subscription-manager clean || :
fi
finish
