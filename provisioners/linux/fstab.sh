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
    known=''
    device=$1
    each_entry this_device '/dev/disk/by-uuid/*'
    printf '%s\n' "$known"
}

this_device() {
    name=$(target "$1")
    case ${1##*/} in
        # UUIDs of all kinds have hexadecimal digits; what else is there names nothing.
        *[!0-9A-Fa-f-]*) ;;
        *) [ "${name##*/}" != "${device#/dev/}" ] || known=${1##*/} ;;
    esac
}

if is_file /etc/fstab; then
    text=$(from_file /etc/fstab cat)
    # Device names have no spaces: the pattern says so.
    for device in $(printf '%s\n' "$text" | awk '$1 ~ /^\/dev\/(sd|nvme|vd|xvd|hd)[a-z0-9]+$/ { print $1 }'); do
        uuid=$(known_as "$device")
        [ -n "$uuid" ] || fail "/etc/fstab mounts $device, which has no UUID"
        text=$(printf '%s\n' "$text" | awk -v device="$device" -v uuid="UUID=$uuid" \
            '$1 == device { sub(/^[ \t]*[^ \t]+/, uuid) } { print }')
    done
    write_file /etc/fstab "$text"
fi
if [ -n "$vm_notes" ]; then
    attempt 60 findmnt --verify || fail "findmnt finds an error in the new /etc/fstab"
fi
finish
