"""The provisioners of a template as the publisher's own steps."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generator.hcl_blocks import MAX_BYTES, Block
from generator.hcl_values import SECRET_NAME, first_unknown
from generator.imported import Import
from generator.own_step import LONGEST, seconds

# vmoffer generalizes by itself, as its last step; twice would end the build.
GENERALIZES = re.compile(r"(?i)waagent.*deprovision|sysprep(\.exe)?\b|ImageState|IMAGE_STATE_GENERALIZE")
SKIPPED = {
    "breakpoint": None,
    "windows-update": "vmoffer installs updates by itself (see docs/steps.md)",
    "windows-shell": "write its lines as PowerShell into a step",
    "shell-local": "runs on your machine: run it before vmoffer build",
}
ABSOLUTE = re.compile(r"/|[A-Za-z]:[/\\]")
RUNS = ("shell", "powershell")
# Options that change what a script does; the others say how Packer runs it, which vmoffer does its own way.
HARMLESS = re.compile(r'"/bin/sh\b|false$|\[0\]$')
TELLING = {
    "inline_shebang": "lines run by /bin/sh: for another shell, put them into a script that names it",
    "binary": "a program, no script: upload it with a step of the kind file, and start it with another",
    "expect_disconnect": "no step restarts the guest; see that what follows works without",
    "valid_exit_codes": "a step has to end with 0",
    "override": "write out what it overrides",
}


def steps(found: Import, source: str, definition_folder: Path) -> list[dict[str, Any]]:
    """The steps, in order, with paths from the definition's folder; what is none is left in `found`."""
    made: list[dict[str, Any]] = []
    done = False
    for build in found.template.of("build"):
        if not _builds(found, build, source):
            found.leave(build, build.line, "build", "it builds another source")
            continue
        if done:
            todo = "another image of the same source: import a copy of the template that has this build only"
            found.leave(build, build.line, "build", todo)
            continue
        done = True
        found.take(build, build.line, "build")
        for block in build.blocks:
            if block.kind == "provisioner" and block.labels and not _applies(found, block, source):
                found.leave(
                    block, block.line, " ".join([block.kind, *block.labels]), "it is for another source"
                )
            elif block.kind == "provisioner" and block.labels:
                step = list(_steps(found, block, definition_folder))
                made += step
                if step:
                    found.take(block, block.line, "provisioner")
                else:
                    name = f"provisioner {block.labels[0]}"
                    if (block.file.name, block.line) not in found.listed:
                        found.leave(block, block.line, name, "left out as a whole")
            elif block.kind == "source" and block.labels == (f"azure-arm.{source}",):
                found.take(block, block.line, "source")
            elif block.kind == "post-processor" or block.kind == "post-processors":
                name = " ".join([block.kind, *block.labels])
                if block.labels != ("manifest",):
                    todo = "vmoffer checks, uploads and signs; do anything else after vmoffer build"
                    found.leave(block, block.line, name, todo)
            elif block.kind == "dynamic":
                found.leave(block, block.line, "dynamic", "a block made by a loop; write out what it makes")
    return made


def _builds(found: Import, build: Block, source: str) -> bool:
    """Whether a build block uses the source; one whose sources only Packer knows is taken to."""
    if any(one.labels == (f"azure-arm.{source}",) for one in build.of("source")):
        return True
    attribute = build.attributes.get("sources")
    value = found.value(build, attribute, "taken as if this source were in it") if attribute else []
    return value is None or f"azure-arm.{source}" in [
        one.removeprefix("source.").removeprefix("sources.") for one in _texts(value)
    ]


def _applies(found: Import, block: Block, source: str) -> bool:
    """Whether a provisioner runs for the source, by its `only` and `except`."""
    names = {f"azure-arm.{source}", source}
    only, without = (
        set(_texts(found.value(block, block.attributes[key], "see to it yourself")))
        if key in block.attributes
        else set()
        for key in ("only", "except")
    )
    return (not only or bool(names & only)) and not names & without


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _steps(found: Import, block: Block, folder: Path) -> Iterator[dict[str, Any]]:
    kind = block.labels[0]
    if kind == "windows-restart":
        yield {
            "restart": {},
            **_timeout(found, block, "restart_timeout"),
            **_timeout(found, block, "timeout"),
        }
    elif kind in ("file", *RUNS):
        makes = _upload if kind == "file" else _scripts
        common = _timeout(found, block, "timeout")
        yield from ({**one, **common} for one in makes(found, block, folder))
    elif todo := SKIPPED.get(kind, f"no step is made of {kind}; do the same in a script"):
        found.leave(block, block.line, f"provisioner {kind}", todo)


def _scripts(found: Import, block: Block, folder: Path) -> Iterator[dict[str, Any]]:
    kind = block.labels[0]
    env = _environment(found, block)
    if env is None:
        return
    given = block.attributes.get("name")
    title = found.value(block, given, "the step has a name of its place") if given else None
    name = title if isinstance(title, str) and not first_unknown(title) else _place(block)
    common = {"env": env} if env else {}
    lines = _lines(found, block)
    made: list[dict[str, Any]] = [{"name": name, "inline": lines, **common}] if lines else []
    for path in _paths(found, block):
        if (there := _file(found, block, path, folder)) and _keeps(found, block, path, folder / there):
            made.append({"name": f"{name}: {Path(path).name}", "script": there, **common})
    for option, todo in TELLING.items():
        attribute = block.attributes.get(option)
        if made and attribute and not HARMLESS.match(attribute.text):
            found.leave(block, attribute.line, f"{kind}: {option}", todo)
    for inner in block.blocks:
        found.leave(inner, inner.line, f"{kind}: {inner.kind}", TELLING["override"])
    yield from made


def _timeout(found: Import, block: Block, name: str) -> dict[str, str]:
    """A duration of the block as the step's, if it is one that a step takes."""
    attribute = block.attributes.get(name)
    value = found.value(block, attribute, "write timeout yourself") if attribute else None
    if value is None:
        return {}
    try:
        if isinstance(value, str) and 1 <= seconds(value) <= LONGEST:
            return {"timeout": value}
    except ValueError:
        pass
    assert attribute is not None
    found.leave(block, attribute.line, name, "no duration from 1s to 24h: write timeout yourself")
    return {}


def _keeps(found: Import, block: Block, name: str, path: Path) -> bool:
    """Whether a script leaves the generalizing to vmoffer; one that does not is left out, and listed."""
    try:
        text = path.read_bytes()[:MAX_BYTES].decode("utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        text = ""
    lines = [
        n
        for n, line in enumerate(text.splitlines(), 1)
        if GENERALIZES.search(line) and line.strip()[:1] != "#"
    ]
    if lines:
        todo = f"{name} generalizes in line {lines[0]}, as vmoffer does: write the step without that"
        found.leave(block, block.line, f"provisioner {block.labels[0]}", todo)
    return not lines


def _place(block: Block) -> str:
    return f"{block.labels[0]} of {block.file.name}:{block.line}"


def _lines(found: Import, block: Block) -> list[str]:
    attribute = block.attributes.get("inline")
    if attribute is None:
        return []
    value = found.value(block, attribute, "the step is left out: write it yourself")
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return []
    if any("{{" in one for one in value):
        found.leave(
            block, attribute.line, "inline", "holds {{ }}, which only Packer fills in; the step is left out"
        )
        return []
    generalizing = [one for one in value if GENERALIZES.search(one)]
    if generalizing and block.labels[0] == "powershell":
        found.leave(
            block, attribute.line, "inline", "runs sysprep, as vmoffer does by itself: the step is left out"
        )
        return []
    if generalizing:
        count = "a line" if len(generalizing) == 1 else f"{len(generalizing)} lines"
        todo = f"{count} with waagent -deprovision left out: vmoffer does that by itself"
        found.leave(block, attribute.line, "inline", todo)
    return [one for one in value if one not in generalizing]


def _paths(found: Import, block: Block) -> list[str]:
    paths: list[str] = []
    for name in ("script", "scripts"):
        attribute = block.attributes.get(name)
        value = (
            found.value(block, attribute, "the step is left out: write it yourself") if attribute else None
        )
        paths += [value] if isinstance(value, str) else _texts(value)
    return paths


def _environment(found: Import, block: Block) -> dict[str, str] | None:
    """The variables of a script; None where one is not known, as the script would do something else."""
    env: dict[str, str] = {}
    for name in ("environment_vars", "env"):
        attribute = block.attributes.get(name)
        if attribute is None:
            continue
        todo = "the step is left out: write it yourself, and let it fetch secrets when it runs"
        value = found.value(block, attribute, todo)
        if not isinstance(value, list | dict):
            return None
        pairs = value.items() if isinstance(value, dict) else (str(one).partition("=")[::2] for one in value)
        env |= {str(key): str(text) for key, text in pairs}
    if secrets := [key for key, text in env.items() if SECRET_NAME.search(key) and text]:
        line = next(
            block.attributes[name].line for name in ("environment_vars", "env") if name in block.attributes
        )
        todo = f"{', '.join(secrets)} may be secret: the step is left out; let it fetch secrets when it runs"
        found.leave(block, line, "environment", todo)
        return None
    return env


def _upload(found: Import, block: Block, folder: Path) -> Iterator[dict[str, Any]]:
    told = {
        name: block.attributes.get(name)
        for name in ("source", "destination", "direction", "content", "sources")
    }
    if told["direction"] and told["direction"].text != '"upload"':
        found.leave(
            block, block.line, "provisioner file", "no step downloads; mount the finished disk instead"
        )
        return
    if not told["source"] or not told["destination"] or told["content"] or told["sources"]:
        todo = "a step uploads one file or folder: put what it holds into one"
        found.leave(block, block.line, "provisioner file", todo)
        return
    source = found.value(block, told["source"], "the step is left out: write it yourself")
    destination = found.value(block, told["destination"], "the step is left out: write it yourself")
    if isinstance(destination, str) and not ABSOLUTE.match(destination):
        todo = f"{destination} depends on the user of the build: name the whole path; the step is left out"
        found.leave(block, block.line, "provisioner file", todo)
    elif isinstance(source, str) and isinstance(destination, str):
        there = _file(found, block, source, folder)
        if there:
            yield {"name": _place(block), "file": {"source": there, "destination": destination}}


def _file(found: Import, block: Block, name: str, folder: Path) -> str | None:
    """The path of one of the template's files as the definition names it; None if it is not there."""
    for start in (found.template.folder, Path()):
        path = start / name
        if os.path.exists(path):  # noqa: PTH110 - False, too, for names that no file can have
            return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    found.leave(
        block, block.line, f"provisioner {block.labels[0]}", f"{name} is not there; the step is left out"
    )
    return None
