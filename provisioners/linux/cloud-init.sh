#!/bin/sh
# cloud-init provisions, from Azure's data source only.
set -eu
STEP=cloud-init
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

names=$(words "$PACKAGES")
wanted=$(words "$UNITS")
# Package and unit names are words on purpose.
# shellcheck disable=SC2086
install_packages $names
for unit in $wanted; do
    # Newer releases renamed one of the four units.
    ! live || ! systemctl cat "$unit" >/dev/null 2>&1 || enable_unit "$unit"
done

# What an installer or a build for another cloud left would win over, or switch off, what follows.
remove /etc/cloud/cloud-init.disabled /etc/cloud/ds-identify.cfg
remove_found "an installer's configuration" /etc/cloud/cloud.cfg.d 1 \
    -name '*curtin*' -o -name '*subiquity*' -o -name '*installer*'
drop_list() {
    [ "$1" = "$CONFIG" ] || drop_yaml_key "$1" datasource_list
}
each_file drop_list '/etc/cloud/cloud.cfg.d/*.cfg'

# Read at the next boot: the build's own first boot is behind us.
write_file "$CONFIG" "# Written by vmoffer: this image is provisioned by Azure and looks nowhere else.
datasource_list: [ Azure ]"
finish
