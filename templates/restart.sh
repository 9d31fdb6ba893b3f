#!/bin/sh
# Note which boot this is, then restart. The connection ends with it; returned.sh looks for another boot.
set -eu
umask 077
rm -f -- /var/lib/vmoffer-restart "$0"
cat /proc/sys/kernel/random/boot_id >/var/lib/vmoffer-restart
# Prepared for Azure, cloud-init would take a boot of the build for the first of another machine, and make that
# machine's user, host keys and name. It has to run, as it configures the network of each boot: without it the
# guest is back where nobody reaches it. returned.sh takes this file away.
only=/etc/cloud/cloud.cfg.d/99-vmoffer-restart.cfg
if [ -d "${only%/*}" ]; then
    echo '{users: [], disable_root: false, ssh_deletekeys: false, preserve_hostname: true}' >"$only"
    echo "$only" >>/var/lib/vmoffer-restart
fi
sync
echo "vmoffer: restart: going down"
if command -v systemctl >/dev/null; then systemctl reboot; else reboot; fi
# Not the end of the script: the next step would connect to a guest that is not down yet.
left=600
while [ "$left" -gt 0 ]; do
    sleep 5
    left=$((left - 5))
done
echo "vmoffer: restart: the guest is still up after 600 s" >&2
exit 1
