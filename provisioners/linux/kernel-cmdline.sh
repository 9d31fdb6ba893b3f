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

# for_loader WORDS: the words as the boot loader's own file has to hold them. GRUB reads its menu as a script; systemd-boot
# takes every byte. Double quotes hold words together, for GRUB as for the kernel.
for_loader() {
    case $1 in
        *[\\\'\`]*) fail "the kernel command line cannot hold a backslash, an apostrophe or a backquote: $1" ;;
    esac
    printf '%s\n' "$1" | awk -v raw="$LOADER" '{
        for (i = 1; i <= length($0); i++) {
            c = substr($0, i, 1)
            if (c == "\"") inside = !inside
            special = inside ? c == "$" : index("$;|&<>{}#*?[]!", c)
            text = text (special && raw != "systemd-boot" ? "\\" : "") c
        }
        if (inside) exit 1
        print text
    }' || fail "a quotation mark is missing: $1"
}
if [ -n "$EXTRA" ]; then
    extra=$(for_loader "$EXTRA")
    # Boot Loader Specification entries: GRUB expands variables there before it reads the rest.
    [ "$LOADER" != grubby ] || [ "$extra" = "$EXTRA" ] ||
        fail "this boot loader's entries cannot hold one of \$;|&<>{}#*?[]!: $EXTRA"
    wanted="$wanted $extra"
fi
# Words that must go, as shell patterns: ours in an older value, what hides the boot, what Azure forbids,
# a swap partition to resume from, and the data source of the build.
unwanted='console=*|earlyprintk=*|rootdelay=*|net.ifnames=*|nvme_core.io_timeout=*|rhgb|quiet|splash'
unwanted="$unwanted|crashkernel=auto|libata.atapi_enabled=0|reserve=0x1f0,0x8|resume=*|ds=*"

# verify FILE: every bootable entry has what we want and nothing of the rest.
verify() {
    live || return 0
    entries=$(from_file "$1" awk '$1 ~ /^(linux|linuxefi|linux16|options)$/ && / root=/') || fail "cannot read $1"
    [ -n "$entries" ] || fail "$1 boots no kernel"
    set -f
    for word in $wanted; do
        printf '%s\n' "$entries" | word=$word awk 'index(" " $0 " ", " " ENVIRON["word"] " ") == 0 { bad = 1 } END { exit bad }' ||
            fail "an entry of $1 lacks $word"
    done
    set +f
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

# grub_code VARIABLE: shell code that filters what was set before it and adds the words to VARIABLE. Only a shell
# can say what a shell file sets, so the code runs where the file is read, and no line of the file is guessed at.
grub_code() {
    other=GRUB_CMDLINE_LINUX_DEFAULT
    [ "$1" != "$other" ] || other=GRUB_CMDLINE_LINUX
    printf '%s\n' "vmoffer_wanted=$(quoted "$wanted")
vmoffer_keep() {
    vmoffer_kept=''
    set -f
    for vmoffer_word in \$1; do
        case \$vmoffer_word in
            $unwanted) continue ;;
        esac
        case \" \$vmoffer_wanted \" in
            *\" \$vmoffer_word \"*) ;;
            *) vmoffer_kept=\"\$vmoffer_kept \$vmoffer_word\" ;;
        esac
    done
    set +f
}
vmoffer_keep \"\${$other:-}\"
$other=\${vmoffer_kept# }
vmoffer_keep \"\${$1:-}\"
$1=\"\${vmoffer_kept:+\${vmoffer_kept# } }\$vmoffer_wanted\"
unset vmoffer_kept vmoffer_word vmoffer_wanted"
}

# default_grub VARIABLE: the code at the end of /etc/default/grub, for what grub2-mkconfig puts into every entry, now
# and for new kernels; grub.d is Debian's.
default_grub() {
    exists /etc/default/grub || return 0
    begin='# BEGIN vmoffer: what Azure asks of the kernel command line, whatever is above. Stays last.'
    end='# END vmoffer'
    export begin end
    text=$(from_file /etc/default/grub awk '
        { line[NR] = $0 }
        $0 == ENVIRON["begin"] { from = NR }
        $0 == ENVIRON["end"] && from { while (from <= NR) gone[from++] = 1; from = 0 }
        END { for (i = 1; i <= NR; i++) if (!gone[i]) print line[i] }')
    printf '%s\n' "$text" | sh -n 2>/dev/null || fail "/etc/default/grub is not a shell file that can be read"
    ! printf '%s\n' "$text" | grep -Ev '^[[:space:]]*#' |
        grep -Eq '<<|(^|[;&|({]|then|do|else)[[:space:]]*(exit|return|exec)([[:space:];)}]|$)' ||
        fail "/etc/default/grub ends before its last line, so nothing can be added"
    # The empty line ends whatever a backslash continues.
    text="$text

$begin
$(grub_code "$1")
GRUB_TERMINAL=\"serial console\"
$end"
    printf '%s\n' "$text" | sh -n || fail "the new /etc/default/grub cannot be read by a shell"
    write_file /etc/default/grub "$text"
}

case $LOADER in
    grub.d)
        exists /etc/default/grub || exists /etc/default/grub.d || fail "GRUB is not here: no /etc/default/grub"
        # Read last by grub-mkconfig, so it filters what the other files say, now and after any kernel update.
        write_file /etc/default/grub.d/99-vmoffer.cfg "# Written by vmoffer: what Azure asks of the kernel command line, whatever the other files say.
$(grub_code GRUB_CMDLINE_LINUX)"
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
        for folder in /boot/loader/entries /boot/efi/loader/entries /efi/loader/entries; do
            each_file verify "$folder/*.conf"
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
    edit_entry() {
        # RHEL 8 keeps the words in grubenv, and the entries refer to it.
        edit_file "$1" "$words"'
            $1 == "options" && !/\$kernelopts/ { sub(/^[ \t]*options/, ""); print "options " line($0); next }
            { print }'
    }
    for folder in /boot/loader/entries /boot/efi/loader/entries /efi/loader/entries; do
        each_file edit_entry "$folder/*.conf"
    done
    if from_file /boot/grub2/grubenv grep -q '^kernelopts='; then
        # A block of 1024 bytes, filled up with #.
        edit_file /boot/grub2/grubenv "$words"'
            sub(/^kernelopts=/, "") { $0 = "kernelopts=" line($0) }
            /^##/ { next }
            { text = text $0 "\n" }
            END { while (length(text) < 1023) text = text "#"; printf "%s", text }'
    fi
fi
finish
