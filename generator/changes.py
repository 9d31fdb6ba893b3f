"""Which plans give another image than they did at a revision: `vmoffer list --changed-since REV`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator import catalogue, steps
from generator.catalogue import Definition
from generator.errors import Surroundings, Unusable
from generator.lint import named_files
from generator.load import Invalid, parse
from generator.model import Builder, Sku

# What all images depend on, in a checkout of vmoffer; elsewhere the pipeline fixes the installed version.
RENDERING = {
    f"generator/{name}.py"
    for name in (
        "aftermath",
        "base_image",
        "build_machine",
        "closed",
        "generation",
        "hcl",
        "image",
        "marks",
        "model",
        "places",
        "powershell",
        "project",
        "provisioning",
        "render",
        "steps",
    )
} | {"templates/place.sh", "templates/note.sh"}

OWN = tuple(f":/{folder}" for folder in ("generator", "templates", "provisioners", "tools"))


@dataclass(frozen=True)
class Changed:
    """A definition, the builders whose image is another one now, and the paths that say so.

    `raised` is whether its version is another one, too: an image that was uploaded is never replaced.
    """

    definition: Definition
    builders: list[Builder]
    because: list[str]
    raised: bool = True


def since(revision: str, definitions: list[Definition], also: list[str]) -> list[Changed]:
    """Those of `definitions` that changed after `revision`, with what they are built from.

    `also` are paths that every image depends on: a pipeline, a file of pinned versions. A revision of zeros,
    as a server sends it for a new branch, means everything. Raises Unusable for a revision that is not in the
    history and for changes that are not committed, Surroundings for a missing git.
    """
    if not revision.strip("0"):
        return [Changed(one, one.sku.builders, ["everything"]) for one in definitions]
    git = _Git(Path.cwd())
    own = (git.root / "generator" / "systems.yaml").is_file()
    paths = git.changed(revision, [catalogue.ROOT.as_posix(), *also, *(OWN if own else ())])
    found = []
    for definition in definitions:
        reasons = list(_reasons(definition, paths, git, revision, also, own))
        builders = [one for one in definition.sku.builders if any(one in which for _, which in reasons)]
        if builders:
            because = list(dict.fromkeys(path for path, _ in reasons))
            before = _before(git.show(revision, git.name(definition.path)))
            raised = before is None or before.version != definition.sku.version
            found.append(Changed(definition, builders, because, raised))
    return found


def _reasons(
    definition: Definition, paths: list[str], git: _Git, revision: str, also: list[str], own: bool
) -> Iterator[tuple[str, list[Builder]]]:
    """Every changed path that the image of `definition` depends on, and the builders it matters to."""
    sku, every = definition.sku, definition.sku.builders
    place = git.name(definition.path)
    # The pictures of the offer's page are files of the definition, but not of the image.
    named = [git.name(definition.root / name) for field, name, _ in named_files(sku) if field[0] != "listing"]
    common = [git.name(Path(name)) for name in also]
    for path in paths:
        if path == place:
            if not _same_image(sku, git.show(revision, path)):
                yield path, every
        elif any(_within(path, name) for name in (*named, *common)):
            yield path, every
        elif own:
            yield path, _own(sku, path)


def _own(sku: Sku, path: str) -> list[Builder]:
    """The builders of `sku` that a file of vmoffer itself matters to."""
    parts = PurePosixPath(path).parts
    every = sku.builders
    if path in RENDERING or parts[:2] == ("templates", "shared"):
        return every
    if parts[0] == "templates" and len(parts) > 1 and parts[1] in list(Builder):
        return [one for one in every if one == parts[1]]
    if parts[0] == "provisioners" and len(parts) > 2:
        return [one for one in every if _step(sku, one, parts[1], parts[2])]
    if parts[:2] == ("tools", "recipes") and sku.base.qemu and sku.base.qemu.recipe:
        shared = not parts[-1].endswith(".toml") or parts[-1] == "common.toml"
        return [Builder.QEMU] if shared or parts[-1] == f"{sku.base.qemu.recipe}.toml" else []
    return []


def _step(sku: Sku, builder: Builder, family: str, name: str) -> bool:
    """Whether a file in provisioners/<family> reaches the guest: a step's script, or what all steps share."""
    if family != sku.os.family:
        return False
    scripts = {f"{entry.id}{PurePosixPath(name).suffix}" for entry in steps.entries(sku.os.family)}
    return name not in scripts or name in {one.filename for one in steps.plan(sku, builder)}


def _same_image(sku: Sku, before: str | None) -> bool:
    """Whether a definition of then makes the image of now: comments and the offer's page do not reach it."""
    then = _before(before)
    if then is None:
        return False
    return then.model_copy(update={"listing": None}) == sku.model_copy(update={"listing": None})


def _before(text: str | None) -> Sku | None:
    """A definition of then; None if there was none that can be read."""
    try:
        return parse(Path("before"), text) if text is not None else None
    except Invalid:
        return None


def _within(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}/")


class _Git:
    """The work tree that holds `folder`; raises when there is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        top = self._run("rev-parse", "--show-toplevel")
        if top is None:
            raise Unusable(
                "--changed-since needs a git work tree",
                where=str(folder),
                hint="git init, and commit the definitions",
            )
        self.root = Path(top.strip())

    def changed(self, revision: str, clean: list[str]) -> list[str]:
        """Paths that differ between `revision` and HEAD, from the root of the work tree.

        Raises Unusable where they cannot tell: an unknown revision, an uncommitted change in `clean`.
        """
        if self._run("rev-parse", "--verify", "--quiet", "HEAD") is None:
            raise Unusable("nothing has been committed yet", hint="git add skus && git commit")
        if (
            self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            is None
        ):
            if (self._run("rev-parse", "--is-shallow-repository") or "").strip() == "true":
                raise Unusable(
                    f"no commit {revision!r} here: the history was cut off when it was fetched",
                    hint="git fetch --unshallow; in a pipeline, check out with fetch-depth: 0",
                )
            raise Unusable(
                f"no commit {revision!r} in this history",
                hint="git fetch the branch it was on; after a forced push, list everything instead",
            )
        dirty = (self._run("status", "--porcelain", "-z", "--", *clean) or "").strip("\0")
        if dirty:
            names = [entry[3:] for entry in dirty.split("\0") if entry[2:3] == " "]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise Unusable(
                f"changes that are not committed: {', '.join(names[:3])}{more}",
                hint="commit or stash them: a pipeline builds what is committed",
            )
        out = self._run("diff", "--name-only", "--no-renames", "-z", revision, "HEAD", "--")
        return [name for name in (out or "").split("\0") if name]

    def show(self, revision: str, path: str) -> str | None:
        """The text of a file at `revision`; None if it was not there."""
        return self._run("show", f"{revision}:{path}")

    def name(self, path: Path) -> str:
        """`path` from the root of the work tree, as git prints it."""
        resolved = path.resolve()
        inside = resolved.is_relative_to(self.root.resolve())
        return resolved.relative_to(self.root.resolve()).as_posix() if inside else resolved.as_posix()

    def _run(self, *arguments: str) -> str | None:
        """What git prints, None if it fails."""
        try:
            done = subprocess.run(
                ["git", "-C", self._folder, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=120,
            )
        except FileNotFoundError:
            raise Surroundings("git is not installed", hint="apt-get install git") from None
        return done.stdout.decode("utf-8", errors="surrogateescape") if done.returncode == 0 else None
