"""Read a SKU definition from YAML and report every error of the file at once."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from generator.bounded_yaml import FieldPath as FieldPath
from generator.bounded_yaml import compose
from generator.errors import Unusable
from generator.explain import explain
from generator.model import Sku

MAX_BYTES = 1024 * 1024  # a definition is a page of text; a megabyte is not one


@dataclass(frozen=True)
class Problem:
    """One error of a definition: where it is, what was found there, what is allowed."""

    file: Path
    line: int
    field: str
    found: str
    allowed: str

    def __str__(self) -> str:
        field = f" {self.field}:" if self.field else ""
        return f"{self.file}:{self.line}:{field} found {self.found}; allowed: {self.allowed}"


class Invalid(Unusable):
    """A definition that cannot be used, with all of its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        details = [str(problem) for problem in problems]
        super().__init__(f"{count} in the definition", where=str(problems[0].file), details=details)


class Lines:
    """Where each field of a YAML document starts."""

    def __init__(self, positions: dict[FieldPath, int]) -> None:
        self._positions = positions

    def of(self, path: FieldPath) -> int:
        """The 1-based line of `path`, or of its nearest parent that is written in the file."""
        while path and path not in self._positions:
            path = path[:-1]
        return self._positions.get(path, 1)


@dataclass(frozen=True)
class Document:
    """A definition and where its fields are."""

    sku: Sku
    lines: Lines


def load(path: Path) -> Sku:
    """The definition in `path`; raises `Invalid` with all of its problems."""
    return read(path).sku


def read(path: Path) -> Document:
    """The definition in `path` with its line numbers; raises `Invalid` with all of its problems."""
    return _document(path, _text(path))


def parse(path: Path, text: str) -> Sku:
    """The definition that `text` is; `path` is what its problems name. Raises `Invalid`."""
    return _document(path, text).sku


def _document(path: Path, text: str) -> Document:
    data, lines, problems = _parse(path, text)
    try:
        sku = Sku.model_validate(data)
    except ValidationError as error:
        for field, found, allowed in explain(error, data):
            problems.append(Problem(path, lines.of(field), dotted(field), found, allowed))
    if problems:
        raise Invalid(sorted(problems, key=lambda problem: (problem.line, problem.field)))
    return Document(sku, lines)


def dotted(path: FieldPath) -> str:
    """A field path for people: `data_disks[1].lun`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _text(path: Path) -> str:
    """The file as text; raises `Invalid` when it is no text file of a sensible size."""
    if not path.exists():
        raise Invalid([Problem(path, 1, "", "no such file", "a YAML file")])
    if not path.is_file():
        raise Invalid([Problem(path, 1, "", "not a regular file", "a YAML file")])
    if path.stat().st_size > MAX_BYTES:
        raise Invalid([Problem(path, 1, "", f"{path.stat().st_size} bytes", f"at most {MAX_BYTES} bytes")])
    try:
        raw = path.read_bytes()
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EIO):
            raise  # nothing is known about the definition
        raise Invalid(
            [Problem(path, 1, "", error.strerror or "an error", "a file that can be read")]
        ) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Invalid([Problem(path, line, "", f"byte 0x{raw[error.start]:02x}", "UTF-8 text")]) from None


def _parse(path: Path, text: str) -> tuple[Any, Lines, list[Problem]]:
    """Plain data, line numbers and the problems of the YAML itself that do not stop the reading."""
    try:
        document = compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "an error"
        raise Invalid([Problem(path, mark.line + 1 if mark else 1, "", what, "valid YAML")]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        line = text.count("\n", 0, error.position) + 1 if isinstance(error, ReaderError) else 1
        raise Invalid([Problem(path, line, "", first, "valid YAML")]) from None
    data = document.data
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise Invalid([Problem(path, 1, "", found, "a mapping of fields, such as `publisher: contoso`")])
    positions: dict[FieldPath, int] = {}
    problems = [
        Problem(
            path,
            one.line,
            dotted(one.path),
            "the key a second time",
            f"one; the first is in line {one.first}",
        )
        for one in document.repeated
    ]
    _walk(path, document.node, (), positions, problems)
    return data, Lines(positions), problems


def _walk(
    file: Path, node: Node, path: FieldPath, positions: dict[FieldPath, int], problems: list[Problem]
) -> None:
    """Note the line of every field below `node`, and text that is none."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            field = (*path, str(key.value))
            positions[field] = key.start_mark.line + 1
            _walk(file, value, field, positions, problems)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            positions[(*path, index)] = value.start_mark.line + 1
            _walk(file, value, (*path, index), positions, problems)
    elif isinstance(node, ScalarNode) and any("\ud800" <= char <= "\udfff" for char in node.value):
        line = node.start_mark.line + 1
        problems.append(Problem(file, line, dotted(path), "half of a surrogate pair", "Unicode text"))
