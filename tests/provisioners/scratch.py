"""Files of unprepared systems, and the SKUs that the tests plan steps for."""

from __future__ import annotations

from generator.model import Sku

COMMON = {
    "etc/fstab": "# <what> <where>\n/dev/sda1 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n"
    "/data/my\\040swap none swap sw 0 0\n/dev/disk/cloud/azure_resource-part1 /mnt auto "
    "defaults,comment=cloudconfig 0 2\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
    "packer:x:1000:1000::/home/packer:/bin/bash\napp:x:1001:1001::/home/app user:/bin/sh\n",
    "etc/shadow": "root::19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"
    "packer:!:19000:0:99999:7:::\napp:$y$j9T$abc:19000:0:99999:7:::\n",
    "etc/group": "root:x:0:\nsudo:x:27:app,packer\npacker:x:1000:\napp:x:1001:packer\n",
    "etc/gshadow": "root:*::\nsudo:*::packer\npacker:!::\n",
    "etc/subuid": "packer:100000:65536\napp:165536:65536\n",
    "etc/subgid": "packer:100000:65536\n",
    "etc/passwd-": "packer:x:1000:1000::/home/packer:/bin/bash\n",
    "etc/sudoers": "Defaults env_reset\nDefaults targetpw\nroot ALL=(ALL:ALL) ALL\n",
    "etc/sudoers.d/README": "# nothing here\n",
    "etc/sudoers.d/90-cloud-init-users": "# User rules for packer\npacker ALL=(ALL) NOPASSWD:ALL\n",
    "etc/sudoers.d/team": "packer ALL=(ALL) NOPASSWD:ALL\napp ALL=(ALL) NOPASSWD:/bin/true\n",
    "etc/hostname": "buildhost\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 buildhost\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/default/grub": 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash crashkernel=auto"\n'
    'GRUB_CMDLINE_LINUX="console=tty0 apparmor=1"\n',
    "etc/initramfs-tools/modules": "# one per line\n",
    "etc/initramfs-tools/conf.d/resume": "RESUME=UUID=1234\n",
    "etc/modprobe.d/hardening.conf": "blacklist cramfs\ninstall udf /bin/true\nblacklist vfat\n",
    "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n#ClientAliveInterval 0\n"
    "ClientAliveInterval=900\nUsePAM yes\nMatch User git\n  ClientAliveInterval 60\n",
    "etc/ssh/ssh_host_ed25519_key": "private\n",
    "etc/ssh/ssh_host_ed25519_key.pub": "public\n",
    "etc/cloud/cloud.cfg": "users:\n  - default\n"
    "swap:\n  filename: /swap.img\n  size: 1G\ndisable_root: true\n",
    "etc/cloud/cloud.cfg.d/90_dpkg.cfg": "# by dpkg\n"
    "datasource_list: [ NoCloud,\n  None ]\nmanual_cache_clean: false\n",
    "etc/cloud/ds-identify.cfg": "policy: enabled\n",
    "etc/systemd/system/data.swap": "[Swap]\nWhat=/data/swap\n",
    "etc/dhcp/dhclient.conf": "send host-name = gethostname();\n#timeout 60;\n",
    "etc/iptables/rules.v4": "*filter\n-A INPUT -j DROP\nCOMMIT\n",
    "etc/nftables.conf": "table inet filter { chain input { "
    " type filter hook input priority 0; policy drop; } }\n",
    "etc/udev/rules.d/70-persistent-net.rules": 'ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
    "swapfile": "\0" * 64,
    "data/my swap": "\0" * 4086 + "SWAPSPACE2",
    "root/.bash_history": "curl secret\n",
    "root/.ssh/authorized_keys": "ssh-ed25519 AAAA build\n",
    "home/packer/.ssh/authorized_keys": "ssh-ed25519 AAAA build\n",
    "home/packer/.bash_history": "sudo -i\n",
    "home/app user/.ssh/authorized_keys": "ssh-ed25519 AAAA app\n",
    "home/app user/.ssh/id_rsa": "private\n",
    "home/app user/.ssh/known_hosts": "host\n",
    "home/app user/deep/.zsh_history": "ls\n",
    "home/app user/.config/new\nline/.sh_history": "ls\n",
    "home/app user/keep me.txt": "kept\n",
    "var/lib/dhcp/dhclient.eth0.leases": "lease {}\n",
    "var/lib/cloud/instances/i-1/user-data.txt": "key\n",
    "var/lib/waagent/ovf-env.xml": "<x/>\n",
    "var/lib/apt/lists/deb_dists_InRelease": "x\n",
    "var/lib/systemd/random-seed": "seed\n",
    "var/log/auth.log": "packer logged in\n",
    "var/log/old log\n.1": "x\n",
    "var/log/apt/history.log.1.gz": "x\n",
    "var/log/journal/0123/system.journal": "x\n",
    "var/backups/passwd.bak": "packer\n",
    "tmp/script_1.sh": "x\n",
    "tmp/a b\nc": "x\n",
    "var/tmp/.hidden": "x\n",
}
WAAGENT = (
    "# Microsoft Azure Linux Agent Configuration\n"
    "Provisioning.Agent=disabled\nProvisioning.DeleteRootPassword=n\n"
    "ResourceDisk.Format=y\nResourceDisk.EnableSwap=y\n# Logs.Verbose=n\nAutoUpdate.Enabled=n\n"
)
LIKE = {
    "debian": {
        "etc/waagent.conf": WAAGENT + "Provisioning.RegenerateSshHostKeyPair=n\n",
        "etc/network/interfaces": "auto lo\niface lo inet loopback\nallow-hotplug ens3\n"
        "iface ens3 inet static\n  address 10.0.2.15\n  hwaddress ether 52:54:00:12:34:56\n",
        "etc/network/interfaces.d/50-cloud-init": "auto eth0\niface eth0 inet dhcp\n",
        "etc/resolv.conf": "nameserver 10.0.2.3\n",
    },
    "ubuntu": {
        "etc/waagent.conf": WAAGENT + "Provisioning.UseCloudInit=n\nAutoUpdate.UpdateToLatestVersion=n\n",
        "etc/netplan/50-cloud-init.yaml": "network: {version: 2}\n",
        "etc/ssh/sshd_config.d/50-cloudimg-settings.conf": "ClientAliveInterval 120\n",
        "etc/default/grub.d/50-cloudimg-settings.cfg": 'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0"\n',
        "etc/cloud/cloud.cfg.d/99-installer.cfg": "datasource:\n  None: {}\n",
        "etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg": "network: {config: disabled}\n",
        "etc/ufw/ufw.conf": "ENABLED=yes\nLOGLEVEL=low\n",
    },
}


def make_sku(distribution: str, **settings: dict[str, str | int | bool]) -> Sku:
    return Sku.model_validate(
        {
            "publisher": "contoso",
            "offer": {"id": "demo", "title": "Demo"},
            "plan": {"id": "plan", "title": "Plan", "summary": "A plan"},
            "version": "1.0.0",
            "os": {
                "family": "windows" if distribution == "windows-server" else "linux",
                "distribution": distribution,
                "version": "1",
                "friendly_name": distribution,
            },
            "base": {"qemu": {"recipe": "debian-12"}},
            "settings": settings,
        }
    )
