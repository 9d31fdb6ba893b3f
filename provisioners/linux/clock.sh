#!/bin/sh
# The clock follows the host through Hyper-V's precision clock.
set -eu
STEP=clock
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

[ -z "$PACKAGE" ] || install_packages "$PACKAGE"
for conf in /etc/chrony/chrony.conf /etc/chrony.conf; do
    # hv_utils makes the device where the host offers it; chrony goes on without it where it does not.
    edit_file $conf '
        /^[ \t]*refclock[ \t]+PHC[ \t]+\/dev\/ptp_hyperv/ { done = 1 }
        { print }
        END { if (!done) print "refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2" }'
done
[ -z "$UNIT" ] || enable_unit "$UNIT"
finish
