"""Rules on the kernel and its command line, judged on what boots when nobody touches the menu."""

from __future__ import annotations

from collections.abc import Callable

from generator.generation import Generation
from validators.check import Answer, Case, met, rule, skipped, unmet, warned
from validators.guest import Undecidable, exists, lines
from validators.linux import boot, elf, kernel, release, systemd
from validators.linux.versions import at_least
from validators.outcome import Status

HYPERV_MODULES = {
    "hv_vmbus": "CONFIG_HYPERV",
    "hv_storvsc": "CONFIG_HYPERV_STORAGE",
    "hv_netvsc": "CONFIG_HYPERV_NET",
}
KEYBOARD = ("hyperv_keyboard", "CONFIG_HYPERV_KEYBOARD")  # LISA alone asks for it
OTHER_MODULES = {"nvme": "CONFIG_BLK_DEV_NVME", "nvme_core": "CONFIG_NVME_CORE"}
NVME_TIMEOUT = "nvme_core.io_timeout=240"
QUIET = ("rhgb", "quiet", "crashkernel=auto")
UDEV_FOLDERS = ("/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
UNMANAGED_RULES = ("68-azure-sriov-nm-unmanaged.rules", "10-azure-unmanaged-sriov.rules")
NETWORK_MANAGER = (
    "/etc/NetworkManager/NetworkManager.conf",
    "/etc/NetworkManager/conf.d/*.conf",
    "/usr/lib/NetworkManager/conf.d/*.conf",
)
FORBIDDEN = ("libata.atapi_enabled=0", "reserve=0x1f0,0x8")


@rule("LNX-KERN-001")
def console_is_serial(case: Case) -> Answer:
    return _console(case)


@rule("LNX-SSH-005")
def serial_console_without_ssh(case: Case) -> Answer:
    return _console(case)


def _console(case: Case) -> Answer:
    wanted = _serial(case)

    def problem(entry: boot.Entry) -> str:
        consoles = [value.split(",")[0] for value in entry.value("console")]
        return "" if wanted in consoles else f"no console={wanted}"

    return _line(case, problem, f"console={wanted}")


@rule("LNX-KERN-002")
def early_messages_are_serial(case: Case) -> Answer:
    if _serial(case) != "ttyS0":
        return met("earlyprintk=ttyS0 is for x86-64")

    def problem(entry: boot.Entry) -> str:
        values = {part for value in entry.value("earlyprintk") for part in value.split(",")}
        return "" if "ttyS0" in values else "no earlyprintk=ttyS0"

    return _line(case, problem, "earlyprintk=ttyS0")


@rule("LNX-KERN-003")
def root_may_be_late(case: Case) -> Answer:
    def problem(entry: boot.Entry) -> str:
        values = entry.value("rootdelay")
        return "" if values[-1:] == ["300"] else f"rootdelay={values[-1]}" if values else "no rootdelay=300"

    return _line(case, problem, "rootdelay=300")


@rule("LNX-KERN-004")
def cards_have_old_names(case: Case) -> Answer:
    if case.guest.readlink("/etc/systemd/network/99-default.link") == "/dev/null":
        return met("names are not changed", "/etc/systemd/network/99-default.link")
    wanted = "net.ifnames=0"
    return _line(case, lambda e: "" if wanted in e.arguments else f"no {wanted}", wanted)


@rule("LNX-KERN-005")
def boot_is_not_quiet(case: Case) -> Answer:
    return _line(case, lambda e: _has(e, QUIET), f"none of {', '.join(QUIET)}", unwanted=True)


@rule("LNX-KERN-006")
def no_obsolete_arguments(case: Case) -> Answer:
    return _line(case, lambda e: _has(e, FORBIDDEN), f"none of {', '.join(FORBIDDEN)}", unwanted=True)


@rule("LNX-KERN-007")
def hyperv_drivers_are_early(case: Case) -> Answer:
    entry, version = _kernel(case)
    options = kernel.configuration(case.guest, version)
    builtin = _built_in(case, version)
    if not options and not builtin:
        raise Undecidable(f"neither configuration nor module list of kernel {version} is in the image")
    as_module = {*HYPERV_MODULES, KEYBOARD[0]} - builtin
    if not as_module:
        return met(f"built into kernel {version}")
    early = kernel.loaded_early(case.guest, entry, as_module)
    missing = sorted(as_module - early - {KEYBOARD[0]})
    where = entry.initrds[0] if entry.initrds else entry.where
    if missing:
        return unmet(f"kernel {version} boots without {', '.join(missing)}", where)
    if as_module - early:
        return warned(f"{KEYBOARD[0]} is missing; only LISA asks for it", where, graders=("lisa",))
    return met(f"{', '.join(sorted(as_module))} for kernel {version}", where)


@rule("LNX-KERN-008")
def kernel_options(case: Case) -> Answer:
    _, version = _kernel(case)
    options = kernel.configuration(case.guest, version)
    if not options:
        raise Undecidable(f"the configuration of kernel {version} is not in the image")
    missing = [name for name in ("CONFIG_WATCHDOG", "CONFIG_CIFS") if options.get(name) not in ("y", "m")]
    return unmet(f"{', '.join(missing)} not set", version) if missing else met("both are set", version)


@rule("LNX-KERN-010")
def kernel_has_storage_patches(case: Case) -> Answer:
    _, version = _kernel(case)
    evidence = f"kernel {version}"
    return met(evidence) if at_least(version, case.rule.limits["fixed_in"]) else unmet(evidence)


@rule("LNX-ARCH-001")
def is_64_bit(case: Case) -> Answer:
    found = elf.machine(case.guest)
    if found is None:
        raise Undecidable("no program was found that tells the architecture")
    machine, bits, path = found
    good = bits == 64 and machine in ("x86_64", "aarch64")
    return met(f"{machine}, {bits} bit", path) if good else unmet(f"{machine}, {bits} bit", path)


@rule("LNX-NVME-001")
def boots_from_nvme(case: Case) -> Answer:
    if case.sku is None or not case.sku.properties.nvme:
        return skipped("the plan does not declare NVMe")
    if case.generation is Generation.GEN1:
        return unmet("NVMe needs generation 2")
    system = release.read(case.guest)
    listed = release.listed(system, case.rule.limits["systems"])
    if listed is False:
        return unmet(
            f"{system.name or system.id or 'an unknown system'} is not on the list of supported systems"
        )
    line = _line(case, lambda e: "" if NVME_TIMEOUT in e.arguments else f"no {NVME_TIMEOUT}", NVME_TIMEOUT)
    if line.status is not Status.PASS:
        return line
    entry, version = _kernel(case)
    wanted = {"nvme", "nvme_core"} - _built_in(case, version)
    missing = sorted(wanted - kernel.loaded_early(case.guest, entry, wanted)) if wanted else []
    if missing:
        return unmet(f"kernel {version} boots without {', '.join(missing)}")
    return line if listed else warned(f"{system.name} is newer than the list of supported systems")


@rule("LNX-AN-001")
def has_accelerated_drivers(case: Case) -> Answer:
    if case.sku is None or not case.sku.properties.accelerated_networking:
        return skipped("the plan does not declare accelerated networking")
    _, version = _kernel(case)
    have = _built_in(case, version) | kernel.on_disk(case.guest, version)
    if not have:
        raise Undecidable(f"the modules of kernel {version} are not listed in the image")
    missing = [name for name in ("mlx4_core", "mlx5_core") if name not in have]
    if missing:
        return unmet(f"kernel {version} has no {' and no '.join(missing)}")
    if "mana" not in have:
        return warned(f"kernel {version} has no mana")
    if systemd.started_by(case.guest, "NetworkManager.service") and not _leaves_functions_alone(case):
        return warned("NetworkManager would take over the virtual function: no rule leaves it alone")
    return met(f"kernel {version} has mlx4_core, mlx5_core and mana")


def _leaves_functions_alone(case: Case) -> bool:
    """A udev rule of the distribution or of azure-vm-utils, or NetworkManager's own setting."""
    if any(exists(case.guest, f"{folder}/{name}") for folder in UDEV_FOLDERS for name in UNMANAGED_RULES):
        return True
    settings = (
        line
        for place in NETWORK_MANAGER
        for path in case.guest.glob(place)
        for line in lines(case.guest, path)
    )
    return any(line.startswith("unmanaged-devices") and "driver:mlx5_core" in line for line in settings)


def _built_in(case: Case, version: str) -> set[str]:
    """Drivers that are part of the kernel, from its configuration and its own list."""
    options = kernel.configuration(case.guest, version)
    every = {**HYPERV_MODULES, KEYBOARD[0]: KEYBOARD[1], **OTHER_MODULES}
    own = {name for name, option in every.items() if options.get(option) == "y"}
    return own | kernel.built_in(case.guest, version)


def _serial(case: Case) -> str:
    if case.generation is not None:
        return "ttyAMA0" if case.generation is Generation.ARM64 else "ttyS0"
    found = elf.machine(case.guest)
    return "ttyAMA0" if found and found[0] == "aarch64" else "ttyS0"


def _line(case: Case, problem: Callable[[boot.Entry], str], good: str, *, unwanted: bool = False) -> Answer:
    """Ask `problem` of every entry that boots by default; it answers with what is wrong, or nothing.

    `unwanted`: what is wrong are words that are there, otherwise words that are not. A variable of GRUB's
    whose value only a running machine knows may hold either.
    """
    found = boot.defaults(case.guest)
    if not found:
        wish = boot.default_grub(case.guest)
        asked = f"; /etc/default/grub asks for `{wish}`" if wish else ""
        raise Undecidable(f"no boot configuration with a kernel was found{asked}")
    for entry in found:
        wrong = problem(entry)
        line = f"`{' '.join(entry.arguments)}`"
        if entry.unsure and bool(wrong) is not unwanted:
            names = ", ".join(entry.unsure)
            raise Undecidable(f"{wrong or good} in {line}, but {entry.where} adds what is not known: {names}")
        if wrong:
            return unmet(f"{wrong} in {line}", entry.where)
    return met(good, found[0].where)


def _has(entry: boot.Entry, unwanted: tuple[str, ...]) -> str:
    found = [word for word in unwanted if word in entry.arguments]
    return " ".join(found)


def _kernel(case: Case) -> tuple[boot.Entry, str]:
    return kernel.booted(case.guest)
