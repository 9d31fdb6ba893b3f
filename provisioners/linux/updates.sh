#!/bin/sh
# Every update of the distribution, so that the image starts patched.
set -eu
STEP=updates
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

if live; then
    # The first boot may still be working, and the timers would take the lock in the middle.
    if booted && command -v cloud-init >/dev/null; then
        attempt 300 cloud-init status --wait >/dev/null || warn "cloud-init's first boot did not end well"
    fi
    attempt 120 systemctl stop apt-daily.timer apt-daily-upgrade.timer dnf-makecache.timer 2>/dev/null || :
    refresh_packages
    if [ "$UPGRADE" = yes ]; then
        before=$(package_state)
        package_manager "$VERB" || fail "the updates could not be installed"
        tool=$(package_tool)
        if [ "$tool" = apt-get ] || [ "$tool" = dnf ]; then
            package_manager autoremove || fail "packages nobody needs could not be removed"
        fi
        [ "$(package_state)" = "$before" ] || note "updated every package"
    fi
fi
finish
