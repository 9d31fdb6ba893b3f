# What every step uses. A step sources this file; `vmoffer generate` puts it inside each rendered script.
# shellcheck shell=sh
#
# ROOT is the folder of a scratch tree, empty (or /) in a live guest. With a ROOT the step works on that tree:
# files are edited, tools of the guest are not run. A step sets STEP to its id before it gets here.
#
# A tree may come from anybody. So a step opens no file itself: it names paths as the guest sees them, and the
# functions below find the file, links followed inside ROOT at every level as a chroot would follow them, read
# only regular files, and write under new names that nobody can guess. tests/provisioners/test_step_files.py
# holds the steps to that.

: "${STEP:?}" "${ROOT:=}"
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 022
unset HISTFILE
vm_notes=''
vm_temp=''
vm_candidate=''
trap 'rm -f -- ${vm_temp:+"$vm_temp"} ${vm_candidate:+"$vm_candidate"}' EXIT
# A signal ends the step by way of that.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# note TEXT: what changed; all notes become the one line that the step prints.
note() {
    case "; $vm_notes; " in
        *"; $*; "*) ;;
        *) vm_notes="${vm_notes:+$vm_notes; }$*" ;;
    esac
}

warn() {
    printf 'vmoffer: %s: note: %s\n' "$STEP" "$*" >&2
}

fail() {
    printf 'vmoffer: %s: failed: %s\n' "$STEP" "$*" >&2
    exit 1
}

finish() {
    printf 'vmoffer: %s: %s\n' "$STEP" "$(printf '%s' "${vm_notes:-nothing to change}" | tr '[:cntrl:]' '?')"
}

live() {
    [ -z "$ROOT" ]
}

# booted: this system runs; false in a chroot, where the kernel, its disks and its swap are somebody else's.
booted() {
    live && [ -d /run/systemd/system ]
}

# attempt SECONDS COMMAND…: run a tool of the live guest under a deadline; its status is the caller's to judge.
attempt() {
    live || return 0
    vm_limit=$1
    shift
    vm_status=0
    timeout --kill-after=10 "$vm_limit" "$@" </dev/null || vm_status=$?
    [ "$vm_status" -ne 124 ] || warn "'$*' was stopped after $vm_limit s"
    return "$vm_status"
}

# run SECONDS COMMAND…: the same, where failing means that the step fails.
run() {
    attempt "$@" || {
        shift
        fail "'$*' did not succeed (status $vm_status)"
    }
}

# walk PATH follow|keep: where PATH is in the tree, in vm_place, without links; `keep` does not follow the last name.
walk() {
    vm_rest=$1/
    vm_place=''
    vm_hops=0
    while [ -n "$vm_rest" ]; do
        vm_name=${vm_rest%%/*}
        vm_rest=${vm_rest#*/}
        case $vm_name in
            '' | .) continue ;;
            ..)
                [ -n "$vm_place" ] || live || fail "$1 leads out of the tree"
                vm_place=${vm_place%/*}
                continue
                ;;
        esac
        vm_place=$vm_place/$vm_name
        if [ -L "$ROOT$vm_place" ] && { [ "$2" = follow ] || [ -n "$vm_rest" ]; }; then
            vm_hops=$((vm_hops + 1))
            # As many as the kernel follows.
            [ "$vm_hops" -le 40 ] || fail "$1 is a loop of symlinks"
            vm_to=$(readlink -n -- "$ROOT$vm_place" && printf .) || fail "cannot read the link $vm_place"
            vm_to=${vm_to%.}
            case $vm_to in
                /*) vm_place='' ;;
                *) vm_place=${vm_place%/*} ;;
            esac
            vm_rest=$vm_to/$vm_rest
        fi
    done
}

# exists PATH: there is something, be it a dangling symlink.
exists() {
    walk "$1" keep
    [ -e "$ROOT$vm_place" ] || [ -L "$ROOT$vm_place" ]
}

# is_link PATH: PATH itself is a symlink.
is_link() {
    walk "$1" keep
    [ -L "$ROOT$vm_place" ]
}

# is_file PATH: a regular file, or links that lead to one in the tree.
is_file() {
    walk "$1" follow
    [ -f "$ROOT$vm_place" ]
}

# is_folder PATH: a folder, or links that lead to one in the tree.
is_folder() {
    walk "$1" follow
    [ -d "$ROOT$vm_place" ]
}

# from_file PATH COMMAND…: COMMAND reads PATH; what is not there reads as empty. Pipes, devices and folders are refused.
from_file() {
    walk "$1" follow
    if [ -f "$ROOT$vm_place" ]; then
        [ -r "$ROOT$vm_place" ] || fail "cannot read $1"
        shift
        "$@" <"$ROOT$vm_place"
    else
        [ ! -e "$ROOT$vm_place" ] || [ "$vm_place" = /dev/null ] || fail "$1 is not a regular file"
        shift
        "$@" </dev/null
    fi
}

# target PATH: what the symlink says; nothing for what is none.
target() {
    walk "$1" keep
    [ ! -L "$ROOT$vm_place" ] || readlink -- "$ROOT$vm_place"
}

# each_entry COMMAND FOLDER/PATTERN: COMMAND with the path of every entry of FOLDER that matches.
each_entry() {
    walk "${2%/*}" follow
    vm_ifs=$IFS
    # No splitting: the pattern alone is expanded.
    IFS=''
    for vm_found in "$ROOT$vm_place"/${2##*/}; do
        IFS=$vm_ifs
        [ -e "$vm_found" ] || [ -L "$vm_found" ] || continue
        [ -z "${3:-}" ] || "$3" "${2%/*}/${vm_found##*/}" || continue
        "$1" "${2%/*}/${vm_found##*/}"
    done
    IFS=$vm_ifs
}

# each_file COMMAND FOLDER/PATTERN…: the same, regular files only.
each_file() {
    each_entry "$1" "$2" is_file
    [ "$#" -lt 3 ] || each_entry "$1" "$3" is_file
}

# writable PATH: PATH can become a file: its folder is made, in vm_file the file, leftovers of a killed run gone.
writable() {
    walk "$1" follow
    case $vm_place in
        '' | /dev/* | /proc/* | /sys/*) fail "$1 is $vm_place, where no file is written" ;;
    esac
    vm_file=$ROOT$vm_place
    [ ! -e "$vm_file" ] || [ -f "$vm_file" ] || fail "$1 is not a regular file"
    mkdir -p -- "${vm_file%/*}/" || fail "cannot make the folder of $1"
    clear_leftovers "${vm_file%/*}"
}

# clear_leftovers FOLDER: remove the files and links of ours that a run that was killed has left there.
clear_leftovers() {
    for vm_old in "$1"/.vmoffer-??????????; do
        if [ -f "$vm_old" ] || [ -L "$vm_old" ]; then rm -f -- "$vm_old"; fi
    done
}

# new_beside FILE: an empty file that did not exist, for its owner only; prints its name.
new_beside() {
    mktemp "${1%/*}/.vmoffer-XXXXXXXXXX"
}

# candidate PATH TEXT: TEXT in a file beside PATH, for a tool to check; its name is in vm_candidate. Gone with the step.
candidate() {
    writable "$1"
    vm_candidate=$(new_beside "$vm_file") || fail "cannot write beside $1"
    { if [ -n "$2" ]; then printf '%s\n' "$2"; fi >"$vm_candidate"; } || fail "cannot write beside $1"
}

drop_candidate() {
    rm -f -- "$vm_candidate"
    vm_candidate=''
}

# make_folder PATH: the folder is there, and what is above it.
make_folder() {
    walk "$1" follow
    mkdir -p -- "$ROOT$vm_place" || fail "cannot make the folder $1"
}

# owner PATH: the user id of the owner.
owner() {
    walk "$1" follow
    stat -c %u -- "$ROOT$vm_place"
}

# is_mounted PATH: a file system of its own is mounted there.
is_mounted() {
    walk "$1" follow
    mountpoint -q -- "$ROOT$vm_place"
}

# write_file PATH TEXT [MODE]: PATH holds TEXT afterwards, replaced in one rename; an equal file is not touched.
write_file() {
    writable "$1"
    vm_temp=$(new_beside "$vm_file") || fail "cannot write $1"
    { if [ -n "$2" ]; then printf '%s\n' "$2"; fi >"$vm_temp"; } || fail "cannot write $1"
    if [ -f "$vm_file" ] && cmp -s -- "$vm_file" "$vm_temp"; then
        rm -f -- "$vm_temp"
    else
        if [ -f "$vm_file" ]; then
            chown "$(stat -c %u:%g -- "$vm_file")" "$vm_temp" || fail "cannot give $1 its owner"
            chmod "$(stat -c %a -- "$vm_file")" "$vm_temp"
            # With SELinux a new file gets its folder's label, which is not that of shadow or sshd_config.
            ! live || [ ! -e /sys/fs/selinux/enforce ] || chcon --reference="$vm_file" -- "$vm_temp" ||
                fail "cannot label $1"
        else
            chmod "${3:-0644}" "$vm_temp"
        fi
        mv -fT -- "$vm_temp" "$vm_file" || fail "cannot replace $1"
        note "wrote $1"
    fi
    vm_temp=''
}

# edit_file PATH AWK-ARGUMENT…: PATH becomes what awk prints for it; a missing file stays missing.
edit_file() {
    vm_edit=$1
    shift
    is_file "$vm_edit" || ! exists "$vm_edit" || from_file "$vm_edit" :
    is_file "$vm_edit" || return 0
    vm_text=$(from_file "$vm_edit" awk "$@") || fail "cannot read $vm_edit"
    write_file "$vm_edit" "$vm_text"
}

# quoted TEXT: TEXT as one word of a shell.
quoted() {
    printf "'"
    printf '%s' "$1" | sed "s/'/'\\\\''/g"
    printf "'"
}

# set_key PATH KEY VALUE: one active `KEY=VALUE` line; replaced where it stands, appended when missing.
set_key() {
    vm_program='
        { line = $0; sub(/^[ \t]+/, "", line) }
        index(line, ENVIRON["vm_key"]) == 1 && substr(line, length(ENVIRON["vm_key"]) + 1) ~ /^[ \t]*=/ {
            if (!done++) print ENVIRON["vm_key"] "=" ENVIRON["vm_value"]
            next
        }
        { print }
        END { if (!done) print ENVIRON["vm_key"] "=" ENVIRON["vm_value"] }'
    vm_key=$2 vm_value=$3
    export vm_key vm_value
    edit_file "$1" "$vm_program"
}

# remove PATH…: delete files, links and folders; never a folder at the top.
remove() {
    for vm_path in "$@"; do
        if exists "$vm_path"; then
            case $vm_place in
                /*/*) ;;
                *) [ -L "$ROOT$vm_place" ] || [ ! -d "$ROOT$vm_place/" ] || fail "$vm_path is a part of the system and stays" ;;
            esac
            rm -rf -- "$ROOT$vm_place" || fail "cannot remove $vm_path"
            note "removed $vm_path"
        fi
    done
}

# remove_found WHAT FOLDER DEPTH FIND-TEST…: delete what find matches below FOLDER, links not followed.
remove_found() {
    vm_what=$1
    vm_depth=$3
    ! is_link "$2" && is_folder "$2" && [ -n "$vm_place" ] || return 0
    vm_folder=$ROOT$vm_place
    shift 3
    vm_dots=$(find "$vm_folder" -mindepth 1 -maxdepth "$vm_depth" \
        \( "$@" \) -prune -printf . -exec rm -rf -- {} +) || fail "cannot remove $vm_what"
    [ -z "$vm_dots" ] || note "removed $vm_what (${#vm_dots})"
}

# empty_found WHAT FOLDER: every file below FOLDER is empty afterwards; one with a second name elsewhere goes.
empty_found() {
    remove_found "$1" "$2" 99 -type f -links +1
    ! is_link "$2" && is_folder "$2" && [ -n "$vm_place" ] || return 0
    vm_dots=$(find "$ROOT$vm_place" -type f ! -empty -links 1 -printf . -exec truncate -s 0 -- {} +) ||
        fail "cannot empty $1"
    [ -z "$vm_dots" ] || note "emptied $1 (${#vm_dots})"
}

# link PATH TARGET: PATH is a symlink to TARGET afterwards.
link() {
    if ! is_link "$1" || [ "$(target "$1")" != "$2" ]; then
        walk "$1" keep
        vm_file=$ROOT$vm_place
        mkdir -p -- "${vm_file%/*}/" || fail "cannot make the folder of $1"
        clear_leftovers "${vm_file%/*}"
        # ln makes the name or fails; it follows nothing.
        vm_temp=$(mktemp -u "${vm_file%/*}/.vmoffer-XXXXXXXXXX")
        ln -sT -- "$2" "$vm_temp" || fail "cannot link $1"
        mv -fT -- "$vm_temp" "$vm_file" || fail "cannot link $1"
        vm_temp=''
        note "linked $1 to $2"
    fi
}

# each_line COMMAND TEXT: COMMAND with every line of TEXT.
each_line() {
    vm_ifs=$IFS
    IFS='
'
    set -f
    for vm_line in $2; do
        set +f
        IFS=$vm_ifs
        "$1" "$vm_line"
    done
    set +f
    IFS=$vm_ifs
}

# homes: root's home and every home of an account with a login shell, one per line, never `/`.
homes() {
    printf '/root\n'
    from_file /etc/passwd awk -F: '$7 ~ /sh$/ && $6 ~ /^\/./ && $6 != "/root" && !seen[$6]++ { print $6 }'
}

# each_home COMMAND: COMMAND with every home, links to it followed.
each_home() {
    vm_with_home=$1
    each_line vm_at_home "$(homes)"
}

vm_at_home() {
    walk "$1" follow
    [ -z "$vm_place" ] || "$vm_with_home" "$vm_place"
}

# sshd_words KEYWORD: all words after KEYWORD in sshd's configuration, in Match blocks too, one per line.
sshd_words() {
    vm_keyword=$1
    export vm_keyword
    each_file sshd_words_of /etc/ssh/sshd_config '/etc/ssh/sshd_config.d/*.conf'
    each_file sshd_words_of /usr/etc/ssh/sshd_config
}

sshd_words_of() {
    from_file "$1" awk '
        { sub(/^[ \t]+/, ""); sub(/[ \t]#.*/, ""); sub(/=/, " "); gsub(/["\047\r]/, "") }
        tolower($1) == ENVIRON["vm_keyword"] { for (i = 2; i <= NF; i++) print $i }'
}

# keys_only PATH: a file with public keys, comments and nothing else.
keys_only() {
    is_file "$1" && ! is_link "$1" && from_file "$1" awk '
        /^[ \t]*(#|$)/ { next }
        !/(^|[ \t])(ssh-|ecdsa-|sk-)[a-z0-9@.-]+[ \t]+AAAA/ { bad = 1 }
        END { exit bad }'
}

# forget_configured_keys KEPT: the keys that sshd's AuthorizedKeysFile names, but those of the account KEPT; and
# the keys of certificate authorities. With KEPT empty, names that are no accounts yet lose theirs too.
forget_configured_keys() {
    vm_kept=$1
    vm_patterns="$(sshd_words authorizedkeysfile)
.ssh/authorized_keys
.ssh/authorized_keys2"
    export vm_kept vm_patterns
    # One line per file: the home (none for accounts without a shell: see homes), a colon, the path.
    vm_keys=$(from_file /etc/passwd awk -F: '
        BEGIN { count = split(ENVIRON["vm_patterns"], pattern, "\n") }
        $1 == ENVIRON["vm_kept"] || $6 !~ /^\/./ { next }
        {
            sub(/\/$/, "", $6)
            for (i = 1; i <= count; i++) {
                text = pattern[i]
                if (text == "") continue
                out = ""
                while (match(text, /%[%huU]/)) {
                    token = substr(text, RSTART + 1, 1)
                    out = out substr(text, 1, RSTART - 1) (token == "h" ? $6 : token == "u" ? $1 : token == "U" ? $3 : "%")
                    text = substr(text, RSTART + 2)
                }
                out = out text
                print ($7 ~ /sh$/ ? $6 : "") ":" (out ~ /^\// ? out : $6 "/" out)
            }
        }')
    each_line forget_key_file "$vm_keys"
    each_line forget_authority "$(sshd_words trustedusercakeys)"
    [ -n "$vm_kept" ] || each_line forget_names "$(printf '%s\n' "$vm_patterns" | sed -n 's/%[uU]/*/gp')"
}

forget_authority() {
    forget_key_file ":$1"
}

# forget_names GLOB: files with keys in /etc/ssh for any name.
forget_names() {
    case $1 in /etc/ssh/*) ;; *) return 0 ;; esac
    is_folder /etc/ssh || return 0
    vm_glob=$1
    vm_base=$ROOT$vm_place
    vm_inner=$(find "$vm_base" -type f -path "*/${vm_glob#/etc/ssh/}")
    # The list is complete before anything goes.
    vm_with_ifs=$IFS
    IFS='
'
    set -f
    for vm_one in $vm_inner; do
        forget_key_file ":/etc/ssh${vm_one#"$vm_base"}"
    done
    set +f
    IFS=$vm_with_ifs
}

# forget_key_file HOME:PATH: remove PATH if it is below HOME or /etc/ssh and holds keys only.
forget_key_file() {
    vm_at=${1#*:}
    vm_of=${1%%:*}
    case $vm_at in
        none | */none | */../*) return 0 ;;
        /etc/ssh/* | "${vm_of:-/etc/ssh}"/*) ! keys_only "$vm_at" || remove "$vm_at" ;;
        *) ! exists "$vm_at" || warn "$vm_at opens accounts; it is neither in a home nor in /etc/ssh and stays" ;;
    esac
}

# drop_yaml_key PATH KEY: cut a top-level KEY with everything indented under it (and `- ` items) out of YAML.
drop_yaml_key() {
    vm_program='
        index($0, ENVIRON["vm_key"] ":") == 1 { cut = 1; next }
        cut && /^([ \t]|-[ \t]|$)/ { next }
        { cut = 0; print }'
    vm_key=$2
    export vm_key
    edit_file "$1" "$vm_program"
}

# enable_unit UNIT: the unit starts at boot.
enable_unit() {
    live || return 0
    if ! systemctl is-enabled --quiet "$1" 2>/dev/null; then
        run 60 systemctl enable --quiet "$1"
        note "enabled $1"
    fi
}

# package_tool: the one that is here.
package_tool() {
    for vm_tool in apt-get zypper tdnf dnf; do
        if command -v "$vm_tool" >/dev/null; then
            printf '%s\n' "$vm_tool"
            return
        fi
    done
    fail "no package manager is here: neither apt-get nor dnf nor zypper nor tdnf"
}

# package_manager ARGUMENT…: apt-get, zypper, tdnf or dnf, waiting a bounded time for another one's lock.
package_manager() {
    vm_with=$(package_tool) || exit 1
    case $vm_with in
        apt-get)
            attempt "${PACKAGE_WAIT:-1800}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -y \
                -o "DPkg::Lock::Timeout=${LOCK_WAIT:-300}" -o Acquire::Retries=3 -o APT::Update::Error-Mode=any \
                -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
            ;;
        zypper)
            attempt "${PACKAGE_WAIT:-1800}" env "ZYPP_LOCK_TIMEOUT=${LOCK_WAIT:-300}" zypper --non-interactive --quiet "$@" || case $? in
                # Done, and a reboot or a restart of zypper is advised.
                102 | 103) ;;
                *) return 1 ;;
            esac
            ;;
        *) attempt "${PACKAGE_WAIT:-1800}" "$vm_with" -q -y "$@" ;;
    esac
}

# refresh_packages: the lists of the mirror are current; three tries, since mirrors fail for a moment.
refresh_packages() {
    live || return 0
    vm_try=1
    vm_with=$(package_tool) || exit 1
    case $vm_with in
        apt-get) vm_word=update ;;
        zypper) vm_word=refresh ;;
        *) vm_word=makecache ;;
    esac
    until package_manager "$vm_word"; do
        [ "$vm_try" -lt 3 ] || fail "the package lists could not be fetched, $vm_try tries"
        vm_try=$((vm_try + 1))
        sleep "${RETRY_WAIT:-15}"
    done
}

# package_state: a line per installed package, to see whether anything changed.
package_state() {
    if command -v dpkg-query >/dev/null; then
        dpkg-query -W
    else
        rpm -qa | sort
    fi
}

installed() {
    if command -v dpkg-query >/dev/null; then
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
    else
        rpm -q --quiet "$1"
    fi
}

# install_packages NAME…: install what is missing; a stale or empty list is refreshed once.
install_packages() {
    live || return 0
    vm_missing=''
    for vm_package in "$@"; do
        installed "$vm_package" || vm_missing="$vm_missing $vm_package"
    done
    [ -n "$vm_missing" ] || return 0
    # Package names are words on purpose.
    # shellcheck disable=SC2086
    if ! package_manager install $vm_missing; then
        refresh_packages
        package_manager install $vm_missing || fail "could not install$vm_missing"
    fi
    note "installed$vm_missing"
}

# offer_package NAME: installed where the distribution has it; where it has not, a note says so.
offer_package() {
    live && ! installed "$1" || return 0
    if package_manager install "$1"; then
        note "installed $1"
    else
        warn "$1 could not be installed; this release may not have it"
    fi
}

# words TEXT: the words of TEXT, for packages, units and accounts: no options, no patterns, nothing for a shell.
words() {
    case " $1" in
        *[!A-Za-z0-9.+:=/_@~\ -]* | *' -'*) fail "not a list of names: $1" ;;
    esac
    printf '%s\n' "$1"
}

if ! live; then
    vm_root=$(CDPATH='' cd -P -- "$ROOT" 2>/dev/null && pwd -P && printf .) || fail "no tree at $ROOT"
    ROOT=${vm_root%?.}
    ROOT=${ROOT%/}
fi
if live && [ "$(id -u)" -ne 0 ]; then
    fail "must run as root"
fi
