#!/bin/sh
# The agent's configuration: cloud-init provisions, the agent does the rest and keeps itself current.
set -eu
STEP=waagent-conf
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

conf=/etc/waagent.conf
exists $conf || fail "$conf is missing; is the agent installed?"
set_key $conf Provisioning.Agent "$PROVISIONING_AGENT"
set_key $conf Provisioning.DeleteRootPassword y
set_key $conf Provisioning.RegenerateSshHostKeyPair "$REGENERATE_HOST_KEYS"
set_key $conf ResourceDisk.Format n
set_key $conf ResourceDisk.EnableSwap n
set_key $conf OS.RootDeviceScsiTimeout 300
set_key $conf Extensions.Enabled y
set_key $conf AutoUpdate.Enabled y
# The newer switch: only where the shipped file or somebody before us turned it.
if from_file $conf grep -q '^[[:space:]]*AutoUpdate\.UpdateToLatestVersion[[:space:]]*='; then
    set_key $conf AutoUpdate.UpdateToLatestVersion y
fi
# Names of before 2.2.45, which say the opposite where they are still written.
if from_file $conf grep -q '^[[:space:]]*Provisioning\.\(Enabled\|UseCloudInit\)[[:space:]]*='; then
    edit_file $conf '!/^[ \t]*Provisioning\.(Enabled|UseCloudInit)[ \t]*=/'
fi
finish
