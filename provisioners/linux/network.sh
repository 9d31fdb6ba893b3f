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
drop_named() {
    # A name tied to a hardware address.
    ! from_file "$1" grep -Eqi '^(Permanent)?MACAddress=' || remove "$1"
}
each_file drop_named '/etc/systemd/network/*.link'

# A network: key in any of its files counts before what Azure tells cloud-init, or switches it off.
drop_network() {
    drop_yaml_key "$1" network
}
each_file drop_network '/etc/cloud/cloud.cfg.d/*.cfg'

# managed: cloud-init renders the network; not when it is absent or told not to.
managed() {
    exists /etc/cloud/cloud.cfg || return 1
    own_network=no
    each_file look_for_network /etc/cloud/cloud.cfg '/etc/cloud/cloud.cfg.d/*.cfg'
    [ "$own_network" = no ]
}

look_for_network() {
    ! from_file "$1" grep -Eq '^network:[[:space:]]*(\{[[:space:]]*config:[[:space:]]*"?disabled|$)' || own_network=yes
}

# foreign PATH: it configures a card by name, address or MAC, or does not read the folder beside it.
foreign() {
    from_file "$1" awk '
        $1 == "iface" && $2 != "lo" { bad = 1 }
        $1 == "hwaddress" || $1 == "address" { bad = 1 }
        $1 ~ /^source/ && $2 ~ /interfaces\.d/ { reads = 1 }
        END { exit !(bad || !reads) }'
}

# bound PATH: it ties the configuration to a hardware address or gives a fixed one.
bound() {
    from_file "$1" grep -Eqi '^[[:space:]]*(hwaddr|lladdr|mac-address|macaddress|ipaddr[0-9]*|address[0-9]*|method)[[:space:]]*=[[:space:]]*(manual|.*[0-9a-f]+[:.][0-9a-f]+)'
}

# What an installer wrote for its card: every ifcfg file but loopback's, every profile that is bound.
drop_card() {
    case ${1##*/} in
        ifcfg-lo | ifcfg-eth0 | ifcfg.template) ;;
        *) remove "$1" ;;
    esac
}
each_entry drop_card '/etc/sysconfig/network-scripts/ifcfg-*'
each_entry drop_card '/etc/sysconfig/network/ifcfg-*'
drop_bound() {
    ! bound "$1" || remove "$1"
}
each_file drop_bound '/etc/NetworkManager/system-connections/*' '/etc/systemd/network/*.network'

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
    if ! managed || foreign /etc/network/interfaces; then
        write_file /etc/network/interfaces "# Written by vmoffer: cards are configured by DHCP at first boot.
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback$stanza"
    fi
    drop_fixed() {
        ! from_file "$1" grep -Eq '^[[:space:]]*(hwaddress|address|iface[[:space:]]+[^[:space:]]+[[:space:]]+inet6?[[:space:]]+static)' ||
            remove "$1"
    }
    each_file drop_fixed '/etc/network/interfaces.d/*'
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
