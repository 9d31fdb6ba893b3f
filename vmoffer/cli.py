"""The `vmoffer` command: loads the one command that was asked for, and is the one error boundary."""

from __future__ import annotations

import importlib
import keyword
import signal
import sys
from typing import Any

import click

from generator.errors import Surroundings, VmofferError
from generator.redaction import redact

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


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vmoffer")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
def root(debug: bool) -> None:
    """From one SKU definition to a certified, uploaded Azure Marketplace VM image.

    Example: vmoffer build demo/debian-12
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 rules not met, 2 unusable call, 3 surroundings failed."""
    # A CI job that is cancelled gets SIGTERM, and one that a script put into the background ignores
    # SIGINT and hands that on to its children: both clean up the way Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit status."""
    try:
        result: Any = root.main(args=arguments, prog_name="vmoffer", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("vmoffer: interrupted; what was started has been stopped", file=sys.stderr)
        return 130
    except click.ClickException as error:
        from vmoffer.topics import topic_line

        error.show()
        print(f"  {topic_line('status-2')}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stdout = None  # the reader is gone; nothing is left to flush
        return 0
    except (VmofferError, OSError) as error:
        if "--debug" in arguments:
            import traceback

            traceback.print_exc()
        problem = error if isinstance(error, VmofferError) else _from_os(error)
        from vmoffer.topics import help_line

        print(f"{describe(problem)}\n  {help_line(problem, error)}", file=sys.stderr)
        return problem.status


def describe(problem: VmofferError) -> str:
    """What, where, which rule, what to do next, on as few lines as it takes."""
    rule = f" [{problem.rule}]" if problem.rule else ""
    where = f"{problem.where}: " if problem.where else ""
    hint = f"\n  → {problem.hint}" if problem.hint else ""
    # Whatever found its way into a message: no secret is shown.
    return redact(f"vmoffer: {where}{problem.what}{rule}{hint}")


def _from_os(error: OSError) -> Surroundings:
    return Surroundings(error.strerror or str(error), where=str(error.filename) if error.filename else None)
