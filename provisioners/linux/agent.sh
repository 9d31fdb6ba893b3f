#!/bin/sh
# The Azure Linux Agent, from the distribution's own package, started at boot.
set -eu
STEP=agent
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

install_packages "$PACKAGE"
live || exists /usr/sbin/waagent || exists /usr/bin/waagent || warn "no agent on this tree"
enable_unit "$UNIT"
[ "$NVME" = no ] || offer_package azure-vm-utils
finish
