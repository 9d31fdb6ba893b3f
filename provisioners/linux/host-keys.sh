#!/bin/sh
# sshd gets fresh host keys at first boot, even where nothing else made them.
set -eu
STEP=host-keys
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# cloud-init makes the keys on Azure. Without it (a failed provisioning, a boot elsewhere) sshd would
# not start at all, and nobody could look why.
unit=/etc/systemd/system/vmoffer-host-keys.service
write_file $unit "[Unit]
Description=Host keys for sshd where there are none
After=cloud-init.service cloud-init-network.service
Before=ssh.service sshd.service
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target"
link /etc/systemd/system/multi-user.target.wants/vmoffer-host-keys.service $unit
finish
