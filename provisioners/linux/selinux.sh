#!/bin/sh
# Every file has the label that the policy gives it.
set -eu
STEP=selinux
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

if from_file /etc/selinux/config grep -Eq '^SELINUX=(enforcing|permissive)'; then
    if live && command -v restorecon >/dev/null && [ -e /sys/fs/selinux/enforce ]; then
        # -v names what was wrong, so an empty answer is a tree in order.
        fixed=$(attempt 1200 restorecon -R -F -v -x /etc /boot /root /home /usr /var) || fail "restorecon did not succeed"
        [ -z "$fixed" ] || note "labelled $(printf '%s\n' "$fixed" | wc -l) files"
    else
        # Nobody here knows the policy; the first boot labels everything.
        exists /.autorelabel || write_file /.autorelabel ''
    fi
fi
finish
