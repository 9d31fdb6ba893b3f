"""`vmoffer doctor`: what this machine has and lacks."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """List the native tools: version or missing, what for, and the command that mends it.

    \b
    Exit status 3 if something that `vmoffer build` needs is missing. Example:
      vmoffer doctor
    """
    from rich.table import Table

    from generator.errors import Surroundings
    from tools import doctor, machine, packer
    from vmoffer.console import out

    table = Table("tool", "found", "needed for", box=None, pad_edge=False)
    found = doctor.look()
    for tool in found:
        state = f"{tool.version} {tool.path}".strip() if tool.path else "missing"
        table.add_row(tool.native.name, state, tool.native.use)
    table.add_row("packer", packer.state(), "drives the build")
    table.add_row("accelerator", machine.accelerator(), "kvm, or tcg: a guest in software, slow but sure")
    out.print(table)
    missing = [tool.native for tool in found if tool.path is None]
    if missing:
        out.print(f"mend: {doctor.mend(missing)}", markup=False)
    doctor.judge(found, packer.available())
