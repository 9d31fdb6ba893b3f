#!/bin/sh
# The clock follows the host through Hyper-V's precision clock.
set -eu
STEP=clock
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

[ -z "$PACKAGE" ] || install_packages "$PACKAGE"
for conf in /etc/chrony/chrony.conf /etc/chrony.conf; do
    edit_file $conf '
        /^[ \t]*refclock[ \t]+PHC[ \t]+\/dev\/ptp_hyperv/ { done = 1 }
        { print }
        END { if (!done) print "refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2" }'
done

# chronyd ends at once where the device is not there yet, and older systems do not give it that name at all. So
# udev names it and starts chronyd; where it never comes, on another host, nothing waits and nothing fails.
for unit in chrony.service chronyd.service; do
    file=/usr/lib/systemd/system/$unit
    exists "$file" || file=/lib/systemd/system/$unit
    # One of the two names is the other's alias.
    if is_file "$file" && ! is_link "$file"; then
        write_file /etc/udev/rules.d/66-vmoffer-clock.rules "# Written by vmoffer: the name that chrony knows.
SUBSYSTEM==\"ptp\", ATTR{clock_name}==\"hyperv\", SYMLINK+=\"ptp_hyperv\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}+=\"$unit\""
        write_file "/etc/systemd/system/$unit.d/vmoffer.conf" "# Written by vmoffer: chronyd needs the clock that its file names; udev starts it then.
[Unit]
ConditionPathExists=/dev/ptp_hyperv"
        break
    fi
done
[ -z "$UNIT" ] || enable_unit "$UNIT"
finish
