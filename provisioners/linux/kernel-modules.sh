#!/bin/sh
# The initramfs has Hyper-V's drivers and does not oversleep; the provisioning media's file systems are not forbidden.
set -eu
STEP=kernel-modules
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

wanted='hv_vmbus hv_storvsc hv_netvsc'
# LISA looks for the keyboard as well; many kernels have it built in, and then there is nothing to add.
keyboard=no
look_for_keyboard() {
    ! from_file "$1/modules.dep" grep -q 'hyperv-keyboard\.ko' || keyboard=yes
}
each_entry look_for_keyboard '/lib/modules/*'
[ "$keyboard" = no ] || wanted="$wanted hyperv-keyboard"
[ "$NVME" = no ] || wanted="$wanted nvme nvme_core"

# The provisioning DVD is udf, the EFI partition vfat; hardening profiles forbid both.
allow() {
    edit_file "$1" '!/^[ \t]*(blacklist|install)[ \t]+(udf|vfat)([ \t]|$)/'
}
each_file allow '/etc/modprobe.d/*.conf'

case $TOOL in
    initramfs-tools)
        list=/etc/initramfs-tools/modules
        exists $list || fail "$list is missing; initramfs-tools is not installed"
        text=$(from_file $list cat)
        for module in $wanted; do
            if ! from_file $list grep -qx "$module"; then
                text="$text
$module"
            fi
        done
        write_file $list "$text"

        # rootdelay=300 says how long to wait for the root disk at most. This initramfs sleeps that long at
        # every boot instead, before it looks. So the value is taken away over that sleep and given back to
        # the part that waits for the disk to appear; after each script init reads param.conf again.
        write_file /etc/initramfs-tools/scripts/init-top/vmoffer-rootdelay '#!/bin/sh
# Written by vmoffer: no sleep of rootdelay seconds at every boot; see init-premount/vmoffer-rootdelay.
[ "${1:-}" != prereqs ] || exit 0
echo "ROOTDELAY=" >>/conf/param.conf' 0755
        write_file /etc/initramfs-tools/scripts/init-premount/vmoffer-rootdelay '#!/bin/sh
# Written by vmoffer: rootdelay is how long to wait for the root disk at most.
[ "${1:-}" != prereqs ] || exit 0
read -r line </proc/cmdline
for word in $line; do
    case $word in
        rootdelay=*[!0-9]*) ;;
        rootdelay=*) echo "ROOTDELAY=${word#rootdelay=}" >>/conf/param.conf ;;
    esac
done' 0755
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
