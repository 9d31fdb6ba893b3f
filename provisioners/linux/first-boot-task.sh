#!/bin/sh
# Runs the publisher's script once on a customer's machine, and goes when it has succeeded.
# SCRIPT and DEADLINE (seconds) come before, from the step.
set -eu
: "${SCRIPT:?}" "${DEADLINE:?}" "${ROOT:=}"
log=$ROOT/var/log/vmoffer-first-boot.log

# Azure's own setup comes first: user, host name, keys and disks of the customer.
if command -v cloud-init >/dev/null; then
    timeout 1800 cloud-init status --wait >/dev/null 2>&1 || :
else
    tries=0
    while [ ! -e "$ROOT/var/lib/waagent/provisioned" ] && [ "$tries" -lt 180 ]; do
        tries=$((tries + 1))
        sleep 10
    done
fi

# An upload may have lost the right to be run.
set -- "$ROOT$SCRIPT"
[ -x "$1" ] || set -- /bin/sh "$1"
status=0
timeout --kill-after=30 "$DEADLINE" "$@" >>"$log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
    # The unit stays and tries again at the next start.
    printf 'vmoffer: first-boot: %s ended with %s\n' "$SCRIPT" "$status" >>"$log"
    exit "$status"
fi
rm -f -- "$ROOT/etc/systemd/system/multi-user.target.wants/vmoffer-first-boot.service" \
    "$ROOT/etc/systemd/system/vmoffer-first-boot.service" "$ROOT/usr/local/lib/vmoffer/first-boot"
rmdir -- "$ROOT/usr/local/lib/vmoffer" 2>/dev/null || :
[ -n "$ROOT" ] || timeout 60 systemctl daemon-reload
