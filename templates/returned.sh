#!/bin/sh
# The other half of restart.sh: ends well once this is another boot, and the boot is over.
set -eu
note=/var/lib/vmoffer-restart
if [ "$(cat /proc/sys/kernel/random/boot_id)" = "$(sed -n 1p "$note")" ]; then
    sleep 10
    echo "vmoffer: restart: this is still the boot of before" >&2
    exit 1
fi
only=$(sed -n 2p "$note")
[ -z "$only" ] || rm -f -- "$only"
rm -f -- "$note"
# What starts late (cloud-init, package timers) would meet the next step; a unit that failed is no reason to wait.
left=300
while [ "$left" -gt 0 ] && command -v systemctl >/dev/null; do
    case $(systemctl is-system-running 2>/dev/null || :) in
        running | degraded | maintenance) break ;;
    esac
    sleep 2
    left=$((left - 2))
done
echo "vmoffer: restart: the guest is back"
