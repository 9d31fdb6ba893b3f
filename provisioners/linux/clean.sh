#!/bin/sh
# Logs, caches, keys and other belongings of the build.
set -eu
STEP=clean
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

if live && command -v apt-get >/dev/null; then
    run 120 apt-get clean
elif live; then
    for tool in tdnf dnf; do
        ! command -v $tool >/dev/null || run 120 $tool -q clean all
    done
    ! command -v zypper >/dev/null || run 120 zypper --non-interactive --quiet clean --all
fi
remove_found "package lists" /var/lib/apt/lists 1 ! -name lock ! -name partial
remove_found "package archives" /var/cache/apt/archives 2 -name '*.deb'
remove_found "package caches" /var/cache/apt 1 -name '*.bin'
remove_found "package caches" /var/cache/dnf 1 -name '*'
remove_found "package caches" /var/cache/tdnf 1 -name '*'
remove_found "package caches" /var/cache/zypp 1 -name '*'
remove_found "old copies of configuration" /var/backups 1 -name '*'
remove_found "crash dumps" /var/crash 1 -name '*'
remove_found "rotated logs" /var/log 9 -name '*.gz' -o -name '*.xz' -o -name '*.old' -o -name '*.[0-9]'

belongings() {
    for name in .cache .ssh/known_hosts .ssh/known_hosts.old .azure .aws .config/gcloud .oci .netrc .git-credentials \
        .terraform.d/credentials.tfrc.json .pypirc .config/gh/hosts.yml .docker/config.json .kube/config; do
        remove "$1/$name"
    done
    remove_found "private keys in $1" "$1/.ssh" 1 -name 'id_*'
}
each_home belongings
if live && command -v subscription-manager >/dev/null; then
    attempt 120 subscription-manager unregister || :
    attempt 60 subscription-manager clean || :
fi
if live && command -v SUSEConnect >/dev/null; then
    attempt 120 SUSEConnect --de-register || :
    attempt 60 SUSEConnect --cleanup || :
fi
# The registration of the build's system, also where its server could not be asked.
remove /etc/SUSEConnect
remove_found "subscription identity" /etc/pki/consumer 1 -name '*.pem'
remove_found "subscription identity" /etc/pki/entitlement 1 -name '*.pem'
remove_found "subscription identity" /etc/zypp/credentials.d 1 -name 'SCC*'
finish
