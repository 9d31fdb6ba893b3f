#!/bin/sh
# No swap of any kind on the OS disk, and nothing that brings it back.
set -eu
STEP=swap
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# Swap in compressed memory is nobody's concern.
if booted; then
    swaps=$(from_file /proc/swaps awk 'NR > 1 && $1 !~ /^\/dev\/zram/ { print $1 }')
    for swap in $swaps; do
        run 300 swapoff "$(printf '%b' "$swap")"
        note "switched off $swap"
    done
fi

# is_swap PATH: a regular file with the signature that mkswap, or a suspended system, leaves at the end of its
# first page (libblkid's superblocks/swap.c: pages of 4 to 64 KiB).
is_swap() {
    is_file "$1" || return 1
    for end in 4096 8192 16384 32768 65536; do
        case $(from_file "$1" ten_bytes_before "$end") in
            SWAPSPACE2 | SWAP-SPACE | S1SUSPEND | S2SUSPEND | ULSUSPEND | LINHIB0001) return 0 ;;
        esac
    done
    return 1
}

ten_bytes_before() {
    dd bs=1 "skip=$(($1 - 10))" count=10 2>/dev/null | tr -d '\0'
}

# drop_swap PATH: delete it if it is swap; somebody may have written any path there.
drop_swap() {
    if is_swap "$1"; then
        walk "$1" follow
        swap=$vm_place
        ! is_link "$1" || remove "$1"
        remove "$swap"
    elif exists "$1"; then
        warn "$1 is named as swap and is not a swap file; it stays"
    fi
}

# drop_written PATH: the same for a path as fstab writes it, a space as \040.
drop_written() {
    written=$(printf '%b.' "$(printf '%s' "$1" | sed 's/\\/\\\\/g; s/\\\\\([0-7]\{3\}\)/\\0\1/g')")
    drop_swap "${written%.}"
}

drop_swap_of() {
    names=$(from_file "$1" awk 'sub(/^What=/, "") && /^\// && !/^\/dev\//')
    each_line drop_swap "$names"
}

# Swap files: the usual ones, and those that fstab and swap units name.
for file in /swapfile /swap.img /swap/swapfile; do
    if is_link $file; then
        drop_swap $file
    elif is_file $file; then
        remove $file
    fi
done
names=$(from_file /etc/fstab awk '$1 ~ /^\// && $1 !~ /^\/dev\// && $3 == "swap" { print $1 }')
each_line drop_written "$names"
for folder in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
    each_file drop_swap_of "$folder/*.swap"
done
edit_file /etc/fstab '/^[ \t]*#/ || $3 != "swap"'

mask() {
    link "/etc/systemd/system/${1##*/}" /dev/null
}
for folder in /etc/systemd/system /lib/systemd/system /usr/lib/systemd/system; do
    each_file mask "$folder/*.swap"
done
remove_found "links to swap units" /etc/systemd/system 2 -path '*.wants/*.swap' -o -path '*.requires/*.swap'

# Services that make a swap file at boot, or swap to one: masked, since a preset may enable them.
for name in dphys-swapfile swapspace systemd-swap; do
    if is_file "/usr/lib/systemd/system/$name.service" || is_file "/lib/systemd/system/$name.service" ||
        is_file "/etc/init.d/$name"; then
        link "/etc/systemd/system/$name.service" /dev/null
    fi
    remove_found "links that start $name" /etc/systemd/system 2 -type l -path "*.wants/$name.service"
    remove_found "links that start $name" /etc 2 -type l -path "*/rc[2345].d/S[0-9][0-9]$name"
done
swap_file=$(from_file /etc/dphys-swapfile awk -F= '$1 == "CONF_SWAPFILE" { print $2 }')
drop_swap "${swap_file:-/var/swap}"

drop_swap_key() {
    drop_yaml_key "$1" swap
}
each_file drop_swap_key /etc/cloud/cloud.cfg '/etc/cloud/cloud.cfg.d/*.cfg'
if exists /etc/initramfs-tools/conf.d; then
    write_file /etc/initramfs-tools/conf.d/resume "RESUME=none"
fi

# Swap partitions, mounted or not: deleted from their table, or named.
if booted; then
    for device in $(blkid -c /dev/null -t TYPE=swap -o device || :); do
        case $device in /dev/zram*) continue ;; esac
        name=$(basename "$(readlink -f "$device")")
        number=$(from_file "/sys/class/block/$name/partition" cat)
        [ -n "$number" ] ||
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
