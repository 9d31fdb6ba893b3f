"""Every Linux step on a scratch tree: what it changes, that it changes nothing else, and nothing twice."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import make_sku

from generator import steps
from generator.model import Builder
from validators.linux import sudoers
from vmoffer import scratch

Run = Callable[..., subprocess.CompletedProcess[str]]
IDS = [entry.id for entry in steps.entries("linux")]
FILES = {entry.id: entry for entry in steps.entries("linux")}


def snapshot(tree: Path) -> dict[str, tuple[object, ...]]:
    """Content, mode, owner and time of change of everything below `tree`."""
    found = {}
    for folder, names, filenames in os.walk(tree):
        for name in [*names, *filenames]:
            path = Path(folder, name)
            info = path.lstat()
            what: object = (
                path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
            )
            when = None if path.is_dir() else info.st_mtime_ns
            found["/" + str(path.relative_to(tree))] = (what, stat.S_IMODE(info.st_mode), info.st_uid, when)
    return found


def read(tree: Path, name: str) -> str:
    return (tree / name).read_text()


@pytest.mark.parametrize("step_id", IDS)
def test_step_says_one_line_and_stays_within_the_paths_it_declares(
    tree: Path, run_step: Run, step_id: str
) -> None:
    patterns = list(scratch.declared(tree, FILES[step_id].touches))
    before = scratch.snapshot(tree, patterns)
    done = run_step(tree, step_id)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"vmoffer: {step_id}: [^\n]+\n", done.stdout)
    changes = scratch.difference(before, scratch.snapshot(tree, patterns), patterns)
    assert not [change.path for change in changes if not change.declared]


@pytest.mark.parametrize("step_id", IDS)
def test_second_run_changes_nothing(tree: Path, run_step: Run, step_id: str) -> None:
    assert run_step(tree, step_id).returncode == 0
    before = snapshot(tree)
    done = run_step(tree, step_id)
    assert done.stdout == f"vmoffer: {step_id}: nothing to change\n"
    assert snapshot(tree) == before


def test_whole_plan_leaves_no_trace_of_the_build_user_or_the_build_host(tree: Path, run_step: Run) -> None:
    for step_id in IDS:
        done = run_step(tree, step_id)
        assert done.returncode == 0, done.stderr
    for path in tree.rglob("*"):
        assert "packer" not in path.name
        if path.is_file():
            assert not re.search(rb"packer|buildhost|52:54:00", path.read_bytes()), path
    assert not list(tree.rglob(".vmoffer-*"))
    assert read(tree, "home/app user/keep me.txt") == "kept\n"


def test_agent_keys_are_replaced_where_they_stand_and_appended_when_missing(
    tree: Path, run_step: Run
) -> None:
    run_step(tree, "waagent-conf")
    lines = read(tree, "etc/waagent.conf").splitlines()
    wanted = {
        "Provisioning.Agent": "auto",
        "Provisioning.DeleteRootPassword": "y",
        "Provisioning.RegenerateSshHostKeyPair": "y" if tree.name == "debian" else "n",
        "ResourceDisk.Format": "n",
        "ResourceDisk.EnableSwap": "n",
        "OS.RootDeviceScsiTimeout": "300",
        "Extensions.Enabled": "y",
        "AutoUpdate.Enabled": "y",
    }
    for key, value in wanted.items():
        assert [line for line in lines if line.startswith(f"{key}=")] == [f"{key}={value}"]
    assert lines[1] == "Provisioning.Agent=auto"
    assert "# Logs.Verbose=n" in lines
    assert not any(line.startswith("Provisioning.UseCloudInit") for line in lines)
    assert "AutoUpdate.UpdateToLatestVersion=n" not in lines


def test_agent_configuration_missing_is_a_named_failure(tree: Path, run_step: Run) -> None:
    (tree / "etc/waagent.conf").unlink()
    done = run_step(tree, "waagent-conf")
    assert done.returncode == 1
    assert "waagent-conf: failed: /etc/waagent.conf is missing" in done.stderr


def test_cloud_init_looks_at_azure_and_keeps_the_rest_of_each_file(tree: Path, run_step: Run) -> None:
    run_step(tree, "cloud-init")
    folder = tree / "etc/cloud/cloud.cfg.d"
    lists = [
        file.name for file in folder.iterdir() if re.search(r"^datasource_list:", file.read_text(), re.M)
    ]
    assert lists == ["91-azure_datasource.cfg"]
    assert "datasource_list: [ Azure ]" in read(tree, "etc/cloud/cloud.cfg.d/91-azure_datasource.cfg")
    assert read(tree, "etc/cloud/cloud.cfg.d/90_dpkg.cfg") == "# by dpkg\nmanual_cache_clean: false\n"
    assert not (tree / "etc/cloud/ds-identify.cfg").exists()
    assert not list(folder.glob("*subiquity*")) + list(folder.glob("*installer*"))


def test_no_swap_is_left_or_comes_back(tree: Path, run_step: Run) -> None:
    run_step(tree, "swap")
    assert not (tree / "swapfile").exists()
    assert not (tree / "data/my swap").exists()
    assert "swap" not in read(tree, "etc/fstab")
    assert (tree / "etc/systemd/system/data.swap").readlink() == Path("/dev/null")
    assert read(tree, "etc/cloud/cloud.cfg") == "users:\n  - default\ndisable_root: true\n"
    assert read(tree, "etc/initramfs-tools/conf.d/resume") == "RESUME=none\n"


def test_services_that_make_swap_do_not_start_again(tree: Path, run_step: Run) -> None:
    files = {
        "usr/lib/systemd/system/dphys-swapfile.service": "[Install]\nWantedBy=multi-user.target\n",
        "etc/dphys-swapfile": "#CONF_SWAPFILE=/x\nCONF_SWAPSIZE=100\n",
        "var/swap": "\0" * 4086 + "SWAPSPACE2",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    wants = tree / "etc/systemd/system/multi-user.target.wants/dphys-swapfile.service"
    wants.parent.mkdir(parents=True, exist_ok=True)
    wants.symlink_to("/usr/lib/systemd/system/dphys-swapfile.service")
    run_step(tree, "swap")
    assert not wants.is_symlink() and not (tree / "var/swap").exists()
    assert (tree / "etc/systemd/system/dphys-swapfile.service").readlink() == Path("/dev/null")


def test_fstab_names_the_root_by_uuid_and_forgets_the_temporary_disk(tree: Path, run_step: Run) -> None:
    run_step(tree, "fstab")
    lines = read(tree, "etc/fstab").splitlines()
    assert "UUID=11111111-2222-3333-4444-555555555555 / ext4 defaults 0 1" in lines
    assert not any("comment=cloudconfig" in line for line in lines)


def test_fstab_with_a_device_that_has_no_uuid_fails_and_stays_as_it_is(tree: Path, run_step: Run) -> None:
    (tree / "etc/fstab").write_text("/dev/sdq7 /data ext4 defaults 0 2\n")
    done = run_step(tree, "fstab")
    assert done.returncode == 1
    assert "/dev/sdq7" in done.stderr
    assert read(tree, "etc/fstab") == "/dev/sdq7 /data ext4 defaults 0 2\n"


def test_initramfs_gets_the_drivers_and_blacklists_of_udf_and_vfat_go(tree: Path, run_step: Run) -> None:
    run_step(tree, "kernel-modules", NVME="yes")
    assert read(tree, "etc/initramfs-tools/modules").split("\n")[1:] == [
        "hv_vmbus", "hv_storvsc", "hv_netvsc", "nvme", "nvme_core", "",
    ]  # fmt: skip
    assert read(tree, "etc/modprobe.d/hardening.conf") == "blacklist cramfs\n"


def test_initramfs_waits_for_the_disk_and_does_not_sleep_over_it(tree: Path, run_step: Run) -> None:
    run_step(tree, "kernel-modules")
    conf = tree / "param.conf"
    values = []
    for stage in ("init-top", "init-premount"):
        script = tree / f"etc/initramfs-tools/scripts/{stage}/vmoffer-rootdelay"
        assert script.stat().st_mode & 0o111
        text = script.read_text().replace("/conf/param.conf", str(conf))
        (tree / "cmdline").write_text("root=UUID=1 ro rootdelay=300 net.ifnames=0\n")
        text = text.replace("/proc/cmdline", str(tree / "cmdline"))
        assert subprocess.run(["sh", "-c", text, "init", "prereqs"], capture_output=True).stdout == b""
        subprocess.run(["sh", "-c", text], check=True)
        shell = f"ROOTDELAY=300; . '{conf}'; echo \"$ROOTDELAY\""
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
        values.append(done.stdout.strip())
    assert values == ["", "300"]


@pytest.mark.parametrize(("machine", "console"), [("x86_64", "ttyS0"), ("aarch64", "ttyAMA0")])
def test_kernel_line_as_grub_mkconfig_will_read_it(
    tree: Path, run_step: Run, machine: str, console: str
) -> None:
    run_step(tree, "kernel-cmdline", ARCHITECTURE=machine, EXTRA="mitigations=auto")
    files = [tree / "etc/default/grub", *sorted((tree / "etc/default/grub.d").glob("*.cfg"))]
    # grub-mkconfig runs under set -e and reads the files in this order.
    shell = "set -eu\n" + "".join(f". '{file}'\n" for file in files)
    shell += 'printf "%s\\n" "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"'
    line = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout.split()
    assert [word for word in line if word.startswith("console=")] == [
        "console=tty1",
        f"console={console},115200n8",
    ]
    assert {"rootdelay=300", "net.ifnames=0", "apparmor=1", "mitigations=auto"} <= set(line)
    assert ("earlyprintk=ttyS0,115200" in line) == (machine == "x86_64")
    assert not {"quiet", "splash", "crashkernel=auto"} & set(line)


def test_kernel_line_without_grub_is_a_named_failure(tree: Path, run_step: Run) -> None:
    shutil.rmtree(tree / "etc/default")
    done = run_step(tree, "kernel-cmdline")
    assert done.returncode == 1
    assert "GRUB is not here" in done.stderr


def test_network_is_dhcp_without_address_or_hardware_address(tree: Path, run_step: Run) -> None:
    run_step(tree, "cloud-init")
    run_step(tree, "network")
    assert not (tree / "etc/udev/rules.d/70-persistent-net.rules").exists()
    assert not list((tree / "etc").glob("netplan/*"))
    assert not list((tree / "etc").glob("network/interfaces.d/*"))
    assert "timeout 300;" in read(tree, "etc/dhcp/dhclient.conf").splitlines()
    if tree.name == "debian":
        text = read(tree, "etc/network/interfaces")
        assert "source /etc/network/interfaces.d/*" in text
        assert re.findall(r"^iface (\S+)", text, re.M) == ["lo"]


@pytest.mark.parametrize(
    "content",
    [
        "network:\n  version: 1\n  config:\n  - {type: physical, name: eth0, subnets: [{type: static}]}\n",
        "network: {config: disabled}\n",
        "network:\n  config: disabled\n",
    ],
)
def test_network_key_goes_from_every_file_of_cloud_init(content: str, tree: Path, run_step: Run) -> None:
    """K3: only files with an installer's name lost it; 99-custom-net.cfg stayed."""
    folder = tree / "etc/cloud/cloud.cfg.d"
    (folder / "99-custom-net.cfg").write_text(f"manage_etc_hosts: true\n{content}ssh_pwauth: false\n")
    run_step(tree, "network")
    assert (folder / "99-custom-net.cfg").read_text() == "manage_etc_hosts: true\nssh_pwauth: false\n"
    assert not [file for file in folder.iterdir() if "network:" in file.read_text()]
    if tree.name == "debian":
        assert re.findall(r"^iface (\S+)", read(tree, "etc/network/interfaces"), re.M) == ["lo"]
    else:
        assert not list((tree / "etc/netplan").glob("*"))


def test_network_without_cloud_init_gets_dhcp_of_its_own(tree: Path, run_step: Run) -> None:
    shutil.rmtree(tree / "etc/cloud")
    run_step(tree, "network")
    written = {
        "debian": ("etc/network/interfaces", "iface eth0 inet dhcp"),
        "ubuntu": ("etc/netplan/50-dhcp.yaml", "dhcp4: true"),
    }
    name, text = written[tree.name]
    assert text in read(tree, name)


def test_sshd_interval_stands_first_and_drop_ins_agree(tree: Path, run_step: Run) -> None:
    run_step(tree, "sshd")
    lines = read(tree, "etc/ssh/sshd_config").splitlines()
    assert lines[0] == "ClientAliveInterval 180"
    assert "ClientAliveInterval=900" not in lines
    assert lines[-2:] == ["Match User git", "  ClientAliveInterval 60"]
    for file in (tree / "etc/ssh").glob("sshd_config.d/*"):
        assert file.read_text() == "ClientAliveInterval 180\n"


def test_what_stands_under_match_all_does_not_win_over_the_interval(tree: Path, run_step: Run) -> None:
    main = tree / "etc/ssh/sshd_config"
    blocks = (
        "Match User git\n  ClientAliveInterval 60\nMatch all # again\nClientAliveInterval 600\nUseDNS no\n"
    )
    main.write_text(f"{main.read_text()}{blocks}")
    run_step(tree, "sshd")
    assert read(tree, "etc/ssh/sshd_config").endswith(
        "Match User git\n  ClientAliveInterval 60\nMatch all # again\nUseDNS no\n"
    )


def test_sudo_asks_for_the_callers_password_and_the_file_keeps_its_mode(tree: Path, run_step: Run) -> None:
    run_step(tree, "sudoers")
    assert "# Defaults targetpw" in read(tree, "etc/sudoers").splitlines()
    assert stat.S_IMODE((tree / "etc/sudoers").stat().st_mode) == 0o440


def test_firewalld_of_the_base_is_disabled(tree: Path, run_step: Run) -> None:
    links = ("multi-user.target.wants/firewalld.service", "dbus-org.fedoraproject.FirewallD1.service")
    for name in links:
        link = tree / "etc/systemd/system" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("/usr/lib/systemd/system/firewalld.service")
    run_step(tree, "firewall")
    assert not [name for name in links if (tree / "etc/systemd/system" / name).is_symlink()]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Defaults env_reset,targetpw\n", ["Defaults env_reset"]),
        ("Defaults rootpw\n", []),
        (
            'Defaults:bob, amy passprompt="a, rootpw" , runaspw\n',
            ['Defaults:bob, amy passprompt="a, rootpw"'],
        ),
        ("Defaults env_reset, \\\n  targetpw, !lecture\n", ["Defaults env_reset, !lecture"]),
        ("Defaults !targetpw\n", ["Defaults !targetpw"]),
        ("Defaults targetpw # of the target\n", []),
        ("Defaults secure_path=/a:/b\n", ["Defaults secure_path=/a:/b"]),
    ],
)
def test_options_of_sudo_that_ask_for_another_password_go(
    tree: Path, run_step: Run, text: str, kept: list[str]
) -> None:
    (tree / "etc/sudoers").write_text(text)
    run_step(tree, "sudoers")
    assert [line for line in read(tree, "etc/sudoers").splitlines() if not line.startswith("#")] == kept
    options = sudoers.parse(read(tree, "etc/sudoers"))
    assert not [one for one in options if one.on and one.option in ("targetpw", "rootpw", "runaspw")]


def test_firewall_rules_of_the_base_go(tree: Path, run_step: Run) -> None:
    run_step(tree, "firewall")
    assert not (tree / "etc/iptables/rules.v4").exists()
    assert "drop" not in read(tree, "etc/nftables.conf")
    if tree.name == "ubuntu":
        assert read(tree, "etc/ufw/ufw.conf") == "ENABLED=no\nLOGLEVEL=low\n"


def test_accounts_are_locked_and_lose_their_keys_but_packer_can_go_on(tree: Path, run_step: Run) -> None:
    done = run_step(tree, "accounts")
    fields = dict(line.split(":")[:2] for line in read(tree, "etc/shadow").splitlines())
    assert fields == {"root": "!", "daemon": "*", "packer": "!", "app": "!$y$j9T$abc"}
    assert stat.S_IMODE((tree / "etc/shadow").stat().st_mode) == 0o640
    assert not (tree / "root/.ssh/authorized_keys").exists()
    assert not (tree / "home/app user/.ssh/authorized_keys").exists()
    assert (tree / "home/packer/.ssh/authorized_keys").exists()
    assert "app" in done.stderr


KEY = "ssh-ed25519 AAAAC3Nz somebody\n"
PLACES = {
    "etc/ssh/sshd_config":
        "AuthorizedKeysFile /etc/ssh/keys/%u .ssh/own '%h/%%k'\nTrustedUserCAKeys /etc/ssh/ca.pub\n",
    "etc/ssh/sshd_config.d/10-x.conf":
        "Match Group x\nauthorizedkeysfile=/etc/ssh/by-id/%U /etc/passwd /etc/ssh/../k\n",
    "etc/ssh/keys/root": KEY, "etc/ssh/keys/app": f"# mine\n{KEY}", "etc/ssh/keys/packer": KEY,
    "etc/ssh/by-id/1001": KEY, "home/app user/.ssh/own": f"restrict {KEY}", "home/app user/%k": KEY,
    "root/.ssh/own": "[Unit]\n", "etc/ssh/ca.pub": KEY, "etc/k": KEY,
}  # fmt: skip


def test_keys_go_from_wherever_sshd_takes_them(tree: Path, run_step: Run) -> None:
    for name, text in PLACES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    run_step(tree, "accounts")
    gone = {name for name in PLACES if not (tree / name).exists()}
    assert gone == {
        "etc/ssh/keys/root", "etc/ssh/keys/app", "etc/ssh/by-id/1001", "home/app user/.ssh/own",
        "home/app user/%k", "etc/ssh/ca.pub",
    }  # fmt: skip
    run_step(tree, "generalize")
    assert not (tree / "etc/ssh/keys/packer").exists()
    assert (tree / "etc/passwd").exists() and (tree / "etc/k").exists()


def test_history_goes_from_names_with_spaces_and_newlines(tree: Path, run_step: Run) -> None:
    run_step(tree, "history")
    assert not list(tree.rglob(".*history"))
    assert (tree / "home/app user/keep me.txt").exists()


def test_clean_takes_keys_caches_and_rotated_logs(tree: Path, run_step: Run) -> None:
    run_step(tree, "clean")
    gone = [
        "home/app user/.ssh/id_rsa", "home/app user/.ssh/known_hosts", "var/backups/passwd.bak",
        "var/lib/apt/lists/deb_dists_InRelease", "var/log/apt/history.log.1.gz", "var/log/old log\n.1",
    ]  # fmt: skip
    assert not [name for name in gone if (tree / name).exists()]
    assert read(tree, "var/log/auth.log")


def test_generalize_forgets_machine_and_user(tree: Path, run_step: Run) -> None:
    done = run_step(tree, "generalize")
    assert done.returncode == 0, done.stderr
    assert read(tree, "etc/machine-id") == ""
    assert read(tree, "etc/hostname") == "localhost.localdomain\n"
    assert not list((tree / "etc/ssh").glob("ssh_host_*"))
    assert not (tree / "home/packer").exists()
    assert (tree / "home/app user").exists()
    assert [line.split(":")[0] for line in read(tree, "etc/passwd").splitlines()] == ["root", "daemon", "app"]
    assert read(tree, "etc/group").splitlines() == ["root:x:0:", "sudo:x:27:app", "app:x:1001:"]
    assert read(tree, "etc/subuid") == "app:165536:65536\n"
    assert read(tree, "etc/sudoers.d/team") == "app ALL=(ALL) NOPASSWD:/bin/true\n"
    assert not (tree / "etc/sudoers.d/90-cloud-init-users").exists()
    assert (tree / "etc/sudoers.d/README").exists()
    for empty in ("tmp", "var/tmp", "var/lib/cloud", "var/lib/waagent", "var/lib/dhcp", "var/log/journal"):
        assert not list((tree / empty).iterdir())
    assert read(tree, "var/log/auth.log") == ""
    assert (tree / "etc/resolv.conf").is_symlink() == (tree.name == "ubuntu")


def test_generalize_deletes_the_accounts_it_is_told_to(tree: Path, run_step: Run) -> None:
    run_step(tree, "generalize", DELETE_USERS="app")
    assert "app" not in read(tree, "etc/passwd")
    assert not (tree / "home/app user").exists()


@pytest.mark.parametrize("home", ["/", "/usr/sbin", "/etc", "/home", "", "relative"])
def test_generalize_never_deletes_a_home_that_is_a_part_of_the_system(
    tree: Path, run_step: Run, home: str
) -> None:
    passwd = tree / "etc/passwd"
    passwd.write_text(passwd.read_text().replace("/home/packer", home))
    (tree / "usr/sbin").mkdir(parents=True)
    assert run_step(tree, "generalize").returncode == 0
    assert (tree / "usr/sbin").is_dir()
    assert (tree / "home/app user/keep me.txt").exists()
    assert "packer" not in read(tree, "etc/passwd")


def test_symlink_out_of_the_tree_is_refused(tree: Path, run_step: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text("Extensions.Enabled=n\n")
    (tree / "etc/waagent.conf").unlink()
    (tree / "etc/waagent.conf").symlink_to("../../outside.conf")
    done = run_step(tree, "waagent-conf")
    assert done.returncode == 1
    assert "leads out of the tree" in done.stderr
    assert outside.read_text() == "Extensions.Enabled=n\n"


def test_absolute_symlink_is_followed_inside_the_tree(tree: Path, run_step: Run) -> None:
    (tree / "usr/lib").mkdir(parents=True, exist_ok=True)
    (tree / "etc/waagent.conf").rename(tree / "usr/lib/waagent.conf")
    (tree / "etc/waagent.conf").symlink_to("/usr/lib/waagent.conf")
    assert run_step(tree, "waagent-conf").returncode == 0
    assert (tree / "etc/waagent.conf").is_symlink()
    assert "Extensions.Enabled=y" in read(tree, "usr/lib/waagent.conf")


def test_file_half_written_by_an_interrupted_run_is_overcome(tree: Path, run_step: Run) -> None:
    (tree / "etc/.vmoffer-a1B2c3D4e5").write_text("half a li")
    (tree / "etc/.vmoffer-a1B2c3D4e5").chmod(0o000)
    assert run_step(tree, "swap").returncode == 0
    assert not (tree / "etc/.vmoffer-a1B2c3D4e5").exists()
    assert "swap" not in read(tree, "etc/fstab")


def test_log_that_is_a_symlink_out_of_the_tree_is_not_emptied(
    tree: Path, run_step: Run, tmp_path: Path
) -> None:
    outside = tmp_path / "precious"
    outside.write_text("kept")
    (tree / "var/log/link").symlink_to(outside)
    (tree / "root/.sh_history").symlink_to(outside)
    assert run_step(tree, "generalize").returncode == 0
    assert outside.read_text() == "kept"
    assert not (tree / "root/.sh_history").is_symlink()


def test_live_run_without_root_is_refused(run_step: Run, tree: Path) -> None:
    step = next(step for step in steps.plan(make_sku("debian"), Builder.QEMU) if step.id == "sudoers")
    shell = "id() { echo 1000; }\n" + step.text
    done = subprocess.run(
        ["sh", "-c", shell], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "must run as root" in done.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/ssh/sshd_config.d/10-menu.conf", "ForceCommand /usr/local/bin/menu\n"),
        (
            "etc/ssh/sshd_config.d/20-all.conf",
            "Match User git\n  X11Forwarding no\nMatch All\n  ForceCommand x\n",
        ),
        ("etc/default/useradd", "SHELL=/usr/local/bin/wizard\n"),
        ("etc/profile.d/first login.sh", "# hello\nread -r -p 'Accept? ' answer\n"),
        ("root/.bashrc", "whiptail --yesno Accept? 10 40\n"),
    ],
)
def test_what_takes_a_login_over_is_named(tree: Path, run_step: Run, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)
    done = run_step(tree, "login")
    assert done.returncode == 1
    assert f"a login is taken over by /{name}" in done.stderr
    assert run_step(tree, "login", ALLOW="yes").returncode == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/ssh/sshd_config.d/10-git.conf", "Match User git\n  ForceCommand git-shell\n"),
        ("etc/ssh/sshd_config.d/20-files.conf", "ForceCommand internal-sftp\n"),
        ("etc/default/useradd", "# SHELL=/usr/local/bin/wizard\nSHELL=/bin/bash\n"),
        ("etc/profile.d/pipe.sh", "cat /etc/motd | while read -r line; do echo $line; done\n"),
    ],
)
def test_what_asks_nobody_is_let_through(tree: Path, run_step: Run, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)
    assert run_step(tree, "login").returncode == 0


def test_accelerated_card_is_left_unmanaged_only_where_it_is_declared(tree: Path, run_step: Run) -> None:
    rule = tree / "etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules"
    run_step(tree, "sriov")
    assert not rule.exists()
    run_step(tree, "sriov", DECLARED="yes")
    assert 'ENV{NM_UNMANAGED}="1"' in rule.read_text()


def test_chrony_where_it_is_takes_the_hosts_clock(tree: Path, run_step: Run) -> None:
    (tree / "etc/chrony.conf").write_text("pool example.org iburst\n")
    run_step(tree, "clock")
    lines = read(tree, "etc/chrony.conf").splitlines()
    assert [line for line in lines if line.startswith("refclock PHC /dev/ptp_hyperv")] == lines[1:]
    assert not (tree / "etc/udev/rules.d/66-vmoffer-clock.rules").exists()


def test_chrony_starts_with_the_clock_that_it_needs(tree: Path, run_step: Run) -> None:
    units = tree / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    (units / "chrony.service").write_text("[Service]\n")
    (units / "chronyd.service").symlink_to("chrony.service")
    run_step(tree, "clock")
    rule = read(tree, "etc/udev/rules.d/66-vmoffer-clock.rules")
    assert 'SYMLINK+="ptp_hyperv"' in rule
    assert 'ENV{SYSTEMD_WANTS}+="chrony.service"' in rule
    drop_in = read(tree, "etc/systemd/system/chrony.service.d/vmoffer.conf")
    assert "ConditionPathExists=/dev/ptp_hyperv" in drop_in
    assert run_step(tree, "clock").stdout == "vmoffer: clock: nothing to change\n"
