#!/bin/sh
# Hyper-V's drivers are in the initramfs; the provisioning media's file systems are not forbidden.
set -eu
STEP=kernel-modules
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

wanted='hv_vmbus hv_storvsc hv_netvsc'
[ "$NVME" = no ] || wanted="$wanted nvme nvme_core"

# The provisioning DVD is udf, the EFI partition vfat; hardening profiles forbid both.
for file in "$ROOT"/etc/modprobe.d/*.conf; do
    if [ -f "$file" ]; then
        edit_file "${file#"$ROOT"}" '!/^[ \t]*(blacklist|install)[ \t]+(udf|vfat)([ \t]|$)/'
    fi
done

case $TOOL in
    initramfs-tools)
        list=/etc/initramfs-tools/modules
        exists $list || fail "$list is missing; initramfs-tools is not installed"
        text=$(cat "$ROOT$list")
        for module in $wanted; do
            if ! grep -qx "$module" "$ROOT$list"; then
                text="$text
$module"
            fi
        done
        write_file $list "$text"
        ;;
    dracut)
        write_file /etc/dracut.conf.d/azure.conf "# Written by vmoffer: what Azure's hosts need at boot.
add_drivers+=\" $wanted \""
        ;;
esac

# By time, not by what changed just now: an earlier run may have been interrupted before this.
if live; then
    case $TOOL in
        initramfs-tools) sources=/etc/initramfs-tools images='initrd.img-*' ;;
        dracut) sources=/etc/dracut.conf.d images='initramfs-*.img' ;;
    esac
    newest=$(find "$sources" /etc/modprobe.d -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
    if [ -n "$(find /boot -maxdepth 1 -name "$images" ! -newer "$newest")" ]; then
        case $TOOL in
            initramfs-tools) run 900 update-initramfs -u -k all ;;
            dracut) run 900 dracut -f --regenerate-all ;;
        esac
        note "made the initramfs anew"
    fi
fi
finish
