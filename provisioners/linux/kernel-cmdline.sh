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

# line(TEXT) in awk: the words of TEXT without the unwanted ones, then what we want.
unwanted_regex=$(printf '%s' "$unwanted" | sed 's/\./[.]/g; s/\*/.*/g')
export wanted unwanted_regex
words='
    function line(text,   count, word, kept, i) {
        count = split(text, word, /[ \t]+/)
        for (i = 1; i <= count; i++)
            if (word[i] != "" && word[i] !~ "^(" ENVIRON["unwanted_regex"] ")$" && index(" " ENVIRON["wanted"] " ", " " word[i] " ") == 0)
                kept = kept word[i] " "
        return kept ENVIRON["wanted"]
    }'

# default_grub VARIABLE: what grub2-mkconfig puts into every entry, now and for new kernels.
default_grub() {
    exists /etc/default/grub || return 0
    for key in GRUB_CMDLINE_LINUX GRUB_CMDLINE_LINUX_DEFAULT; do
        old=$(sed -n "s/^$key=//p" "$ROOT/etc/default/grub" | tail -n 1 | tr -d "\"'")
        new=$(printf '%s\n' "$old" | awk "$words"' { print line($0) }')
        # The other variable keeps what nobody minds.
        [ "$key" = "$1" ] || new=${new%"$wanted"}
        [ "$key" != "$1" ] && [ -z "$old" ] || set_key /etc/default/grub "$key" "\"${new% }\""
    done
    set_key /etc/default/grub GRUB_TERMINAL '"serial console"'
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
        exists /etc/default/grub || exists /boot/loader/entries || exists /etc/kernel/cmdline ||
            fail "GRUB is not here: neither /etc/default/grub nor /boot/loader/entries"
        if live; then
            command -v grubby >/dev/null || fail "grubby is not installed"
            # grubby takes words or names, not patterns: a name removes every value of it.
            remove='console earlyprintk rootdelay net.ifnames nvme_core.io_timeout rhgb quiet splash resume ds'
            run 120 grubby --update-kernel=ALL --remove-args="$remove crashkernel=auto libata.atapi_enabled=0 reserve=0x1f0,0x8"
            run 120 grubby --update-kernel=ALL --args="$wanted"
            note "set $wanted"
        fi
        default_grub GRUB_CMDLINE_LINUX
        ;;
    grub2)
        exists /etc/default/grub || fail "GRUB is not here: no /etc/default/grub"
        default_grub "$VARIABLE"
        run 300 grub2-mkconfig -o /boot/grub2/grub.cfg
        verify /boot/grub2/grub.cfg
        ;;
    systemd-boot)
        exists /etc/kernel/cmdline || fail "systemd-boot's source is not here: no /etc/kernel/cmdline"
        ;;
esac

# What kernel-install reads for the next kernel, and what a unified kernel image is made from.
edit_file /etc/kernel/cmdline "$words"' NF { print line($0) }'
if live; then
    if [ "$LOADER" = systemd-boot ]; then
        run 600 kernel-install add-all
        for entry in /boot/loader/entries/*.conf /boot/efi/loader/entries/*.conf /efi/loader/entries/*.conf; do
            [ ! -f "$entry" ] || verify "$entry"
        done
    fi
else
    # No tool makes the menu anew here, so its entries get what the tool would have written.
    for menu in /boot/grub/grub.cfg /boot/grub2/grub.cfg; do
        edit_file $menu "$words"'
            $1 ~ /^linux(16|efi)?$/ {
                match($0, /^[ \t]*[^ \t]+[ \t]+[^ \t]+/)
                print substr($0, 1, RLENGTH) " " line(substr($0, RLENGTH + 1))
                next
            }
            { print }'
    done
    for folder in /boot/loader/entries /boot/efi/loader/entries /efi/loader/entries; do
        for entry in "$ROOT$folder"/*.conf; do
            # RHEL 8 keeps the words in grubenv, and the entries refer to it.
            [ ! -f "$entry" ] || edit_file "${entry#"$ROOT"}" "$words"'
                $1 == "options" && !/\$kernelopts/ { sub(/^[ \t]*options/, ""); print "options " line($0); next }
                { print }'
        done
    done
    if grep -qs '^kernelopts=' "$ROOT/boot/grub2/grubenv"; then
        # A block of 1024 bytes, filled up with #.
        edit_file /boot/grub2/grubenv "$words"'
            sub(/^kernelopts=/, "") { $0 = "kernelopts=" line($0) }
            /^##/ { next }
            { text = text $0 "\n" }
            END { while (length(text) < 1023) text = text "#"; printf "%s", text }'
    fi
fi
finish
