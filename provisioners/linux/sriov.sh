#!/bin/sh
# The fast half of an accelerated card belongs to its slow half, not to NetworkManager.
set -eu
STEP=sriov
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

rule=/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules
if [ "$DECLARED" = yes ]; then
    # azure-vm-utils brings a rule of its own.
    if ! exists /usr/lib/udev/rules.d/10-azure-unmanaged-sriov.rules; then
        write_file $rule '# Written by vmoffer: the virtual function is a part of the synthetic card.
SUBSYSTEM=="net", DRIVERS=="hv_pci", ACTION=="add", ENV{NM_UNMANAGED}="1"'
    fi
fi
finish
