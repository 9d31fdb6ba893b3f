"""`vmoffer doctor`: what this machine has and lacks."""

from __future__ import annotations

import click

from vmoffer.console import say, show

# What vmoffer makes or installs itself, into its cache.
THINGS = ("packer", "azure-plugin", "store", "base", "actionlint")


@click.command()
@click.option("--packages", is_flag=True, help="Only print the apt packages that are missing.")
@click.option("--bring", multiple=True, type=click.Choice(THINGS), help="Bring this into the cache now.")
def command(packages: bool, bring: tuple[str, ...]) -> None:
    """List the native tools: version or missing, what for, and the command that mends it.

    \b
    Exit status 3 if something that `vmoffer build` needs is missing. Example:
      vmoffer doctor
      vmoffer doctor --bring packer --bring base
    """
    from tools import doctor

    if packages:
        for name in doctor.missing_packages():
            show(name)
    elif bring:
        _bring(bring)
    else:
        _show()


def _bring(things: tuple[str, ...]) -> None:
    from tools import actionlint, azurite, base, packer

    if {"packer", "azure-plugin"} & set(things):
        packer.ensure(["qemu", "azure"] if "azure-plugin" in things else ["qemu"], say)
    if "actionlint" in things:
        actionlint.ensure(say)
    if "store" in things:
        azurite.installed(say)
    if "base" in things:
        for name in base.names():
            base.ensure(name, say)


def _show() -> None:
    from tools import doctor, machine, packer
    from vmoffer.topics import topic_line

    found = doctor.look()
    rows = [
        (tool.native.name, f"{tool.version} {tool.path}".strip() if tool.path else "missing", tool.native.use)
        for tool in found
    ]
    rows.append(("packer", packer.state(), "drives the build"))
    rows.append(("accelerator", machine.accelerator(), "kvm, or tcg: a guest in software, slow but sure"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, state, use in rows:
        show(f"{name:{widths[0]}}  {state:{widths[1]}}  {use}")
    missing = [tool.native for tool in found if tool.path is None]
    if missing:
        show(f"mend: {doctor.mend(missing)}")
        show(topic_line("missing-tool"))
    doctor.judge(found, packer.available())
