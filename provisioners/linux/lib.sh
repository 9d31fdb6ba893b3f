# What every step uses. A step sources this file; `vmoffer generate` puts it inside each rendered script.
# shellcheck shell=sh
#
# ROOT is a prefix for every path, empty in a live guest. With a ROOT the step works on a scratch tree:
# files are edited, tools of the guest are not run. A step sets STEP to its id before it gets here.

: "${STEP:?}" "${ROOT:=}"
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 022
unset HISTFILE
vm_notes=''
vm_temp=''
trap '[ -z "$vm_temp" ] || rm -f -- "$vm_temp"' EXIT

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

# resolve PATH: the file behind PATH, symlinks followed inside ROOT and never out of it.
resolve() {
    vm_link=$1
    vm_hops=0
    while [ -L "$ROOT$vm_link" ]; do
        vm_hops=$((vm_hops + 1))
        [ "$vm_hops" -le 20 ] || fail "$1 is a loop of symlinks"
        vm_to=$(readlink -- "$ROOT$vm_link")
        case $vm_to in
            /*) vm_link=$vm_to ;;
            *) vm_link=${vm_link%/*}/$vm_to ;;
        esac
    done
    contained "$ROOT$vm_link" || fail "$1 leads out of the tree"
    printf '%s\n' "$ROOT$vm_link"
}

# contained FILE: FILE lies inside ROOT when every link on the way is followed.
contained() {
    [ -n "$ROOT" ] || return 0
    case $(realpath -m -- "$1") in
        "$(realpath -- "$ROOT")"/*) ;;
        *) return 1 ;;
    esac
}

# stays PATH: the folder of PATH is inside ROOT; PATH itself may be a link to anywhere.
stays() {
    live || contained "$(realpath -m -- "$ROOT${1%/*}/.")/x" || fail "$1 leads out of the tree"
}

# write_file PATH TEXT [MODE]: PATH holds TEXT afterwards, replaced in one rename; an equal file is not touched.
write_file() {
    vm_file=$(resolve "$1") || exit 1
    mkdir -p -- "${vm_file%/*}" || fail "cannot make the folder of $1"
    vm_temp=$vm_file.vmoffer-new
    {
        rm -f -- "$vm_temp"
        (umask 077 && if [ -n "$2" ]; then printf '%s\n' "$2"; fi >"$vm_temp")
    } || fail "cannot write $1"
    if [ -f "$vm_file" ] && cmp -s -- "$vm_file" "$vm_temp"; then
        rm -f -- "$vm_temp"
    else
        if [ -f "$vm_file" ]; then
            chmod --reference="$vm_file" -- "$vm_temp"
            chown --reference="$vm_file" -- "$vm_temp"
            # With SELinux a new file gets its folder's label, which is not that of shadow or sshd_config.
            ! live || [ ! -e /sys/fs/selinux/enforce ] || chcon --reference="$vm_file" -- "$vm_temp" ||
                fail "cannot label $1"
        else
            chmod "${3:-0644}" -- "$vm_temp"
        fi
        mv -f -- "$vm_temp" "$vm_file" || fail "cannot replace $1"
        note "wrote $1"
    fi
    vm_temp=''
}

# edit_file PATH AWK-ARGUMENT…: PATH becomes what awk prints for it; a missing file stays missing.
edit_file() {
    vm_edit=$1
    shift
    vm_from=$(resolve "$vm_edit") || exit 1
    [ -f "$vm_from" ] || return 0
    vm_text=$(awk "$@" <"$vm_from") || fail "cannot read $vm_edit"
    write_file "$vm_edit" "$vm_text"
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

# exists PATH: there is something, be it a dangling symlink.
exists() {
    [ -e "$ROOT$1" ] || [ -L "$ROOT$1" ]
}

# remove PATH…: delete files, links and folders.
remove() {
    for vm_path in "$@"; do
        if exists "$vm_path"; then
            stays "$vm_path"
            rm -rf -- "$ROOT$vm_path" || fail "cannot remove $vm_path"
            note "removed $vm_path"
        fi
    done
}

# remove_found WHAT FOLDER DEPTH FIND-TEST…: delete what find matches below FOLDER, links not followed.
remove_found() {
    vm_what=$1
    vm_folder=$ROOT$2
    vm_depth=$3
    shift 3
    [ -d "$vm_folder" ] && [ ! -L "$vm_folder" ] || return 0
    stays "${vm_folder#"$ROOT"}/."
    vm_dots=$(find "$vm_folder" -mindepth 1 -maxdepth "$vm_depth" \
        \( "$@" \) -prune -printf . -exec rm -rf -- {} +) || fail "cannot remove $vm_what"
    [ -z "$vm_dots" ] || note "removed $vm_what (${#vm_dots})"
}

# link PATH TARGET: PATH is a symlink to TARGET afterwards.
link() {
    if [ "$(readlink -- "$ROOT$1" || :)" != "$2" ]; then
        stays "$1"
        mkdir -p -- "$ROOT${1%/*}"
        rm -rf -- "$ROOT$1.vmoffer-new"
        ln -s -- "$2" "$ROOT$1.vmoffer-new"
        mv -fT -- "$ROOT$1.vmoffer-new" "$ROOT$1" || fail "cannot link $1"
        note "linked $1 to $2"
    fi
}

# homes: root's home and every home of an account with a login shell, one per line, never `/`.
homes() {
    printf '/root\n'
    [ ! -f "$ROOT/etc/passwd" ] ||
        awk -F: '$7 ~ /sh$/ && $6 ~ /^\/./ && $6 != "/root" && !seen[$6]++ { print $6 }' "$ROOT/etc/passwd"
}

# each_home COMMAND…: run COMMAND with a home as last argument, for all of them.
each_home() {
    vm_homes=$(homes)
    vm_old_ifs=$IFS
    IFS='
'
    set -f
    for vm_home in $vm_homes; do
        set +f
        IFS=$vm_old_ifs
        "$@" "$vm_home"
    done
    set +f
    IFS=$vm_old_ifs
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

live || [ -d "$ROOT" ] || fail "no tree at $ROOT"
if live && [ "$(id -u)" -ne 0 ]; then
    fail "must run as root"
fi
