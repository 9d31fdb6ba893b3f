"""Runs the jobs of a pipeline file as its CI system does: shell steps in order, with what it gives them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Values = Mapping[str, str]
OUTPUT = re.compile(r"^##vso\[task\.setvariable variable=(\w+);isOutput=true\](.*)$", re.MULTILINE)


@dataclass
class Step:
    """One step as it was run, or skipped because of its condition."""

    name: str
    status: int | None
    said: str


@dataclass
class Job:
    """A job that ran: its steps, and what it hands on."""

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.steps if step.status]

    def said(self, name: str) -> str:
        return next(step.said for step in self.steps if step.name == name)


def read(path: Path) -> dict[str, Any]:
    """The jobs of a file by name."""
    jobs = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["jobs"]
    return jobs if isinstance(jobs, dict) else {job["job"]: job for job in jobs}


def github(job: Mapping[str, Any], folder: Path, values: Values, environment: Values) -> Job:
    """Run a job of a GitHub workflow; `values`: what `${{ … }}` stands for."""
    done, outputs, path = Job(), folder / ".outputs", folder / ".path"
    files = {"GITHUB_OUTPUT": outputs, "GITHUB_PATH": path, "GITHUB_STEP_SUMMARY": folder / ".summary"}
    for file in files.values():
        file.write_text("")

    def filled(text: object) -> str:
        return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: values[found[1]], str(text))

    for step in job["steps"]:
        if "run" not in step:
            continue
        wanted = step.get("if", "success()")
        if not ("always()" in wanted or not done.failed) or not _holds(
            wanted.replace("always()", "true"), values
        ):
            done.steps.append(Step(step["name"], None, ""))
            continue
        env = {name: filled(text) for name, text in {**job.get("env", {}), **step.get("env", {})}.items()}
        env |= {name: str(file) for name, file in files.items()} | {"CI": "true", "GITHUB_ACTIONS": "true"}
        status, said = _bash(
            ("--noprofile", "--norc", "-eo", "pipefail"), filled(step["run"]), folder, environment, env
        )
        done.steps.append(Step(step["name"], status, said))
    for line in outputs.read_text().splitlines():
        name, _, value = line.partition("=")
        done.outputs[name] = value
    return done


def azure(job: Mapping[str, Any], folder: Path, values: Values, environment: Values) -> Job:
    """Run a job of Azure Pipelines; `values`: what `$(…)` and `${{ … }}` stand for."""
    done = Job()

    def filled(text: object) -> str:
        text = re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: values[found[1]], str(text))
        return re.sub(r"\$\(([A-Za-z.]+)\)", lambda found: values.get(found[1], found[0]), text)

    for step in job["steps"]:
        script = step.get("bash") or step.get("inputs", {}).get("inlineScript")
        if script is None:
            continue
        name = step.get("displayName", script)
        condition = step.get("condition", "succeeded()")
        due = "succeededOrFailed()" in condition or not done.failed
        if not due or not _holds_azure(condition, values):
            done.steps.append(Step(name, None, ""))
            continue
        env = {key: filled(text) for key, text in step.get("env", {}).items()}
        variables = {key.upper().replace(".", "_"): value for key, value in values.items() if " " not in key}
        env = variables | env | {"TF_BUILD": "True"}
        status, said = _bash(("--noprofile", "--norc"), filled(script), folder, environment, env)
        for key, value in re.findall(
            r"^##vso\[task\.setvariable variable=(\w+);isOutput=true\](.*)$", said, re.M
        ):
            done.outputs[key] = value
        done.steps.append(Step(name, status, said))
    return done


def matrix(text: str) -> list[dict[str, str]]:
    """The jobs of a matrix, as both systems write it."""
    data = json.loads(text)
    return data["include"] if "include" in data else list(data.values())


def _bash(options: tuple[str, ...], script: str, folder: Path, outer: Values, env: Values) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", *options, "-c", script],
        cwd=folder, env={**outer, **env}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout


def _holds(condition: str, values: Values) -> bool:
    """The few forms that our workflow has: comparisons with || and &&."""
    return any(
        all(_compared(part, values) for part in either.split("&&")) for either in condition.split("||")
    )


def _compared(text: str, values: Values) -> bool:
    text = text.strip()
    if text in ("true", "success()"):
        return True
    left, operator, right = re.fullmatch(r"(\S+) (==|!=) '(.*)'", text).groups()  # type: ignore[union-attr]
    return (values[left] == right) == (operator == "==")


def _holds_azure(condition: str, values: Values) -> bool:
    """Azure's functions, as Python's."""
    names: dict[str, Callable[..., bool]] = {
        "succeeded": lambda: True,
        "succeededOrFailed": lambda: True,
        "all_": lambda *parts: all(parts),
        "any_": lambda *parts: any(parts),
        "eq": lambda a, b: a == b,
        "ne": lambda a, b: a != b,
    }
    text = re.sub(r"variables\['([\w.]+)'\]", lambda found: repr(values.get(found[1], "")), condition)
    text = re.sub(r"\band\(", "all_(", re.sub(r"\bor\(", "any_(", text))
    return bool(eval(text, {"__builtins__": {}}, dict(names)))  # our own file


def clean(**more: str) -> dict[str, str]:
    """The environment of a runner: none of this machine's Azure, and no request leaves it."""
    away = re.compile("AZURE_|ARM_|PKR_|PACKER_|VMOFFER_|PYTHON|CI$|TF_BUILD|GIT_|.*_PROXY$", re.IGNORECASE)
    kept = {name: value for name, value in os.environ.items() if not away.match(name)}
    return kept | dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9") | more
