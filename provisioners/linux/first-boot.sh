#!/bin/sh
# A unit that runs the publisher's script at the first start of a customer's machine and then deletes itself.
set -eu
STEP=first-boot
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"
: "${SCRIPT:=}" "${DEADLINE:=7200}"

task=$(cat "${0%/*}/first-boot-task.sh")
unit='[Unit]
Description=What the publisher of this image does at its first start
Wants=network-online.target
After=network-online.target

[Service]
# Simple: the start of the system does not wait for it, and so it can wait for the start of the system.
Type=simple
ExecStart=/bin/sh /usr/local/lib/vmoffer/first-boot

[Install]
WantedBy=multi-user.target'

if [ -n "$SCRIPT" ]; then
    case $SCRIPT in
        /*) ;;
        *) fail "the script needs its whole path: $SCRIPT" ;;
    esac
    is_file "$SCRIPT" || fail "there is no $SCRIPT; upload it with a file step before"
    case $DEADLINE in
        *[!0-9]* | '') fail "the deadline is not a number of seconds: $DEADLINE" ;;
    esac
    write_file /usr/local/lib/vmoffer/first-boot "#!/bin/sh
SCRIPT=$(quoted "$SCRIPT")
DEADLINE=$DEADLINE
${task#*
}" 0700
    write_file /etc/systemd/system/vmoffer-first-boot.service "$unit"
    link /etc/systemd/system/multi-user.target.wants/vmoffer-first-boot.service \
        /etc/systemd/system/vmoffer-first-boot.service
fi
finish
