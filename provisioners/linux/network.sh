#!/bin/sh
# DHCP on whatever card the host gives, nothing that belongs to this machine.
set -eu
STEP=network
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# What cloud-init or an installer wrote for the card of the build; cloud-init writes it anew at first boot.
remove_found "instance network configuration" /etc/netplan 1 -name '*.yaml' ! -name 50-dhcp.yaml
remove_found "instance network configuration" /etc/network/interfaces.d 1 -name '*cloud-init*'
remove_found "instance network configuration" /etc/systemd/network 1 -name '*cloud-init*'
remove_found "instance network configuration" /etc/NetworkManager/system-connections 1 -name '*cloud-init*'
remove /etc/udev/rules.d/70-persistent-net.rules /etc/udev/rules.d/85-persistent-net-cloud-init.rules
if exists /lib/udev/rules.d/75-persistent-net-generator.rules ||
    exists /usr/lib/udev/rules.d/75-persistent-net-generator.rules; then
    link /etc/udev/rules.d/75-persistent-net-generator.rules /dev/null
fi
for file in "$ROOT"/etc/systemd/network/*.link; do
    # A name tied to a hardware address.
    if [ -f "$file" ] && grep -Eqi '^(Permanent)?MACAddress=' "$file"; then
        remove "${file#"$ROOT"}"
    fi
done

# managed: cloud-init renders the network; not when it is absent or told not to.
managed() {
    exists /etc/cloud/cloud.cfg || return 1
    ! grep -Eqs '^network:[[:space:]]*(\{[[:space:]]*config:[[:space:]]*"?disabled|$)' \
        "$ROOT/etc/cloud/cloud.cfg" "$ROOT"/etc/cloud/cloud.cfg.d/*.cfg
}

# foreign FILE: it configures a card by name, address or MAC, or does not read the folder beside it.
foreign() {
    awk '
        $1 == "iface" && $2 != "lo" { bad = 1 }
        $1 == "hwaddress" || $1 == "address" { bad = 1 }
        $1 ~ /^source/ && $2 ~ /interfaces\.d/ { reads = 1 }
        END { exit !(bad || !reads) }' "$1"
}

# bound FILE: it ties the configuration to a hardware address or gives a fixed one.
bound() {
    grep -Eqi '^[[:space:]]*(hwaddr|lladdr|mac-address|macaddress|ipaddr[0-9]*|address[0-9]*|method)[[:space:]]*=[[:space:]]*(manual|.*[0-9a-f]+[:.][0-9a-f]+)' "$1"
}

# What an installer wrote for its card: every ifcfg file but loopback's, every profile that is bound.
for file in "$ROOT"/etc/sysconfig/network-scripts/ifcfg-* "$ROOT"/etc/sysconfig/network/ifcfg-*; do
    case ${file##*/} in ifcfg-lo | ifcfg-eth0 | ifcfg-\* | ifcfg.template) continue ;; esac
    remove "${file#"$ROOT"}"
done
for file in "$ROOT"/etc/NetworkManager/system-connections/* "$ROOT"/etc/systemd/network/*.network; do
    [ ! -f "$file" ] || ! bound "$file" || remove "${file#"$ROOT"}"
done

case $SYSCONFIG in
    rhel)
        exists /etc/sysconfig/network || write_file /etc/sysconfig/network "NETWORKING=yes"
        set_key /etc/sysconfig/network NETWORKING yes
        # RHEL 8 still reads ifcfg files; later ones only NetworkManager's profiles.
        if exists /etc/sysconfig/network-scripts/ifcfg-eth0 || exists /etc/sysconfig/network-scripts/ifup-eth; then
            write_file /etc/sysconfig/network-scripts/ifcfg-eth0 "# Written by vmoffer
DEVICE=eth0
ONBOOT=yes
BOOTPROTO=dhcp
TYPE=Ethernet
USERCTL=no
PEERDNS=yes
IPV6INIT=no"
        else
            write_file /etc/NetworkManager/system-connections/eth0.nmconnection "# Written by vmoffer
[connection]
id=eth0
type=ethernet
interface-name=eth0
autoconnect=true

[ipv4]
method=auto

[ipv6]
method=auto" 0600
        fi
        ;;
    suse)
        # The name is given by provisioning, never by the lease.
        exists /etc/sysconfig/network/dhcp || write_file /etc/sysconfig/network/dhcp 'DHCLIENT_SET_HOSTNAME="no"'
        set_key /etc/sysconfig/network/dhcp DHCLIENT_SET_HOSTNAME '"no"'
        if managed; then
            remove /etc/sysconfig/network/ifcfg-eth0
        else
            write_file /etc/sysconfig/network/ifcfg-eth0 "# Written by vmoffer
BOOTPROTO='dhcp'
STARTMODE='auto'"
        fi
        ;;
esac

# ifupdown: a loopback stanza and the folder, which is where cloud-init writes.
if exists /etc/network/interfaces; then
    stanza=''
    managed || stanza='
allow-hotplug eth0
iface eth0 inet dhcp'
    if ! managed || foreign "$ROOT/etc/network/interfaces"; then
        write_file /etc/network/interfaces "# Written by vmoffer: cards are configured by DHCP at first boot.
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback$stanza"
    fi
    for file in "$ROOT"/etc/network/interfaces.d/*; do
        if [ -f "$file" ] && grep -Eq '^[[:space:]]*(hwaddress|address|iface[[:space:]]+[^[:space:]]+[[:space:]]+inet6?[[:space:]]+static)' "$file"; then
            remove "${file#"$ROOT"}"
        fi
    done
elif managed; then
    remove /etc/netplan/50-dhcp.yaml
elif exists /etc/netplan; then
    write_file /etc/netplan/50-dhcp.yaml "# Written by vmoffer
network:
  version: 2
  ethernets:
    eth0:
      dhcp4: true" 0600
elif [ "$SYSCONFIG" = none ]; then
    write_file /etc/systemd/network/80-dhcp.network "# Written by vmoffer
[Match]
Name=eth*

[Network]
DHCP=ipv4"
fi

# The host may take minutes to answer the first time.
if exists /etc/dhcp/dhclient.conf; then
    edit_file /etc/dhcp/dhclient.conf '
        /^[ \t]*timeout[ \t]/ { if (!done++) print "timeout 300;"; next }
        { print }
        END { if (!done) print "timeout 300;" }'
fi
finish
