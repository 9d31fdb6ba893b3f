"""Rules on the files of a Windows system, and on what the registry says of files."""

from __future__ import annotations

import re

from validators import pe
from validators.check import Answer, Case, elsewhere, met, rule, shown, skipped, undecided, unmet
from validators.guest import Guest, Kind, Undecidable, exists, lines, text, walk
from validators.outcome import Severity
from validators.pe import Version
from validators.rules.windows import FEATURES, roles
from validators.windows import release, settings

SYSTEM32 = "/Windows/System32"
KERNEL = f"{SYSTEM32}/ntoskrnl.exe"
DRIVERS = f"{SYSTEM32}/drivers"
SYSPREP = "/Windows/System32/Sysprep"
PANTHER = "/Windows/Panther"
ANSWER_FILES = (
    f"{PANTHER}/unattend.xml", f"{PANTHER}/Unattend/unattend.xml", f"{SYSPREP}/unattend.xml",
    "/unattend.xml", "/autounattend.xml",
)  # fmt: skip
EXTENSIONS = "/Packages/Plugins/*"
SERVICES = r"SYSTEM\CurrentControlSet\Services"
DISABLED = 4  # a service's Start
TASKS = "/Windows/System32/Tasks"
ONCE, AT_START = ("<timetrigger", "<registrationtrigger"), ("<boottrigger", "<logontrigger")
SCRIPT = re.compile(r"[a-z]:\\[^\"'<>|\r\n]{1,250}?\.(?:ps1|cmd|bat)\b", re.IGNORECASE)
DELETES = re.compile(r"unregister-scheduledtask|schtasks(?:\.exe)?\s[^\r\n]{0,200}/delete", re.IGNORECASE)
WINLOGON = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
CERTIFICATES = r"Microsoft\SystemCertificates\MY\Certificates"
HOSTS = f"{DRIVERS}/etc/hosts"
KEYS = (
    "/Users/*/.ssh/id_*", "/Users/*/.ssh/authorized_keys", "/ProgramData/ssh/administrators_authorized_keys",
    "/ProgramData/ssh/ssh_host_*_key", "/Users/*/.aws/credentials", "/Users/*/.azure/*token*",
)  # fmt: skip
LOGS = (
    "/Users/*/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/*_history.txt", "/Windows/Temp/*.log",
    "/*.log",
)  # fmt: skip


@rule("WIN-ARCH-001")
def is_64_bit(case: Case) -> Answer:
    found = pe.machine(case.guest, KERNEL)
    if found is None:
        raise Undecidable(f"there is no {KERNEL}")
    evidence = f"{found[0]}, {found[1]} bit"
    return met(evidence, KERNEL) if found[1] == 64 else unmet(evidence, KERNEL)


@rule("WIN-GEN-002")
def sysprep_left_its_mark(case: Case) -> Answer:
    path = f"{SYSPREP}/Sysprep_succeeded.tag"
    return met("there", path) if exists(case.guest, path) else unmet("missing", path)


@rule("WIN-GEN-005")
def nothing_of_setup(case: Case) -> Answer:
    guest = case.guest
    found = [path for path in ANSWER_FILES if exists(guest, path)]
    if found:
        return unmet(f"answer file {shown(found)}", found[0])
    named = settings.text(guest, r"SYSTEM\Setup", "UnattendFile")
    if named:
        return unmet(f"setup is told to use the answer file {named}", r"SYSTEM\Setup")
    logs = guest.listdir(PANTHER)
    return (
        unmet(f"logs of setup: {shown(logs)}", PANTHER) if logs else met("no answer file, no logs of setup")
    )


@rule("WIN-GEN-006")
def nothing_that_sysprep_leaves_behind(case: Case) -> Answer:
    extensions = case.guest.glob(EXTENSIONS)
    if extensions:
        return unmet(f"VM extensions: {shown(extensions)}", extensions[0])
    found = roles(case.guest, case.rule.limits["roles"])
    if found is None:
        return undecided("this Windows does not record which roles are installed", f"SOFTWARE\\{FEATURES}")
    if found:
        return unmet(f"sysprep does not support {shown(found)}", f"SOFTWARE\\{FEATURES}")
    return met("no VM extension, no role that sysprep does not support")


@rule("WIN-AGENT-001")
def agent_is_there(case: Case) -> Answer:
    guest, names = case.guest, case.rule.limits["services"]
    for name in names:
        start = settings.number(guest, f"{SERVICES}\\{name}", "Start")
        if start is None or start == DISABLED:
            state = "is not installed" if start is None else "is disabled"
            return unmet(f"the service {name} {state}", f"{SERVICES}\\{name}")
    image = settings.text(guest, f"{SERVICES}\\{names[0]}", "ImagePath") or ""
    path = program(image)
    found = pe.version(guest, path) if path else None
    if found is None:
        return unmet(f"the program of {names[0]} is missing: {image or 'none is named'}", path)
    wanted = case.rule.limits["min"]
    evidence = f"version {_dotted(found)}; at least {wanted}"
    return met(evidence, path) if found >= _numbers(wanted) else unmet(evidence, path)


@rule("WIN-PATCH-002")
def smb_is_mended(case: Case) -> Answer:
    guest, limits = case.guest, case.rule.limits
    found = release.read(guest)
    if found.build >= limits["safe_from"]:
        return met(f"{found.name} (build {found.build}) came after the hole was closed")
    least = limits["builds"].get(str(found.build))
    if least is None:
        return undecided(f"build {found.build} is not in the published table")
    versions = {}
    for name in limits["files"]:
        version = pe.version(guest, f"{DRIVERS}/{name}")
        if version is not None:
            versions[name] = version
    if not versions:
        return undecided(f"neither of {shown(limits['files'])} is there", DRIVERS)
    evidence = shown([f"{name} {_dotted(version)}" for name, version in versions.items()])
    good = any(version >= _numbers(least) for version in versions.values())
    evidence = f"{evidence}; at least {least}"
    return met(evidence, DRIVERS) if good else unmet(evidence, DRIVERS)


@rule("WIN-PATCH-003")
def drivers_are_not_older(case: Case) -> Answer:
    guest, limits = case.guest, case.rule.limits
    found = release.read(guest)
    if found.build >= limits["safe_from"]:
        return met(f"{found.name} (build {found.build}) came after the table")
    table = limits["builds"].get(str(found.build))
    if table is None:
        return undecided(f"build {found.build} is not in the published table")
    older, seen = [], 0
    for name, least in table.items():
        version = pe.version(guest, f"{SYSTEM32}/{name}")
        if version is None:  # of a role or feature that is not installed
            continue
        seen += 1
        if version < _numbers(least):
            older.append(f"{name} {_dotted(version)}, at least {least}")
    if not seen:
        return undecided(f"none of the {len(table)} files of the table is there", SYSTEM32)
    return unmet(shown(older), SYSTEM32) if older else met(f"{seen} files are new enough", SYSTEM32)


@rule("WIN-TASK-001")
def tasks_delete_themselves(case: Case) -> Answer:
    guest, open_ones, tasks = case.guest, [], 0
    if not exists(guest, TASKS):
        return met("no task was added")
    for path, facts in walk(guest, TASKS):
        if facts.kind is not Kind.FILE or path.casefold().startswith(f"{TASKS}/Microsoft/".casefold()):
            continue
        tasks += 1
        task = _task(guest, path)
        once = any(trigger in task for trigger in ONCE) and "<repetition" not in task
        if once and "<deleteexpiredtaskafter" not in task and not _deletes(guest, task):
            return unmet("runs once and stays", path)
        if any(trigger in task for trigger in AT_START) and not _deletes(guest, task):
            open_ones.append(path)
    if open_ones:
        raise Undecidable(f"meant to run once or at every start? Nothing says so: {shown(open_ones)}")
    return met(f"{tasks} tasks that are not Microsoft's, none of them runs once and stays", TASKS)


@rule("WIN-CRED-001")
def no_credentials_and_leftovers(case: Case) -> Answer:
    guest = case.guest
    if settings.text(guest, WINLOGON, "DefaultPassword"):
        return unmet("the password of an automatic logon", WINLOGON)
    keys = [path for pattern in KEYS for path in guest.glob(pattern) if not path.endswith(".pub")]
    if keys:
        return unmet(shown(keys), keys[0])
    lesser: list[str] = []
    for line in lines(guest, HOSTS):
        words = line.partition("#")[0].split()
        if words and any(name.casefold() != "localhost" for name in words[1:]):
            lesser.append(f"{HOSTS}: {' '.join(words)}")
    lesser += [path for pattern in LOGS for path in guest.glob(pattern)]
    certificates = guest.registry("SOFTWARE").subkeys(CERTIFICATES)
    if certificates:
        lesser.append(f"{len(certificates)} certificates in the machine's own store")
    if lesser:
        return unmet(shown(lesser), lesser[0].partition(":")[0], severity=Severity.WARNING)
    return met("no password, no key, no log, no certificate, nothing in HOSTS")


@rule("WIN-IC-001")
def has_integration_components(case: Case) -> Answer:
    found, limits = release.read(case.guest), case.rule.limits
    if found.build > limits["build"]:
        return skipped(f"{found.name} has them built in")
    missing = [name for name in limits["drivers"] if not exists(case.guest, f"{DRIVERS}/{name}")]
    if missing:
        return unmet(f"missing: {shown(missing)}", DRIVERS)
    return elsewhere("they are there; which version is the latest is not published as a number", DRIVERS)


def program(image: str) -> str:
    """The path in the guest of what a service's ImagePath names; empty if it names nothing on C:."""
    quoted = re.match(r'\s*"([^"]+)"', image)
    name = (
        quoted[1] if quoted else re.split(r"(?<=\.exe)\s", image.strip(), maxsplit=1, flags=re.IGNORECASE)[0]
    )
    name = re.sub(r"^(?:%systemroot%|\\systemroot)", "C:\\\\Windows", name, flags=re.IGNORECASE)
    name = re.sub(r"^%systemdrive%", "C:", name, flags=re.IGNORECASE)
    name = re.sub(r"^%programfiles%", r"C:\\Program Files", name, flags=re.IGNORECASE)
    drive, colon, rest = name.removeprefix("\\??\\").partition(":")
    return rest.replace("\\", "/") if colon and drive.casefold() == "c" else ""


def _task(guest: Guest, path: str) -> str:
    """A task in small letters; Windows writes them in UTF-16."""
    data = guest.read(path) or b""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return data.decode(encoding, "replace").casefold()


def _deletes(guest: Guest, task: str) -> bool:
    """Whether the task, or a script that it runs, deletes a task."""
    if DELETES.search(task):
        return True
    scripts = (text(guest, program(name)) for name in SCRIPT.findall(task))
    return any(DELETES.search(script or "") for script in scripts)


def _numbers(version: str) -> Version:
    first, second, third, fourth = (int(part) for part in version.split("."))
    return first, second, third, fourth


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)
