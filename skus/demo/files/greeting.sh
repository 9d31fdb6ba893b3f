#!/bin/sh
# Runs as root in the guest, before the image is generalized.
set -eu
install -d -m 0755 /etc/contoso
printf '%s\n' "$GREETING" >/etc/contoso/greeting
chmod 0755 /etc/update-motd.d/90-contoso
