#!/bin/sh
# Firewall software is there and blocks nothing.
set -eu
STEP=firewall
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# Package names are words on purpose.
# shellcheck disable=SC2086
install_packages $PACKAGES

# Rules that came with the base. What the publisher's own steps add later stays.
remove /etc/iptables/rules.v4 /etc/iptables/rules.v6
if exists /etc/ufw/ufw.conf; then
    set_key /etc/ufw/ufw.conf ENABLED no
fi
if [ -f "$ROOT/etc/nftables.conf" ] && grep -Eq 'policy[[:space:]]+drop|[[:space:]](drop|reject)([[:space:];]|$)' "$ROOT/etc/nftables.conf"; then
    write_file /etc/nftables.conf "#!/usr/sbin/nft -f
# Written by vmoffer: no rules; add yours here.
flush ruleset"
fi
finish
