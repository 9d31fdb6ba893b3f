"""Where an error is explained: a rule on docs/rules.md, all others on docs/troubleshooting.md."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import TracebackType

from generator.errors import VmofferError

PAGE = "docs/troubleshooting.md"
# Module that raises → section of the page. A module is one noun, and so is what can go wrong in it. For one
# that is not here its caller counts, in the end the command: each of them is here.
TOPICS = {
    "generator.atomic_file": "symbolic-link",
    "generator.catalogue": "no-sku",
    "generator.changes": "changed-since",
    "generator.edit": "definition",
    "generator.hcl": "definition",
    "generator.hcl_blocks": "import",
    "generator.hcl_json": "import",
    "generator.packer_step": "own-steps",
    "generator.packer_template": "import",
    "generator.lint": "rules-not-met",
    "generator.load": "definition",
    "generator.marketplace": "new",
    "generator.plugin_lock": "packer",
    "generator.pipeline": "pipeline",
    "generator.project": "definition",
    "generator.render": "builder",
    "generator.starter": "new",
    "generator.steps": "settings",
    "publisher.download": "download",
    "publisher.handout": "sas",
    "publisher.job": "upload",
    "publisher.journal": "upload",
    "publisher.lease": "upload",
    "publisher.manageddisk": "upload",
    "publisher.proof": "upload",
    "publisher.sas": "sas",
    "publisher.store": "storage",
    "publisher.transfer": "upload",
    "publisher.upload": "upload",
    "tools.azcopy": "missing-tool",
    "tools.azurite": "local-store",
    "tools.base": "base-image",
    "tools.doctor": "missing-tool",
    "tools.golang": "packer",
    "tools.grub": "base-image",
    "tools.machine": "missing-tool",
    "tools.packer": "packer",
    "tools.partitions": "base-image",
    "tools.plugins": "packer",
    "tools.work": "bring-in",
    "validators.catalogue": "validate",
    "validators.convert": "convert",
    "validators.datadisk": "data-disk",
    "validators.disk": "disk-file",
    "validators.engine": "validate",
    "validators.content": "data-disk",
    "validators.ext4": "data-disk",
    "validators.finalize": "finalize",
    "validators.gpt": "convert",
    "validators.native": "missing-tool",
    "validators.partfile": "convert",
    "validators.qemu_img": "convert",
    "validators.rangehttp": "remote-disk",
    "validators.remains": "finalize",
    "validators.remote": "remote-disk",
    "validators.sparse": "convert",
    "validators.vhd": "disk-file",
    "validators.xfs": "data-disk",
    "vmoffer.azure.account": "azure",
    "vmoffer.azure.arm": "azure",
    "vmoffer.azure.cloud": "azure",
    "vmoffer.azure.gallery": "azure",
    "vmoffer.azure.rights": "azure",
    "vmoffer.azure.sign_in": "azure",
    "vmoffer.commands.build": "build",
    "vmoffer.commands.bump": "definition",
    "vmoffer.commands.ci": "pipeline",
    "vmoffer.commands.convert": "convert",
    "vmoffer.commands.disk": "disk-file",
    "vmoffer.commands.doctor": "missing-tool",
    "vmoffer.commands.download": "download",
    "vmoffer.commands.finalize": "finalize",
    "vmoffer.commands.generate": "generated-files",
    "vmoffer.commands.import_": "import",
    "vmoffer.commands.lint": "no-sku",
    "vmoffer.commands.list": "definition",
    "vmoffer.commands.new": "new",
    "vmoffer.commands.provision": "provision",
    "vmoffer.commands.rules": "validate",
    "vmoffer.commands.sas": "sas",
    "vmoffer.commands.store": "local-store",
    "vmoffer.commands.upload": "upload",
    "vmoffer.commands.validate": "validate",
    "vmoffer.existing": "build",
    "vmoffer.preflight": "build",
    "vmoffer.scratch": "provision",
    "vmoffer.secrets": "own-steps",
    "vmoffer.watch": "build",
}
# What the operating system refuses is the same everywhere.
BY_ERRNO = {
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EROFS: "permission",
}
SECTION = re.compile(r'<a id="(?P<name>[^"]+)"></a>(?P<title>[^\n]*)\n(?P<text>.*)', re.DOTALL)


def help_line(problem: VmofferError, cause: BaseException) -> str:
    """How to read more about `problem`, which `cause` became."""
    if problem.rule:
        return f"help: vmoffer rules {problem.rule} (docs/rules.md#{problem.rule.lower()})"
    return topic_line(topic_of(problem, cause))


def topic_line(topic: str) -> str:
    """How to read a section: a command, and the same as a page with its anchor."""
    return f"help: vmoffer help {topic} ({PAGE}#{topic})"


def topic_of(problem: VmofferError, cause: BaseException) -> str:
    """The section for an error: by its number, by who raised it or called that, else by the exit status."""
    number = cause.errno if isinstance(cause, OSError) else None
    if number in BY_ERRNO:
        return BY_ERRNO[number]
    for module in reversed(list(_modules(cause.__traceback__))):
        if module in TOPICS:
            return TOPICS[module]
    return f"status-{problem.status}"


def _modules(trace: TracebackType | None) -> Iterator[str]:
    while trace:
        yield trace.tb_frame.f_globals.get("__name__", "")
        trace = trace.tb_next


def sections() -> dict[str, str]:
    """The page's sections as Markdown, by anchor."""
    parts = (SECTION.fullmatch(part) for part in re.split(r"^#{2,3} ", _page(), flags=re.MULTILINE))
    return {part["name"]: f"{part['title']}\n\n{part['text'].strip()}\n" for part in parts if part}


def _page() -> str:
    """The page of the installed package, or of the checkout."""
    shipped = files("vmoffer").joinpath("troubleshooting.md")
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return (Path(__file__).parent.parent / PAGE).read_text(encoding="utf-8")
