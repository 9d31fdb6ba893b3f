# ruff: noqa: E501 - a row is a line
"""Rows for who gets in and how: sshd, the agent, accounts, keys, sudo, firewalls, and what is masked."""

from __future__ import annotations

from images import Content_, Device, Link
from rule_cases import WANTS, Row, agent, sshd

UNITS = "/usr/lib/systemd/system"
NULL: dict[str, Content_] = {"/dev/null": Device()}
BY_AGENT = agent("Provisioning.Agent=waagent", drop="Provisioning.Agent")
NO_INTERVAL = sshd("UsePAM yes\n")
STORE = "/nix/store/abc-openssh/bin"


def unit(name: str, content: str, started: bool = True) -> dict[str, Content_]:
    """A unit of the image, and the link that starts it."""
    files: dict[str, Content_] = {f"{UNITS}/{name}": content}
    return {**files, f"{WANTS}/{name}": Link(f"{UNITS}/{name}")} if started else files


KEY = "ssh-ed25519 AAAAC3Nz somebody\n"
PASSWD = "root:x:0:0::/root:/bin/sh\n"
WORKER = f"{PASSWD}worker:x:1500:1500::/srv/worker:/bin/bash\n"
LOCKED = "root:*:19700::::::\nworker:!:19700::::::\n"


def keys_in(setting: str, **files: str) -> dict[str, Content_]:
    """An sshd_config with `setting`, and files whose names are written with _ for /."""
    return {
        **sshd(f"ClientAliveInterval 180\n{setting}\n"),
        **{name.replace("__", "/"): text for name, text in files.items()},
    }


LIB, ETC = "/usr/lib/firewalld", "/etc/firewalld"
WEB = {"ports": [{"label": "https", "range": "443"}]}
TO_HOST = "<ingress-zone name='ANY'/><egress-zone name='HOST'/>"
FAMILIES: list[dict[str, Content_]] = [
    {"/usr/lib/os-release": f"ID={name}\nVERSION_ID={version}\n"}
    for name, version in (
        ("debian", "12"),
        ("ubuntu", "24.04"),
        ("rhel", "9.4"),
        ("fedora", "42"),
        ("sles", "15.6"),
        ("azurelinux", "3.0"),
    )
]


def firewalld(more: str = "") -> dict[str, Content_]:
    """firewalld enabled, its zone `public` with `more` in it, and two services."""
    return {
        **unit("firewalld.service", "[Service]\n"),
        f"{ETC}/firewalld.conf": "# comment\nDefaultZone=public\n",
        f"{LIB}/zones/public.xml": f"<?xml version='1.0'?>\n<zone><short>Public</short><service name='ssh'/><service name='dhcpv6-client'/>{more}</zone>",
        f"{LIB}/services/ssh.xml": "<service><port protocol='tcp' port='22'/></service>",
        f"{LIB}/services/web.xml": "<service><include service='tls'/></service>",
        f"{LIB}/services/tls.xml": "<service><port protocol='tcp' port='440-450'/></service>",
    }


def direct(words: str) -> str:
    return f"<direct><rule ipv='ipv4' table='filter' chain='INPUT' priority='0'>{words}</rule></direct>"


ACCESS_ROWS: list[Row] = [
    # Keys from wherever the effective configuration takes them (issue 12, row 15).
    Row(
        "LNX-CRED-002",
        "fail",
        keys_in("AuthorizedKeysFile /etc/ssh/keys/%u", __etc__ssh__keys__root=KEY),
        evidence="root",
    ),
    Row(
        "LNX-CRED-002",
        "fail",
        keys_in("AuthorizedKeysFile .ssh/a '.ssh/my keys'", **{"__root__.ssh__my keys": KEY}),
        evidence="root",
    ),
    Row("LNX-CRED-002", "fail", keys_in("AuthorizedKeysFile %h/k%%", **{"__root__k%": KEY}), evidence="root"),
    Row(
        "LNX-CRED-002",
        "fail",
        keys_in("AuthorizedKeysFile /etc/keys/%U", __etc__keys__0=KEY),
        evidence="root",
    ),
    Row(
        "LNX-CRED-002",
        "fail",
        keys_in("AuthorizedKeysFile /etc/ssh/keys/%u", __etc__ssh__keys__azureuser=KEY),
        evidence="made later",
    ),
    Row(
        "LNX-CRED-002", "fail", keys_in("Match User root Address 10.0.0.0/8\nAuthorizedKeysFile /k", __k=KEY)
    ),
    Row("LNX-CRED-002", "pass", keys_in("Match User ghost\nAuthorizedKeysFile /k", __k=KEY)),
    Row("LNX-CRED-002", "pass", keys_in("AuthorizedKeysFile none", __etc__ssh__keys__root=KEY)),
    Row("LNX-CRED-002", "fail", keys_in("AuthorizedKeysFile none", **{"__root__.ssh__authorized_keys": KEY})),
    Row(
        "LNX-CRED-002", "fail", {"/etc/ssh/sshd_config.d/k.conf": "AuthorizedKeysFile ~/k\n", "/root/k": KEY}
    ),
    Row("LNX-CRED-002", "fail", {"/etc/skel/.ssh/authorized_keys": KEY}, evidence="made later"),
    Row("LNX-CRED-002", "fail", {"/root/.ssh/authorized_keys2": KEY}),
    Row(
        "LNX-CRED-002",
        "fail",
        keys_in("TrustedUserCAKeys /etc/ssh/ca.pub", __etc__ssh__ca=KEY, **{"__etc__ssh__ca.pub": KEY}),
        evidence="every account",
    ),
    Row(
        "LNX-CRED-002",
        "fail",
        keys_in("TrustedUserCAKeys /ca\nAuthorizedPrincipalsFile /p/%u", __ca=KEY),
        evidence="allows",
    ),
    Row("LNX-CRED-002", "pass", keys_in("TrustedUserCAKeys none\nAuthorizedKeysCommand none")),
    Row("LNX-CRED-002", "pass", keys_in("TrustedUserCAKeys /etc/ssh/gone.pub")),
    Row(
        "LNX-CRED-002",
        "warn",
        keys_in("AuthorizedKeysCommand /usr/bin/ask %u", __usr__bin__ask="x"),
        evidence="/usr/bin/ask",
    ),
    Row("LNX-CRED-002", "pass", keys_in("AuthorizedKeysCommand /usr/bin/gone %u")),
    # Weak: what LISA takes for a key, and accounts that cannot log in.
    Row("LNX-CRED-002", "fail", {"/root/.ssh/authorized_keys": "# nothing here\n"}, evidence="without a key"),
    Row("LNX-CRED-002", "pass", {"/root/.ssh/authorized_keys": "# nothing here\n"}, profile="policy"),
    Row("LNX-CRED-002", "pass", {"/root/.ssh/authorized_keys": "\n"}),
    Row(
        "LNX-CRED-002",
        "fail",
        {
            "/etc/passwd": f"{PASSWD}svc:x:999:999::/srv/svc:/bin/false\n",
            "/srv/svc/.ssh/authorized_keys": KEY,
        },
        evidence="svc",
    ),
    Row(
        "LNX-CRED-002",
        "fail",
        {
            "/etc/passwd": f"{PASSWD}svc:x:999:999::/srv/svc:/usr/sbin/nologin\n",
            "/srv/svc/.ssh/authorized_keys": KEY,
        },
        evidence="svc",
    ),
    Row(
        "LNX-CRED-002",
        "pass",
        {
            "/etc/passwd": f"{PASSWD}svc:x:999:999::/srv/svc:/usr/sbin/nologin\n",
            "/srv/svc/.ssh/authorized_keys": KEY,
        },
        profile="lisa",
    ),
    # sudoers as sudo parses it (issue 14, row 28; tests/validators/test_sudoers.py: the real cvtsudoers).
    Row("LNX-SUDO-001", "fail", {"/etc/sudoers": "Defaults env_reset,targetpw\n"}, evidence="targetpw"),
    Row("LNX-SUDO-001", "fail", {"/etc/sudoers": "Defaults rootpw\n"}, evidence="root's password"),
    Row("LNX-SUDO-001", "fail", {"/etc/sudoers": "Defaults !lecture, \\\n  runaspw\n"}, evidence="runaspw"),
    Row(
        "LNX-SUDO-001",
        "fail",
        {"/etc/sudoers": "@includedir /etc/sudoers.d\n", "/etc/sudoers.d/x": "Defaults:%sudo targetpw\n"},
        evidence="targetpw",
    ),
    Row(
        "LNX-SUDO-001",
        "pass",
        {"/etc/sudoers": "@includedir /etc/sudoers.d\n", "/etc/sudoers.d/x.bak": "Defaults targetpw\n"},
    ),
    Row(
        "LNX-SUDO-001",
        "pass",
        {"/etc/sudoers": "Defaults env_reset\n", "/etc/sudoers.d/x": "Defaults targetpw\n"},
    ),
    Row(
        "LNX-SUDO-001",
        "pass",
        {"/etc/sudoers": 'Defaults:postgres targetpw\nDefaults passprompt="a, targetpw"\n'},
    ),
    Row("LNX-SUDO-001", "pass", {"/etc/sudoers": "Defaults env_reset,rootpw\nDefaults !rootpw\n"}),
    Row(
        "LNX-SUDO-001",
        "fail",
        {"/etc/sudoers": "Defaults targetpw\nDefaults !targetpw\n"},
        evidence="LISA does not see",
    ),
    Row(
        "LNX-SUDO-001", "pass", {"/etc/sudoers": "Defaults targetpw\nDefaults !targetpw\n"}, profile="policy"
    ),
    Row(
        "LNX-SUDO-001",
        "fail",
        {"/etc/sudoers": None, "/usr/etc/sudoers": "Defaults targetpw\n"},
        evidence="targetpw",
    ),
    # K19: firewalld, and every family that has it; the zone `public` as Debian, Red Hat and SUSE ship it.
    *(
        row
        for release in FAMILIES
        for row in (
            Row(
                "LNX-NET-008",
                "warn",
                {**release, **firewalld()},
                evidence="rejects all but what the zone public opens",
            ),
            Row("LNX-NET-008", "warn", {**release, **firewalld()}, sku=WEB, evidence="rejects tcp 443"),
            Row(
                "LNX-NET-008", "pass", {**release, **firewalld("<port port='443' protocol='tcp'/>")}, sku=WEB
            ),
            Row("LNX-NET-008", "pass", {**release, **firewalld(), f"{WANTS}/firewalld.service": None}),
        )
    ),
    Row(
        "LNX-NET-008",
        "warn",
        {
            **firewalld(),
            f"{ETC}/firewalld.conf": "DefaultZone=drop\n",
            f"{LIB}/zones/drop.xml": "<zone target='DROP'/>",
        },
        sku=WEB,
        evidence="tcp 22",
    ),
    Row(
        "LNX-NET-008",
        "pass",
        {
            **firewalld(),
            f"{ETC}/firewalld.conf": "DefaultZone=trusted\n",
            f"{LIB}/zones/trusted.xml": "<zone target='ACCEPT'/>",
        },
    ),
    Row(
        "LNX-NET-008",
        "pass",
        {**firewalld(), f"{ETC}/zones/open.xml": "<zone target='ACCEPT'><interface name='eth0'/></zone>"},
    ),
    Row(
        "LNX-NET-008",
        "warn",
        {**firewalld(), f"{ETC}/zones/public.xml": "<zone/>"},
        sku=WEB,
        evidence="tcp 22",
    ),
    Row("LNX-NET-008", "pass", firewalld("<service name='web'/>"), sku=WEB),
    Row("LNX-NET-008", "pass", firewalld("<rule><service name='web'/><accept/></rule>"), sku=WEB),
    Row(
        "LNX-NET-008",
        "warn",
        firewalld("<rule><source address='10.0.0.0/8'/><service name='web'/><accept/></rule>"),
        sku=WEB,
    ),
    Row(
        "LNX-NET-008",
        "warn",
        firewalld("<service name='web'/><rule><port port='443' protocol='tcp'/><drop/></rule>"),
        sku=WEB,
        evidence="443",
    ),
    Row(
        "LNX-NET-008",
        "pass",
        firewalld(
            "<rule priority='-5'><service name='web'/><accept/></rule><rule><port port='443' protocol='tcp'/><drop/></rule>"
        ),
        sku=WEB,
    ),
    Row(
        "LNX-NET-008",
        "pass",
        {
            **firewalld(),
            f"{ETC}/policies/p.xml": f"<policy target='CONTINUE' priority='-1'>{TO_HOST}<service name='web'/></policy>",
        },
        sku=WEB,
    ),
    Row(
        "LNX-NET-008",
        "warn",
        {
            **firewalld("<service name='web'/>"),
            f"{ETC}/policies/p.xml": f"<policy target='REJECT' priority='-1'>{TO_HOST}</policy>",
        },
        sku=WEB,
        evidence="tcp 22",
    ),
    Row(
        "LNX-NET-008",
        "pass",
        {**firewalld(), f"{ETC}/direct.xml": direct("-p tcp -m tcp --dport 443 -j ACCEPT")},
        sku=WEB,
    ),
    Row(
        "LNX-NET-008",
        "warn",
        {**firewalld("<service name='web'/>"), f"{ETC}/direct.xml": direct("-p tcp --dport 22 -j DROP")},
        sku=WEB,
        evidence="tcp 22",
    ),
    Row(
        "LNX-NET-008",
        "pass",
        {**firewalld("<service name='web'/>"), f"{ETC}/direct.xml": direct("-s 10.0.0.0/8 -j DROP")},
        sku=WEB,
    ),
    Row(
        "LNX-NET-008",
        "warn",
        {**firewalld("<port port='8000-8005' protocol='tcp'/>")},
        sku={"ports": [{"label": "web", "range": "8000-8010"}]},
        evidence="8010",
    ),
    Row(
        "LNX-NET-008", "undecidable", {**firewalld(), f"{ETC}/zones/public.xml": "<zone>"}, evidence="not XML"
    ),
    Row(
        "LNX-NET-008",
        "undecidable",
        {**firewalld(), f"{ETC}/zones/public.xml": "<!DOCTYPE zone [<!ENTITY a 'b'>]><zone/>"},
        evidence="document type",
    ),
    Row(
        "LNX-NET-008",
        "warn",
        {
            "/usr/lib/os-release": "ID=azurelinux\nVERSION_ID=3.0\n",
            "/etc/systemd/scripts/ip4save": ":INPUT DROP [0:0]\n",
            **unit("iptables.service", "[Unit]\n"),
        },
        evidence="iptables.service",
    ),
    # K8: who complains, and how much.
    Row(
        "LNX-CRED-005",
        "warn",
        {"/etc/passwd": WORKER, "/etc/shadow": LOCKED},
        evidence="locked and without a key",
    ),
    Row("LNX-CRED-005", "skip", {"/etc/passwd": WORKER, "/etc/shadow": LOCKED}, profile="lisa"),
    Row(
        "LNX-CRED-005",
        "fail",
        {"/etc/passwd": WORKER, "/etc/shadow": LOCKED, "/srv/worker/.ssh/authorized_keys": KEY},
        evidence="left over: worker",
    ),
    Row(
        "LNX-CRED-005",
        "fail",
        {"/etc/passwd": WORKER, "/etc/shadow": "root:*:1::::::\nworker:$y$a:1::::::\n"},
        evidence="left over: worker",
    ),
    Row("LNX-CRED-001", "pass", {"/etc/shadow": "root::19700::::::\n"}, profile="lisa"),
    # K6: Match, quoting and Include as sshd reads them (tests/validators/test_sshd_configuration.py: the real one).
    Row(
        "LNX-SSH-001",
        "fail",
        sshd("ClientAliveInterval 180\nMatch all\nClientAliveInterval 600\n"),
        evidence="600",
    ),
    Row(
        "LNX-SSH-001",
        "pass",
        sshd("ClientAliveInterval 600\nMatch all\nClientAliveInterval 180\n"),
        evidence="180",
    ),
    Row("LNX-SSH-001", "pass", sshd("Match ALL # for everybody\nClientAliveInterval 180\n")),
    Row("LNX-SSH-001", "pass", sshd("Match User x\nMatch all\nClientAliveInterval 180\n")),
    Row(
        "LNX-SSH-001",
        "warn",
        sshd("ClientAliveInterval 180\nMatch User *\nClientAliveInterval 600\n"),
        evidence="Match User *",
    ),
    Row("LNX-SSH-001", "pass", sshd("ClientAliveInterval 180\nMatch User x\nClientAliveInterval 3m\n")),
    Row("LNX-SSH-001", "pass", sshd("ClientAliveInterval '180'\n")),
    Row("LNX-SSH-001", "pass", sshd('"ClientAliveInterval" 180\n')),
    Row("LNX-SSH-001", "fail", sshd("ClientAliveInterval 180 600\n"), evidence="does not start"),
    Row("LNX-SSH-001", "fail", sshd("ClientAliveInterval soon\n"), evidence="does not start"),
    Row(
        "LNX-SSH-001",
        "fail",
        sshd('ClientAliveInterval 180\nForceCommand "a\n'),
        evidence="a quote is not closed",
    ),
    Row(
        "LNX-SSH-001",
        "fail",
        sshd("ClientAliveInterval 180\nMatch Colour red\n"),
        evidence="no criterion colour",
    ),
    Row("LNX-SSH-001", "pass", {**NULL, "/etc/ssh/sshd_config.d/50-x.conf": Link("/dev/null")}),
    Row("LNX-SSH-001", "fail", {"/etc/ssh/sshd_config.d/50-x.conf": Link("/gone")}, evidence="leads nowhere"),
    # K7: what the agent writes when it provisions.
    Row("LNX-SSH-001", "pass", {**NO_INTERVAL, **BY_AGENT}, evidence="the agent has written 180"),
    Row(
        "LNX-SSH-001",
        "pass",
        {
            **NO_INTERVAL,
            **agent("Provisioning.Agent=auto", drop="Provisioning.Agent"),
            "/usr/bin/cloud-init": None,
        },
    ),
    Row(
        "LNX-SSH-001",
        "fail",
        {**NO_INTERVAL, **agent("Provisioning.Agent=auto", drop="Provisioning.Agent")},
        evidence="not set",
    ),
    Row(
        "LNX-SSH-001",
        "fail",
        {**BY_AGENT, "/etc/waagent.conf": "Provisioning.Agent=waagent\nOS.SshClientAliveInterval=600\n"},
        evidence="600",
    ),
    Row(
        "LNX-SSH-001",
        "fail",
        {**NO_INTERVAL, **BY_AGENT, "/usr/lib/os-release": "ID=azurelinux\nVERSION_ID=3.0\n"},
        evidence="not set",
    ),
    Row(
        "LNX-SSH-001",
        "fail",
        {**NO_INTERVAL, **BY_AGENT, "/usr/lib/os-release": "ID=fedora\nVERSION_ID=42\n"},
        evidence="not set",
    ),
    Row(
        "LNX-SSH-001",
        "fail",
        {
            **BY_AGENT,
            **sshd("Include sshd_config.d/*\n"),
            "/etc/ssh/sshd_config.d/a": "ClientAliveInterval 600\n",
        },
        evidence="600",
    ),
    Row("LNX-SSH-002", "pass", {**NO_INTERVAL, **BY_AGENT}),
    # K9: links to /dev/null, with the device node in the image and without.
    Row("LNX-UDEV-002", "pass", {**NULL, "/etc/udev/rules.d/70-persistent-net.rules": Link("/dev/null")}),
    Row("LNX-UDEV-002", "pass", {"/etc/udev/rules.d/70-persistent-net.rules": Link("/dev/null")}),
    Row(
        "LNX-UDEV-002",
        "pass",
        {
            **NULL,
            "/etc/udev/rules.d/75-persistent-net-generator.rules": Link("../../../dev/null"),
            "/usr/lib/udev/rules.d/75-persistent-net-generator.rules": "x",
        },
    ),
    Row(
        "LNX-UDEV-001",
        "warn",
        {**NULL, "/etc/udev/rules.d/66-azure-storage.rules": Link("/dev/null")},
        evidence="66-azure-storage.rules",
    ),
    Row("LNX-HIST-001", "pass", {**NULL, "/root/.bash_history": Link("/dev/null")}, evidence="0 bytes"),
    Row("LNX-HIST-001", "pass", {"/root/.bash_history": Link("/dev/null")}),
    Row(
        "LNX-HIST-001",
        "fail",
        {"/root/.bash_history": Link("/srv/history"), "/srv/history": "secret\n"},
        evidence="7 bytes",
    ),
    Row("LNX-SSH-003", "fail", {**NULL, "/etc/systemd/system/ssh.service": Link("../../../dev/null")}),
    Row("LNX-SSH-003", "fail", {**NULL, f"{UNITS}/ssh.service": Link("/dev/null")}),
    Row("LNX-SSH-003", "fail", {f"{UNITS}/ssh.service": ""}),
    Row(
        "LNX-AGENT-004",
        "fail",
        {**NULL, "/etc/systemd/system/walinuxagent.service": Link("../../../dev/null")},
    ),
    # K18: programs where the enabled units start them from.
    Row(
        "LNX-SSH-003",
        "pass",
        {
            "/usr/sbin/sshd": None,
            f"{STORE}/sshd": "x",
            **unit("ssh.service", f"[Service]\nExecStart=!{STORE}/sshd -D\n"),
        },
    ),
    Row(
        "LNX-SSH-003",
        "pass",
        {
            "/usr/sbin/sshd": None,
            f"{WANTS}/ssh.service": None,
            f"{STORE}/sshd": "x",
            **unit("login.service", f"[Service]\nExecStart={STORE}/sshd -D\n"),
        },
        evidence="starts at boot",
    ),
    Row(
        "LNX-SSH-003",
        "fail",
        {"/usr/sbin/sshd": None, **unit("ssh.service", f"[Service]\nExecStart={STORE}/sshd -D\n")},
        evidence="not installed",
    ),
    Row(
        "LNX-AGENT-001",
        "pass",
        {
            "/usr/sbin/waagent": None,
            "/opt/agent/bin/waagent": "x",
            **unit(
                "walinuxagent.service",
                "[Service]\nExecStart=/usr/bin/python3 -u /opt/agent/bin/waagent -daemon\n",
            ),
        },
    ),
    Row(
        "LNX-AGENT-004",
        "pass",
        {
            f"{WANTS}/walinuxagent.service": None,
            **unit("azure.service", "[Service]\nExecStart=/usr/bin/python3 -u /usr/sbin/waagent -daemon\n"),
        },
    ),
    Row(
        "LNX-AGENT-007",
        "pass",
        {
            "/etc/waagent.conf": None,
            "/srv/w.conf": "Provisioning.Agent=auto\n",
            **unit(
                "walinuxagent.service",
                "[Service]\nExecStart=/usr/sbin/waagent -daemon -configuration-path:/srv/w.conf\n",
            ),
        },
    ),
    # Weak: Debian's way to keep an installed server from starting; conditions of units in general.
    Row(
        "LNX-SSH-003",
        "fail",
        {
            "/etc/ssh/sshd_not_to_be_run": "",
            f"{UNITS}/ssh.service": "[Unit]\nConditionPathExists=!/etc/ssh/sshd_not_to_be_run\n",
        },
        evidence="sshd_not_to_be_run",
    ),
    Row(
        "LNX-SSH-003",
        "pass",
        {f"{UNITS}/ssh.service": "[Unit]\nConditionPathExists=!/etc/ssh/sshd_not_to_be_run\n"},
    ),
    Row(
        "LNX-SSH-003",
        "pass",
        {f"{UNITS}/ssh.service": "[Unit]\nConditionPathExists=|/gone\nConditionPathExists=|/etc/passwd\n"},
    ),
    Row(
        "LNX-AGENT-004",
        "fail",
        {f"{UNITS}/walinuxagent.service": "[Unit]\nConditionFileIsExecutable=/usr/sbin/gone\n"},
    ),
    Row(
        "LNX-AGENT-004",
        "pass",
        {f"{UNITS}/walinuxagent.service": "[Unit]\nConditionPathExists=/run/cloud-init/enabled\n"},
    ),
]
