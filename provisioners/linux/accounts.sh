#!/bin/sh
# No account comes with a password or a key.
set -eu
STEP=accounts
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# Locked, not deleted: an account may run the product. The build's own account goes with the last step.
export BUILD_USER
edit_file /etc/shadow '
    BEGIN { FS = OFS = ":" }
    $1 != ENVIRON["BUILD_USER"] && $2 !~ /[*!]/ { $2 = "!" $2 }
    { print }'

forget_keys() {
    [ "$1" = "$build_home" ] || remove "$1/.ssh/authorized_keys" "$1/.ssh/authorized_keys2"
}
home=$(from_file /etc/passwd awk -F: '$1 == ENVIRON["BUILD_USER"] { print $6 }')
walk "$home" follow
build_home=$vm_place
each_home forget_keys
forget_configured_keys "$BUILD_USER"

left=$(from_file /etc/passwd awk -F: '$3 >= 1000 && $3 < 65000 && $7 ~ /sh$/ && $1 != ENVIRON["BUILD_USER"] { printf " %s", $1 }')
[ -z "$left" ] || warn "accounts with a login shell stay in the image:$left (generalize can delete them: delete_users)"
finish
