#!/bin/sh
# No swap of any kind on the OS disk, and nothing that brings it back.
set -eu
STEP=swap
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# Swap in compressed memory is nobody's concern.
if booted; then
    swaps=$(awk 'NR > 1 && $1 !~ /^\/dev\/zram/ { print $1 }' /proc/swaps)
    for swap in $swaps; do
        run 300 swapoff "$(printf '%b' "$swap")"
        note "switched off $swap"
    done
fi

# Swap files: the usual ones, and those that fstab names.
remove /swapfile /swap.img /swap/swapfile
if exists /etc/fstab; then
    stays /etc/fstab
    awk '$1 ~ /^\// && $1 !~ /^\/dev\// && $3 == "swap" { print $1 }' "$ROOT/etc/fstab" >"$ROOT/etc/fstab.vmoffer-swap"
    while IFS= read -r file; do
        # fstab writes a space as \040.
        remove "$(printf '%b' "$(printf '%s' "$file" | sed 's/\\\([0-7]\{3\}\)/\\0\1/g')")"
    done <"$ROOT/etc/fstab.vmoffer-swap"
    rm -f -- "$ROOT/etc/fstab.vmoffer-swap"
fi
edit_file /etc/fstab '/^[ \t]*#/ || $3 != "swap"'

for unit in "$ROOT"/etc/systemd/system/*.swap "$ROOT"/lib/systemd/system/*.swap "$ROOT"/usr/lib/systemd/system/*.swap; do
    [ ! -f "$unit" ] || link "/etc/systemd/system/${unit##*/}" /dev/null
done
remove_found "links to swap units" /etc/systemd/system 2 -path '*.wants/*.swap' -o -path '*.requires/*.swap'

for file in "$ROOT"/etc/cloud/cloud.cfg "$ROOT"/etc/cloud/cloud.cfg.d/*.cfg; do
    [ ! -f "$file" ] || drop_yaml_key "${file#"$ROOT"}" swap
done
if exists /etc/initramfs-tools/conf.d; then
    write_file /etc/initramfs-tools/conf.d/resume "RESUME=none"
fi

# Swap partitions, mounted or not: deleted from their table, or named.
if booted; then
    for device in $(blkid -c /dev/null -t TYPE=swap -o device || :); do
        case $device in /dev/zram*) continue ;; esac
        name=$(basename "$(readlink -f "$device")")
        number=$(cat "/sys/class/block/$name/partition" 2>/dev/null) ||
            fail "$device holds swap and is not a plain partition; build on a base without it"
        disk=/dev/$(basename "$(readlink -f "/sys/class/block/$name/..")")
        if ! attempt 60 wipefs -q -a "$device" || ! attempt 60 sfdisk -q --force --no-reread --delete "$disk" "$number"; then
            fail "swap partition $device could not be removed; build on a base without it"
        fi
        attempt 60 partx -d --nr "$number" "$disk" || :
        note "deleted swap partition $device"
    done
fi
finish
