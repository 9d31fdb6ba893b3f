#!/bin/sh
# Firewall software is there and blocks nothing.
set -eu
STEP=firewall
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

names=$(words "$PACKAGES")
# Package names are words on purpose.
# shellcheck disable=SC2086
install_packages $names

# Rules that came with the base. What the publisher's own steps add later stays.
remove /etc/iptables/rules.v4 /etc/iptables/rules.v6 /etc/sysconfig/iptables /etc/sysconfig/ip6tables
# firewalld rejects whatever its zone does not open, and network security groups do the filtering. A step of the
# publisher's may enable it again, with what the plan offers opened.
remove_found "links that start firewalld" /etc/systemd/system 2 -type l -path '*.wants/firewalld.service' \
    -o -type l -name dbus-org.fedoraproject.FirewallD1.service
if exists /etc/ufw/ufw.conf; then
    set_key /etc/ufw/ufw.conf ENABLED no
fi
for conf in /etc/nftables.conf /etc/sysconfig/nftables.conf; do
    if from_file $conf grep -Eq 'policy[[:space:]]+drop|[[:space:]](drop|reject)([[:space:];]|$)'; then
        write_file $conf "#!/usr/sbin/nft -f
# Written by vmoffer: no rules; add yours here.
flush ruleset"
    fi
done
finish
