#!/bin/sh
# File systems are named by what they are, not by the order in which disks appear.
set -eu
STEP=fstab
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# What cloud-init wrote for this machine's temporary disk is written again on the next one.
edit_file /etc/fstab '/^[ \t]*#/ || !/comment=cloudconfig/'

# known_as DEVICE: the UUID that udev links to DEVICE.
known_as() {
    for link in "$ROOT"/dev/disk/by-uuid/*; do
        if [ "$(basename -- "$(readlink -- "$link")")" = "${1#/dev/}" ]; then
            basename -- "$link"
            return
        fi
    done
    return 1
}

if exists /etc/fstab; then
    text=$(cat "$ROOT/etc/fstab")
    # Device names have no spaces: the pattern says so.
    # shellcheck disable=SC2013
    for device in $(awk '$1 ~ /^\/dev\/(sd|nvme|vd|xvd|hd)[a-z0-9]+$/ { print $1 }' "$ROOT/etc/fstab"); do
        uuid=$(known_as "$device") || fail "/etc/fstab mounts $device, which has no UUID"
        text=$(printf '%s\n' "$text" | awk -v device="$device" -v uuid="UUID=$uuid" \
            '$1 == device { sub(/^[ \t]*[^ \t]+/, uuid) } { print }')
    done
    write_file /etc/fstab "$text"
fi
if [ -n "$vm_notes" ]; then
    attempt 60 findmnt --verify || fail "findmnt finds an error in the new /etc/fstab"
fi
finish
