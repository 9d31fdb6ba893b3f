#!/bin/sh
# The kernel speaks to the serial console and waits for its disk.
set -eu
STEP=kernel-cmdline
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

case ${ARCHITECTURE:-$(uname -m)} in
    aarch64 | arm64) serial=ttyAMA0 early='' ;;
    *) serial=ttyS0 early='earlyprintk=ttyS0,115200 ' ;;
esac
wanted="console=tty1 console=$serial,115200n8 ${early}rootdelay=300 net.ifnames=0"
[ "$NVME" = no ] || wanted="$wanted nvme_core.io_timeout=240"
[ -z "$EXTRA" ] || wanted="$wanted $EXTRA"
# Words that must go, as shell patterns: ours in an older value, what hides the boot, what Azure forbids,
# a swap partition to resume from, and the data source of the build.
unwanted='console=*|earlyprintk=*|rootdelay=*|net.ifnames=*|nvme_core.io_timeout=*|rhgb|quiet|splash'
unwanted="$unwanted|crashkernel=auto|libata.atapi_enabled=0|reserve=0x1f0,0x8|resume=*|ds=*"

# verify FILE: every bootable entry has what we want and nothing of the rest.
verify() {
    live || return 0
    entries=$(awk '$1 ~ /^(linux|linuxefi|linux16|options)$/ && / root=/' "$1") || fail "cannot read $1"
    [ -n "$entries" ] || fail "$1 boots no kernel"
    for word in $wanted; do
        printf '%s\n' "$entries" | awk -v w="$word" 'index(" " $0 " ", " " w " ") == 0 { bad = 1 } END { exit bad }' ||
            fail "an entry of $1 lacks $word"
    done
    ! printf '%s\n' "$entries" | grep -Eq '[[:space:]](rhgb|quiet|crashkernel=auto|libata\.atapi_enabled=0)([[:space:]]|$)' ||
        fail "an entry of $1 still hides the boot"
}

case $LOADER in
    grub.d)
        exists /etc/default/grub || exists /etc/default/grub.d || fail "GRUB is not here: no /etc/default/grub"
        # Read last by grub-mkconfig, so it filters what the other files say, now and after any kernel update.
        write_file /etc/default/grub.d/99-vmoffer.cfg "# Written by vmoffer: what Azure asks of the kernel command line, whatever the other files say.
vmoffer_keep() {
    vmoffer_kept=''
    set -f
    for vmoffer_word in \$1; do
        case \$vmoffer_word in
            $unwanted) ;;
            *) vmoffer_kept=\"\$vmoffer_kept \$vmoffer_word\" ;;
        esac
    done
    set +f
}
vmoffer_keep \"\${GRUB_CMDLINE_LINUX_DEFAULT:-}\"
GRUB_CMDLINE_LINUX_DEFAULT=\${vmoffer_kept# }
vmoffer_keep \"\${GRUB_CMDLINE_LINUX:-}\"
GRUB_CMDLINE_LINUX=\"\${vmoffer_kept:+\${vmoffer_kept# } }$wanted\"
unset vmoffer_kept vmoffer_word"
        run 300 update-grub
        verify /boot/grub/grub.cfg
        ;;
    grubby)
        if live; then
            command -v grubby >/dev/null || fail "grubby is not installed"
            # grubby takes words or names, not patterns: a name removes every value of it.
            remove='console earlyprintk rootdelay net.ifnames nvme_core.io_timeout rhgb quiet splash resume ds'
            run 120 grubby --update-kernel=ALL --remove-args="$remove crashkernel=auto libata.atapi_enabled=0 reserve=0x1f0,0x8"
            run 120 grubby --update-kernel=ALL --args="$wanted"
            note "set $wanted"
        fi
        # New kernels take their line from here.
        if exists /etc/default/grub; then
            line=$(sed -n 's/^GRUB_CMDLINE_LINUX=//p' "$ROOT/etc/default/grub" | tail -n 1 | tr -d "\"'")
            kept=''
            set -f
            for word in $line; do
                # The patterns are data, so they cannot stand in a case.
                printf '%s' "$word" | grep -Eqx "$(printf '%s' "$unwanted" | sed 's/\./\\./g; s/\*/.*/g')" ||
                    kept="$kept$word "
            done
            set +f
            set_key /etc/default/grub GRUB_CMDLINE_LINUX "\"$kept$wanted\""
            set_key /etc/default/grub GRUB_TERMINAL '"serial console"'
        fi
        ;;
esac
finish
