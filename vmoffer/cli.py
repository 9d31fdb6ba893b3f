"""The `vmoffer` command: loads the one command that was asked for, and is the one error boundary."""

from __future__ import annotations

import errno
import importlib
import keyword
import os
import signal
import sys
import traceback
from types import FrameType

import click

from generator.errors import STATUSES, Fault, Surroundings, Unusable, VmofferError
from generator.printable import lines, printable
from generator.redaction import redact
from vmoffer import streams

# Name → module in vmoffer.commands, whose `command` is the click command. Imported on demand, so
# `vmoffer --help` and each command pay only for what they use.
COMMANDS = {
    "new": "write a commented SKU definition that passes lint",
    "import": "make a definition of a Packer template",
    "bump": "raise the version of a plan",
    "lint": "check definitions against schema and offer rules",
    "schema": "print the JSON Schema of a definition",
    "list": "show the catalogue of SKUs",
    "generate": "write the Packer project of a SKU",
    "ci": "write the pipeline of the catalogue",
    "build": "generate, run Packer, finalize, validate, upload, sign",
    "finalize": "turn a builder's raw output into the plan's VHDs",
    "convert": "raw, qcow2, vhdx or vmdk to a fixed VHD",
    "provision": "run Linux steps on a folder and show what changes",
    "disk": "create a data disk, or show what a disk file is",
    "validate": "judge disks against the certification rules",
    "upload": "put VHDs into a container as page blobs",
    "download": "fetch a page blob as a sparse file",
    "sas": "make or check the SAS URIs for Partner Center",
    "rules": "list the rules, or explain one",
    "store": "start, stop or show the local blob store",
    "doctor": "what this machine has and lacks",
    "help": "what an error means, and what to do",
}


# What the operating system says of a path that is no file: another one has to be given.
NO_FILE = {errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


# Libraries that fail at what a server says, by the package of their errors.
STRANGE = dict.fromkeys(("azure", "requests", "urllib3", "http", "xml"), "the server's answer makes no sense")


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        stem = f"{name}_" if keyword.iskeyword(name) else name
        module = importlib.import_module(f"vmoffer.commands.{stem}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Exit status"):
            formatter.write_dl([(str(number), meaning) for number, meaning in STATUSES.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vmoffer")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
def root(debug: bool) -> None:
    """From one SKU definition to a certified, uploaded Azure Marketplace VM image.

    Example: vmoffer build demo/debian-12
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with one of `generator.errors.STATUSES`."""
    streams.prepare()
    # A CI job that is cancelled gets SIGTERM, one whose terminal was closed SIGHUP, and one that a script put
    # into the background ignores SIGINT and hands that on to its children: all clean up the way Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # that is what nohup is for
        signal.signal(signal.SIGHUP, _hung_up)
    if "_VMOFFER_COMPLETE" in os.environ:  # a shell asks for completions
        root.main(prog_name="vmoffer")
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def _hung_up(number: int, frame: FrameType | None) -> None:
    """The kernel and the shell each send one; the second must not end the cleaning up."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.default_int_handler(number, frame)


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit status, also for what nobody thought of."""
    debug = False
    try:
        status = 0
        try:
            with root.make_context("vmoffer", list(arguments)) as context:
                debug = context.params["debug"]
                result: object = root.invoke(context)
                status = result if isinstance(result, int) else 0
        except click.exceptions.Exit as stop:
            status = stop.exit_code
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk is found here, not when Python ends
        return status
    except (KeyboardInterrupt, click.Abort):
        print("vmoffer: interrupted; what was started has been stopped", file=sys.stderr)
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except Exception as error:
        return _explain(error, debug)


def _explain(error: Exception, debug: bool) -> int:
    """Say on stderr what ended the command; returns the exit status."""
    if debug:
        print(lines(redact("".join(traceback.format_exception(error)))), end="", file=sys.stderr)
    problem = _problem(error)
    from vmoffer.topics import help_line

    print(f"{describe(problem)}\n  {help_line(problem, error)}", file=sys.stderr)
    _drop_unwritten()
    return problem.status


def _problem(error: Exception) -> VmofferError:
    if isinstance(error, VmofferError):
        return error
    if isinstance(error, click.ClickException):
        return _from_click(error)
    if isinstance(error, OSError):
        kind = Unusable if error.errno in NO_FILE else Surroundings
        where = None if error.filename is None else str(error.filename)
        return kind(error.strerror or str(error), where=where)
    if strange := STRANGE.get(type(error).__module__.partition(".")[0]):
        return Surroundings(strange, hint="try again; --debug says more")
    if type(error).__name__ == "Undecidable":  # validators.guest: of a reader, that nobody made an outcome of
        return Surroundings(str(error))
    if isinstance(error, MemoryError):
        return Surroundings("there is not enough memory")
    # Its text stays out: nobody looked whether there is a secret in it.
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Fault(
        f"a fault of vmoffer itself: {type(error).__name__} in {last.name}, line {last.lineno}",
        where=last.filename,
        hint="please report it to the project with this line and the command; --debug adds a traceback",
    )


def _from_click(error: click.ClickException) -> Unusable:
    what, *details = error.format_message().split("\n")
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "vmoffer"
    return Unusable(what, details=[one.strip() for one in details], hint=f"{command} --help")


def describe(problem: VmofferError) -> str:
    """What, where, which rule, what to do next, on as few lines as it takes."""
    rule = f" [{problem.rule}]" if problem.rule else ""
    where = f"{problem.where}: " if problem.where else ""
    text = [f"vmoffer: {where}{problem.what}{rule}", *(f"  {one}" for one in problem.details)]
    text += [f"  → {problem.hint}"] if problem.hint else []
    # Whatever found its way into a message: no secret is shown.
    return "\n".join(printable(redact(line)) for line in text)


def _drop_unwritten() -> None:
    """What could not be written to stdout is not tried again when Python ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        sys.stdout = None
