#!/bin/sh
# The last step: nothing of this machine, of its build or of the build's user stays; then power off.
set -eu
STEP=generalize
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# forget_user NAME: the account, its group, its home and what the system keeps for it. Files are edited
# because userdel refuses while the account is logged in, and Packer is logged in as it.
forget_user() {
    case $1 in
        */* | .*) fail "not the name of an account: $1" ;;
    esac
    vmoffer_user=$1
    export vmoffer_user
    home=$(from_file /etc/passwd awk -F: '$1 == ENVIRON["vmoffer_user"] { print $6 }')
    uid=$(from_file /etc/passwd awk -F: '$1 == ENVIRON["vmoffer_user"] { print $3 }')
    # Where it really is, and whose: passwd may say anything.
    walk "$home" follow
    home=$vm_place
    case $home in
        /home/?*) remove_home "$home" ;;
        /var/?*/?* | /srv/?*)
            if ! exists "$home" || [ "$(owner "$home")" = "$uid" ]; then
                remove_home "$home"
            else
                warn "$home is named as the home of $1 and belongs to somebody else; it stays"
            fi
            ;;
    esac
    for file in passwd shadow subuid subgid; do
        edit_file "/etc/$file" 'index($0, ENVIRON["vmoffer_user"] ":") != 1'
    done
    # Its own group, and its name among the members (last field) of the others.
    for file in group gshadow; do
        edit_file "/etc/$file" '
            BEGIN { FS = OFS = ":" }
            $1 == ENVIRON["vmoffer_user"] { next }
            {
                count = split($NF, member, ",")
                list = ""
                for (i = 1; i <= count; i++)
                    if (member[i] != ENVIRON["vmoffer_user"]) list = list (list == "" ? "" : ",") member[i]
                $NF = list
                print
            }'
    done
    remove "/var/mail/$1" "/var/spool/mail/$1" "/var/spool/cron/$1" "/var/spool/cron/crontabs/$1" \
        "/var/lib/sudo/lectured/$1" "/var/lib/systemd/linger/$1" "/var/lib/AccountsService/users/$1"
    each_file forget_rules '/etc/sudoers.d/*'
}

forget_rules() {
    edit_file "$1" '$1 != ENVIRON["vmoffer_user"]'
    # The name of what is left without a rule often names the account too.
    from_file "$1" grep -Eqv '^[[:space:]]*(#|$)' || [ "${1##*/}" = README ] || remove "$1"
}

# remove_home PATH: the folder too, unless a file system of its own is mounted there.
remove_home() {
    if is_mounted "$1"; then
        remove_found "what was in $1" "$1" 1 -name '*' ! -name lost+found
    else
        remove "$1"
    fi
}

forget_keys() {
    remove "$1/.ssh/authorized_keys" "$1/.ssh/authorized_keys2"
}

forget_history() {
    remove_found "history in $1" "$1" 99 -name '.*sh_history' -o -name '.history'
}

# Everything that needs no tool of the guest, so that it can be done twice and on a scratch tree.
sweep() {
    for user in $users; do
        forget_user "$user"
    done
    # Copies of the account files from before.
    remove_found "old account files" /etc 1 -name 'passwd-' -o -name 'shadow-' -o -name 'group-' -o -name 'gshadow-' \
        -o -name 'subuid-' -o -name 'subgid-' -o -name '.pwd.lock'
    remove /etc/sudoers.d/90-cloud-init-users /etc/sudoers.d/waagent
    each_home forget_keys
    each_home forget_history
    forget_keys /etc/skel
    forget_configured_keys ""

    remove_found "SSH host keys" /etc/ssh 1 -name 'ssh_host_*'
    remove /etc/ssh/sshd_config.d/50-cloud-init.conf
    remove_found "agent state" /var/lib/waagent 1 -name '*'
    remove_found "cloud-init state" /var/lib/cloud 1 -name '*'
    remove /run/cloud-init /var/log/azure
    for folder in dhcp dhclient dhcpcd NetworkManager; do
        remove_found "DHCP leases" "/var/lib/$folder" 9 -type f
    done
    remove_found "DHCP leases" /var/lib/systemd/network 9 -type f
    remove_found "DHCP leases" /var/lib/wicked 1 -type f -name 'lease*'
    remove_found "instance network configuration" /etc/netplan 1 -name '50-cloud-init.yaml'
    remove_found "instance network configuration" /etc/network/interfaces.d 1 -name '*cloud-init*'
    remove_found "instance network configuration" /etc/systemd/network 1 -name '*cloud-init*'
    remove_found "instance network configuration" /etc/NetworkManager/system-connections 1 -name '*cloud-init*'
    remove /etc/udev/rules.d/70-persistent-net.rules
    edit_file /etc/fstab '/^[ \t]*#/ || !/comment=cloudconfig/'
    # A link leads to what a service writes at run time; a file carries the servers of the build.
    is_link /etc/resolv.conf || remove /etc/resolv.conf

    write_file /etc/hostname localhost.localdomain
    edit_file /etc/hosts '$1 != "127.0.1.1"'
    write_file /etc/machine-id '' 0444
    if is_file /var/lib/dbus/machine-id && ! is_link /var/lib/dbus/machine-id; then
        link /var/lib/dbus/machine-id /etc/machine-id
    fi
    remove /etc/machine-info /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /boot/efi/loader/random-seed

    remove_found "temporary files" /tmp 1 -name '*'
    remove_found "temporary files" /var/tmp 1 -name '*'
    remove_found "journals" /var/log/journal 1 -name '*'
    # Programs expect their log file to be there with its owner, so it stays, empty.
    empty_found logs /var/log
}

# What has to come from the guest's own tools, once and first.
deprovision() {
    ! booted || silence
    command -v waagent >/dev/null || fail "the agent is not installed, so the image cannot be generalized with it"
    run 180 waagent -force -deprovision+user
    # The agent deletes dhclient's folder as well, and dhclient does not make it again.
    ! command -v dhclient >/dev/null || make_folder /var/lib/dhcp
    if command -v cloud-init >/dev/null; then
        run 120 cloud-init clean --logs --seed
    fi
}

# From here on the journal keeps nothing, and nothing else writes logs.
silence() {
    write_file /run/systemd/journald.conf.d/vmoffer.conf '[Journal]
Storage=none'
    attempt 60 systemctl restart systemd-journald || :
    attempt 60 systemctl stop syslog.socket rsyslog.service unattended-upgrades.service cron.service 2>/dev/null || :
}

# Unused blocks go back to the host, so that the disk image is sparse and old contents are gone.
release() {
    mounts=$(findmnt -rno SOURCE,TARGET -t ext3,ext4 || :)
    each_line overwrite_journal "$mounts"
    # What was deleted a moment ago is free, and trimmed, only once that is on the disk.
    sync
    attempt 900 fstrim -a || warn "fstrim is not possible here; the image will be larger than it needs to be"
    sync
}

# overwrite_journal "DEVICE FOLDER": the journal still holds the directories and inodes of what is gone. Zeros
# push them out: twice what it can hold, in a file whose data has to pass through it.
overwrite_journal() {
    mib=$(dumpe2fs -h "${1%% *}" 2>/dev/null | awk '/^(Total j|J)ournal size:/ { m = $NF ~ /M$/; print m ? 2 * $NF : int($NF / 512) + 1 }')
    [ -n "$mib" ] || return 0
    candidate "${1#* }/vmoffer-journal" ''
    if ! { attempt 60 chattr +j "$vm_candidate" &&
        attempt 600 dd if=/dev/zero of="$vm_candidate" bs=1M "count=$mib" conv=fsync status=none; }; then
        warn "the journal of ${1#* } could not be overwritten; names of deleted files stay in it"
    fi
    drop_candidate
}

# Packer is still connected and this step's end is still to be reported, so the end comes from outside the
# session: the same script again, in a unit of its own, sweeps what the goodbye wrote and powers off.
leave_to_the_end() {
    run 60 systemd-run --quiet --collect --no-block --unit=vmoffer-generalize \
        --setenv="BUILD_USER=$BUILD_USER" --setenv="DELETE_USERS=$DELETE_USERS" --setenv="POWEROFF=$POWEROFF" \
        /bin/sh /run/vmoffer-generalize.sh the-end
}

the_end() {
    # Nobody else is left to tell; the serial console is what the builder keeps.
    exec >/dev/console 2>&1
    sleep 15
    sweep
    release
    # Forced, so that no service writes on its way out.
    systemctl poweroff --force || poweroff -f
}

# A function, read as a whole before it runs: the script's own file goes away with /tmp.
main() {
    users=$(words "$BUILD_USER $DELETE_USERS")
    if [ "${1:-}" = the-end ]; then
        the_end
        return
    fi
    if live; then
        deprovision
        # Before the sweep, which takes the script's file with it.
        [ "$POWEROFF" = no ] || write_file /run/vmoffer-generalize.sh "$(cat -- "$0")"
    fi
    sweep
    if live; then
        release
        [ "$POWEROFF" = no ] || leave_to_the_end
    fi
    finish
}

main "$@"
