"""Rules on accounts, what they can log in with, and what they left behind."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from validators.check import Answer, Case, met, rule, shown, unmet, warned
from validators.guest import Guest, Kind, Undecidable, exists, text, walk
from validators.linux import accounts, keys, sshd, sudoers
from validators.outcome import Severity

BUILD_USERS = ("packer", "azureuser", "lisa", "vagrant")
HISTORY = (".*sh_history", ".history")
OURS = ("policy", "guide-2015")  # who complains where LISA does not look
# What cloud-init puts before root's key: it opens nothing but tells whom to log in as.
STUB = re.compile(
    r"""(?:no-[A-Za-z0-9-]+,)*command="echo 'Please login as the user \\"[^"'\\]+\\" rather than the user """
    r"""\\"root\\"\.';echo;sleep \d+(?:;exit \d+)?" """
)
# Ends of paths below a home: hosts that were visited, and what opens a cloud, a registry or a store.
BELONGINGS = (
    ".ssh/known_hosts*", ".aws/credentials", ".aws/sso/cache/*", ".azure/accessTokens.json",
    ".azure/msal_token_cache.*", ".azure/service_principal_entries.*", ".azure/azureProfile.json",
    "gcloud/credentials.db", "gcloud/application_default_credentials.json", "gcloud/legacy_credentials/*",
    ".oci/config", ".terraform.d/credentials.tfrc.json", ".netrc", ".git-credentials", ".pypirc",
    ".config/gh/hosts.yml", ".docker/config.json", ".kube/config",
)  # fmt: skip
IDENTITIES = (
    "/etc/pki/consumer/key.pem", "/etc/pki/consumer/cert.pem", "/etc/zypp/credentials.d/SCCcredentials",
)  # fmt: skip
LISA_TARGETPW = re.compile(r"^Defaults\s+targetpw", re.MULTILINE)  # what LISA searches /etc/sudoers for
# Options of sudoers(5) with which sudo wants the password of another account than the caller's.
FOREIGN_PASSWORDS = {
    "targetpw": "the target's password, which nobody has",
    "rootpw": "root's password, which nobody has",
    "runaspw": "the password of runas_default, root's, which nobody has",
}
NOBODY = 65534
KEY_BYTES = 64 << 10  # of a file that may be a private key; larger ones are none
KEY_HEAD_BYTES = 200


@rule("LNX-HIST-001")
def no_history(case: Case) -> Answer:
    found: list[tuple[str, int]] = []
    for account in _existing(case):
        # LISA looks where a shell wrote history: accounts whose shell ends in `sh`.
        if not account.shell.endswith("sh") or account.home in ("", "/"):
            continue
        for path, facts in walk(case.guest, account.home):
            name = path.rpartition("/")[2]
            if facts.kind is not Kind.DIRECTORY and any(fnmatchcase(name, pattern) for pattern in HISTORY):
                content = case.guest.stat(path)  # a link to /dev/null keeps nothing
                found.append((path, content.size if content else 0))
    total = sum(size for _, size in found)
    complain = tuple(n for n, limit in case.thresholds.items() if total > limit["max_bytes"])
    if complain:
        named = shown([f"{path} ({size} bytes)" for path, size in found if size])
        return unmet(named, next(path for path, size in found if size), graders=complain)
    if found:
        return met(f"{shown([path for path, _ in found])}: {total} bytes", found[0][0])
    return met("no history file")


@rule("LNX-CRED-001")
def no_passwords(case: Case) -> Answer:
    found = _existing(case)
    opened = [a.name for a in found if not a.locked and a.password not in ("", "x")]
    if opened:
        return unmet(f"a password is set for {shown(opened)}", "/etc/shadow")
    empty = [a.name for a in found if not a.locked and a.password == "" and a.can_log_in]
    if empty:
        evidence = f"no password at all is needed for {shown(empty)}"
        return unmet(evidence, "/etc/shadow", graders=OURS)  # LISA passes an empty field
    return met(f"all {len(found)} accounts are locked", "/etc/shadow")


@rule("LNX-CRED-002")
def no_keys(case: Case) -> Answer:
    guest, known = case.guest, _existing(case)
    config = sshd.read(guest)
    shells = {account.name: account.shell for account in known}
    unseen: Answer | None = None
    for file in keys.files(guest, config, known):
        opening = [line for line in file.lines if not STUB.match(line)]
        by_lisa = _seen_by_lisa(file, shells.get(file.account, "nologin"))
        if opening:
            whom = f"the account {file.account}" if file.account else "accounts that are made later"
            evidence = f"{len(opening)} {'keys open' if len(opening) > 1 else 'key opens'} {whom}"
            return unmet(evidence, file.path, graders=None if by_lisa else OURS)
        if by_lisa:
            # LISA takes any content for a key but cloud-init's line.
            unseen = unseen or unmet("a file without a key, and not empty", file.path, graders=("lisa",))
    if unseen and "lisa" in case.graders:
        return unseen
    return _keys_from_elsewhere(case, config) or met("no account has authorized keys")


def _seen_by_lisa(file: keys.KeyFile, shell: str) -> bool:
    """Whether LISA's verify_no_pre_exist_users fails for this file."""
    own = file.path.endswith("/.ssh/authorized_keys") and "nologin" not in shell
    stub = any(STUB.match(line) for line in file.content.splitlines())
    return own and bool(file.account) and bool(file.content.strip()) and not stub


def _keys_from_elsewhere(case: Case, config: sshd.Config | None) -> Answer | None:
    """Certificates and programs that open accounts without a file of keys; None if there are none."""
    found = keys.authorities(case.guest, config)
    if found:
        path, count = found[0]
        evidence = f"whoever holds one of {count} certificate authorities (TrustedUserCAKeys) opens "
        limits = keys.principals(config)
        evidence += f"what {limits[0].where} allows" if limits else "every account"
        return unmet(evidence, path, graders=OURS)
    asked = keys.commands(case.guest, config)
    if asked:
        evidence = f"keys come from {asked[0].value.split()[0]} (AuthorizedKeysCommand), which no image shows"
        return warned(evidence, asked[0].where, graders=OURS)
    return None


@rule("LNX-CRED-003")
def no_host_keys(case: Case) -> Answer:
    found = case.guest.glob("/etc/ssh/ssh_host_*")
    return unmet(f"every machine would have {shown(found)}", found[0]) if found else met("no host keys")


@rule("LNX-CRED-004")
def root_is_locked(case: Case) -> Answer:
    for account in _existing(case):
        if account.name == "root":
            if account.locked:
                return met("locked", "/etc/shadow")
            return unmet("root can log in with a password, or none", "/etc/shadow")
    raise Undecidable("/etc/passwd has no root")


@rule("LNX-CRED-005")
def no_build_users(case: Case) -> Answer:
    known = _existing(case)
    people = [a for a in known if a.name in BUILD_USERS or (1000 <= a.uid < NOBODY and a.can_log_in)]
    if not people:
        return met("no account of a person")
    config = sshd.read(case.guest)
    with_keys = {file.account for file in keys.files(case.guest, config, people) if file.lines}
    opened = [a.name for a in people if a.name in BUILD_USERS or not a.locked or a.name in with_keys]
    if opened:
        return unmet(f"left over: {shown(opened)}", "/etc/passwd")
    # Neither LISA nor the certification tool asks for more than passwords and keys.
    names = shown([account.name for account in people])
    evidence = f"locked and without a key, but with a login shell: {names}"
    return unmet(evidence, "/etc/passwd", severity=Severity.RECOMMENDATION)


@rule("LNX-CRED-006")
def no_belongings(case: Case) -> Answer:
    guest = case.guest
    found = [path for path in IDENTITIES if exists(guest, path)]
    for home in accounts.homes(accounts.read(guest)):
        for path, facts in walk(guest, home):
            if facts.kind is Kind.DIRECTORY:
                continue
            if any(fnmatchcase(path, f"*/{end}") for end in BELONGINGS):
                found.append(path)
            elif facts.kind is Kind.FILE and 0 < facts.size <= KEY_BYTES:
                head = guest.head(path, KEY_HEAD_BYTES) or b""
                found += [path] if b"PRIVATE KEY-----" in head else []
    if found:
        return unmet(shown(found), found[0])
    logs = _logs(guest)
    if logs:
        return warned(f"logs of the build: {shown(logs)}", logs[0])
    return met("no keys, credentials or logs in the usual places")


@rule("LNX-SUDO-001")
def sudo_asks_for_the_own_password(case: Case) -> Answer:
    by_lisa = LISA_TARGETPW.search(text(case.guest, "/etc/sudoers") or "")
    asked = [
        one for one in sudoers.defaults(case.guest) if one.option in FOREIGN_PASSWORDS and _for_customers(one)
    ]
    # The last one counts, and those that are bound to somebody are read after those for all.
    last = {one.option: one for one in sorted(asked, key=lambda one: bool(one.kind))}
    for one in last.values():
        if one.on:
            whose = FOREIGN_PASSWORDS[one.option]
            return unmet(
                f"Defaults {one.option} asks for {whose}", one.where, graders=None if by_lisa else OURS
            )
    if by_lisa:
        return unmet(
            "Defaults targetpw is taken back by a later line, which LISA does not see",
            "/etc/sudoers",
            graders=("lisa",),
        )
    return met("no Defaults targetpw, rootpw or runaspw")


def _for_customers(default: sudoers.Default) -> bool:
    """Whether it may apply to an account that the customer names; a single name is that of another one."""
    if default.kind != "user":
        return True
    names = [name for name in default.names if not name.startswith("!")]
    return any(name == "ALL" or name.startswith("%") or name.isupper() for name in names) or not names


def _existing(case: Case) -> list[accounts.Account]:
    found = accounts.read(case.guest)
    if not found:
        raise Undecidable("there is no /etc/passwd with accounts in it")
    return found


def _logs(guest: Guest) -> list[str]:
    return [path for path, facts in walk(guest, "/var/log") if facts.kind is Kind.FILE and facts.size > 0]
