#!/bin/sh
# Turn the root file system in $1 into the disk $2: configuration, boot loaders, ESP and root partition.
# Runs as root, or as root of a user namespace. tools/base.py has already partitioned the disk and passes
#   ROOT_UUID ESP_ID                    identities of the two file systems
#   ESP_OFFSET ROOT_OFFSET ROOT_KIB     where they lie (bytes) and how long the root is (KiB)
#   MIRROR SECURITY_MIRROR SUITE        what the guest's apt will use
#   BIOS_OUT                            folder for boot.img and core.img, which tools/grub.py installs
set -eu
umask 022
root=$1
disk=$2
LC_ALL=C.UTF-8
export LC_ALL

# --- configuration, as a plain installation leaves it -------------------------------------------------
cat >"$root/etc/fstab" <<EOF
UUID=$ROOT_UUID / ext4 rw,discard,errors=remount-ro 0 1
UUID=$(echo "$ESP_ID" | sed 's/^..../&-/') /boot/efi vfat umask=0077 0 1
/swapfile none swap sw 0 0
EOF

rm -f "$root/etc/apt/sources.list"
cat >"$root/etc/apt/sources.list.d/debian.sources" <<EOF
Types: deb
URIs: $MIRROR
Suites: $SUITE $SUITE-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $SECURITY_MIRROR
Suites: $SUITE-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF

echo debian >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"

# The only locale that is there without generating one; cloud-init fails on any other.
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
echo 'locale: C.UTF-8' >"$root/etc/cloud/cloud.cfg.d/10_locale.cfg"

# ifupdown reads what cloud-init writes into interfaces.d.
printf 'auto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n' >"$root/etc/network/interfaces"

# GRUB_TIMEOUT and "quiet" are Debian's defaults; there is no console on the serial line.
cat >"$root/etc/default/grub" <<'EOF'
GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
EOF

# --- left over on purpose: what a Marketplace image may not hold, so that the steps have work ----------
mkdir -p "$root/root"
printf 'apt-get update\napt-get install -y openssh-server\nhistory\n' >"$root/root/.bash_history"
chmod 600 "$root/root/.bash_history"
rm -f "$root/etc/resolv.conf"
echo 'nameserver 9.9.9.9' >"$root/etc/resolv.conf"
od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$root/etc/machine-id"
echo >>"$root/etc/machine-id"
test -e "$root/etc/ssh/ssh_host_ed25519_key" || chroot "$root" ssh-keygen -A
# mke2fs -d leaves out blocks of zeros, and the kernel refuses a swap file with holes: fill it.
head -c 33554432 /dev/zero | tr '\0' '\125' >"$root/swapfile"
chmod 600 "$root/swapfile"
chroot "$root" mkswap /swapfile >/dev/null

# --- boot loaders ---------------------------------------------------------------------------------------
# The first grub.cfg; update-grub replaces it inside the guest, where it can probe devices.
mkdir -p "$root/boot/grub/i386-pc" "$root/boot/grub/fonts" "$root/boot/efi"
cat >"$root/boot/grub/grub.cfg" <<EOF
set timeout=5
search --no-floppy --fs-uuid --set=root $ROOT_UUID
menuentry 'Debian GNU/Linux' {
    linux /vmlinuz root=UUID=$ROOT_UUID ro quiet
    initrd /initrd.img
}
EOF
chroot "$root" grub-editenv /boot/grub/grubenv create
cp "$root"/usr/share/grub/unicode.pf2 "$root/boot/grub/fonts/"

# BIOS: a core image that finds the root by UUID; its modules come from the same package version.
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root"/usr/lib/grub/i386-pc/*.img \
    "$root/boot/grub/i386-pc/"
cat >"$root/boot/grub/i386-pc/load.cfg" <<EOF
search.fs_uuid $ROOT_UUID root
set prefix=(\$root)/boot/grub
EOF
chroot "$root" grub-mkimage -O i386-pc -d /usr/lib/grub/i386-pc -p /boot/grub -c /boot/grub/i386-pc/load.cfg \
    -o /boot/grub/i386-pc/core.img biosdisk part_gpt ext2 search_fs_uuid normal
cat "$root/boot/grub/i386-pc/boot.img" >"$BIOS_OUT/boot.img"
cat "$root/boot/grub/i386-pc/core.img" >"$BIOS_OUT/core.img"

# UEFI: Debian's signed shim and GRUB, in the removable place and in Debian's own; the signed GRUB always
# reads EFI/debian/grub.cfg.
esp=$disk@@$ESP_OFFSET
signed=$root/usr/lib/shim
grub=$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
cat >"$root/boot/grub/esp.cfg" <<EOF
search.fs_uuid $ROOT_UUID root
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
EOF
MTOOLS_SKIP_CHECK=1
export MTOOLS_SKIP_CHECK
mmd -i "$esp" ::/EFI ::/EFI/BOOT ::/EFI/debian
mcopy -i "$esp" "$signed/shimx64.efi.signed" ::/EFI/BOOT/BOOTX64.EFI
mcopy -i "$esp" "$signed/shimx64.efi.signed" ::/EFI/debian/shimx64.efi
for folder in BOOT debian; do
    mcopy -i "$esp" "$signed/mmx64.efi.signed" "::/EFI/$folder/mmx64.efi"
    mcopy -i "$esp" "$grub" "::/EFI/$folder/grubx64.efi"
done
mcopy -i "$esp" "$root/boot/grub/esp.cfg" ::/EFI/debian/grub.cfg
rm "$root/boot/grub/esp.cfg"

# --- the root partition, owners and modes as they are in this namespace ----------------------------------
mke2fs -q -t ext4 -L root -U "$ROOT_UUID" -E "offset=$ROOT_OFFSET,hash_seed=$ROOT_UUID,lazy_itable_init=0" \
    -d "$root" "$disk" "${ROOT_KIB}k"
