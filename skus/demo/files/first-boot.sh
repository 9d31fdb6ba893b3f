#!/bin/sh
# Runs as root on the customer's machine, once, at its first start.
set -eu
printf 'made for %s\n' "$(hostname)" >/etc/contoso/machine
echo "contoso: ready on $(hostname)" >/dev/console
