#!/bin/sh
# Fail if a value of a secret (SECRETS: names of variables) is in a file, or with WHOLE_DISK=yes anywhere on a disk.
# Nothing here shows a value. The patterns are in memory only.
set -eu
umask 077
LC_ALL=C
export LC_ALL
patterns=$(mktemp /dev/shm/vmoffer.XXXXXXXX)
trap 'rm -f -- "$patterns"' EXIT
for name in $SECRETS; do
    value=
    eval "value=\${$name-}"
    # Of a value of several lines, such as a key, each line that is long enough to be told apart.
    printf '%s\n' "$value" | grep -E '.{8}' >>"$patterns" || {
        echo "vmoffer: secrets: $name is empty or too short to be searched for (8 characters)" >&2
        exit 1
    }
done
unset value
# shellcheck disable=SC2086
unset $SECRETS
found=0
list=$(find / \( -path /proc -o -path /sys -o -path /dev -o -path /run \) -prune -o \
    -type f -size +0 -exec grep -l -a -F -f "$patterns" -- {} + 2>/dev/null) || :
if [ -n "$list" ]; then
    printf '%s\n' "$list" | sed 's/^/vmoffer: secrets: found in /' >&2
    found=1
fi
if [ "$WHOLE_DISK" = yes ]; then
    sync
    for disk in $(lsblk -d -n -r -o NAME,TYPE | sed -n 's/ disk$//p'); do
        # Zeros become line ends: a disk without one would be a single line, as large as the disk.
        if tr '\000' '\n' <"/dev/$disk" | grep -q -a -F -f "$patterns"; then
            echo "vmoffer: secrets: found on /dev/$disk, where no file has it (any more)" >&2
            found=1
        fi
    done
fi
[ "$found" = 0 ] || exit 1
# shellcheck disable=SC2086
set -- $SECRETS
echo "vmoffer: secrets: $# searched for, found nowhere"
