"""`vmoffer provision`: Linux steps on a scratch tree, and what each one changed."""

from __future__ import annotations

from pathlib import Path

import click

from vmoffer.path import PATH


@click.command()
@click.option("--root", type=PATH, help="The folder that holds the tree.")
@click.option("--family", required=True, help="The distribution of the tree: debian, rhel, sles, …")
@click.option("--step", "wanted", multiple=True, metavar="ID", help="Only this step; may be repeated.")
@click.option(
    "--chroot", "inside", is_flag=True, help="Run the tree's own tools as well, inside of it, as root."
)
@click.option("--list", "only_list", is_flag=True, help="List the family's steps and run none.")
def command(root: Path | None, family: str, wanted: tuple[str, ...], inside: bool, only_list: bool) -> None:
    """Run provisioner steps on the tree in a folder and show what each step changes.

    The tree is changed, and nothing outside of it. Files are edited; tools of the guest (packages, boot
    loader, initramfs) are not run, so that any machine can look at any family. With --chroot the folder is a
    mounted root file system, and the steps run inside of it with its tools, as in the running guest: do that
    only with a tree you would start as a machine.

    \b
    Example:
      vmoffer provision --root tree --family debian --step sshd --step sudoers
    """
    from generator.errors import NotMet, Unusable
    from vmoffer import scratch
    from vmoffer.console import say, show

    plan = scratch.planned(family, wanted)
    if only_list:
        for step in plan:
            show(f"{step.id:16} {step.phase:10} {step.name}")
        return
    if root is None:
        raise Unusable("--root is missing", hint="the folder that holds the tree, or --list")
    full = scratch.check_root(root)
    if inside:
        scratch.check_inside(full)
    undeclared = []
    for result in scratch.run(full, plan, inside):
        show(*_indented(result.said or f"vmoffer: {result.step}: failed"))
        for change in result.changes:
            show(*scratch.shown(change))
        undeclared += [f"{result.step} changed {one.path}" for one in result.changes if not one.declared]
        if result.complained:
            for line in _indented(f"{result.step}: {result.complained}"):
                say(line)
        if result.status:
            raise NotMet(f"step {result.step} failed with status {result.status}", where=str(root))
    if undeclared:
        raise NotMet(f"outside of the declared paths: {', '.join(undeclared)}", where=str(root))


def _indented(text: str) -> list[str]:
    """Lines of a step: a newline from a name in the tree must not make a line that looks like ours."""
    return text.replace("\n", "\n    ").split("\n")
