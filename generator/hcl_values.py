"""What HCL2 expressions stand for: literals, `var.`, `local.` and text of them; nothing else is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from generator.hcl_blocks import Attribute, Block

if TYPE_CHECKING:
    from lark import Token, Tree

SECRET_NAME = re.compile(
    r"(?i)secret|passw(or)?d|passphrase|token|private_key|access_key|(^|_)sas(_|$)|credential"
)
SECRET_TEXT = re.compile(r"(?i)[?&]sig=|AccountKey=|SharedAccess\w*=|-----BEGIN [A-Z ]*PRIVATE KEY")
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([nrt"\\]))')
_REFERENCE = re.compile(r"\$\{\s*((?:var|local)(?:\.[A-Za-z_][\w-]*)+)\s*\}")
_DEEP = 100  # more parts than that in one reference, or locals in a row, are a circle
_PATIENCE = 100_000  # parts of expressions: locals of locals multiply
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Unknown:
    """What an expression stands for only when Packer runs; a secret is known, and is not told."""

    why: str
    secret: bool = False


@dataclass
class Scope:
    """The variables and locals of a template, evaluated when they are asked for."""

    variables: dict[str, Attribute | Unknown] = field(default_factory=dict)
    locals: dict[str, Attribute | Unknown] = field(default_factory=dict)
    _depth: int = 0
    _spent: int = 0

    @classmethod
    def of(cls, files: Iterable[Block], values: Iterable[Block]) -> Scope:
        """The scope of the files of a template; `values` are its variable files, the last one counts."""
        scope = cls()
        for file in files:
            for variable in file.of("variable"):
                name = variable.labels[0] if variable.labels else ""
                sensitive = variable.attributes.get("sensitive")
                if SECRET_NAME.search(name) or (sensitive and sensitive.text == "true"):
                    scope.variables[name] = Unknown(f"var.{name} is a secret", secret=True)
                else:
                    default = variable.attributes.get("default")
                    scope.variables[name] = default or Unknown(f"var.{name} has no default")
            for group in file.of("locals"):
                scope.locals |= group.attributes
            for local in file.of("local"):
                name = local.labels[0] if local.labels else ""
                sensitive = local.attributes.get("sensitive")
                secret = SECRET_NAME.search(name) or (sensitive and sensitive.text == "true")
                value = local.attributes.get("expression", Unknown(f"local.{name} has no expression"))
                scope.locals[name] = Unknown(f"local.{name} is a secret", secret=True) if secret else value
        for file in values:
            for name, attribute in file.attributes.items():
                old = scope.variables.get(name)
                if not (isinstance(old, Unknown) and old.secret):
                    scope.variables[name] = attribute
        return scope

    def value(self, attribute: Attribute) -> Any:
        """Text, number, bool, None, list or dict; Unknown, also inside of these, where Packer has to run."""
        return self._value(attribute.tree)

    def _value(self, tree: Tree[Token]) -> Any:
        self._spent += 1
        if self._spent > _PATIENCE:
            return Unknown("more than there is patience for")
        kind = str(tree.data)
        nodes: list[Any] = [one for one in tree.children if getattr(one, "data", "") != "new_line_or_comment"]
        trees = [one for one in nodes if hasattr(one, "data")]
        if kind == "expr_term" and len(trees) == 1:  # also one in parentheses
            return self._value(trees[0])
        if kind == "int_lit":
            return int(str(nodes[0])) if len(str(nodes[0])) < 20 else Unknown("a number of many digits")
        if kind == "float_lit":
            return float(str(nodes[0]))
        if kind == "literal_value":
            return {"true": True, "false": False}.get(str(nodes[0]))
        if kind == "unary_op" and str(nodes[0]) == "-":
            value = self._value(trees[0])
            return (
                -value
                if isinstance(value, int | float) and not isinstance(value, bool)
                else Unknown("an operation")
            )
        if kind == "string":
            return self._text(trees)
        if kind in ("heredoc_template", "heredoc_template_trim"):
            return self._heredoc(str(nodes[0]), trim=kind.endswith("trim"))
        if kind == "tuple":
            return [self._value(one) for one in trees]
        if kind == "object":
            return self._object(trees)
        if kind in ("get_attr_expr_term", "index_expr_term", "identifier"):
            return self._reference(tree)
        if kind == "function_call":
            return Unknown(f"the function {''.join(map(str, trees[0].children))}()")
        return Unknown(_NAMES.get(kind, "an expression"))

    def _text(self, parts: Iterable[Any]) -> Any:
        """Quoted text with what is interpolated."""
        result = ""
        for part in parts:
            (inner,) = part.children
            if getattr(inner, "data", "") == "interpolation":
                value = _printed(self._value(inner.children[1]))
            elif hasattr(inner, "data"):
                value = Unknown("a template directive")
            elif inner.type == "STRING_CHARS":
                value = _unescaped(str(inner))
            else:
                value = str(inner)[1:]  # $${ is ${, %%{ is %{
            if isinstance(value, Unknown):
                return value
            result += value
            if len(result) > _LONGEST:
                return Unknown("text of more than a megabyte")
        return result

    def _heredoc(self, text: str, *, trim: bool) -> Any:
        _, _, rest = text.partition("\n")
        lines = rest.rstrip("\n").split("\n")[:-1]
        if trim:
            indent = min((len(one) - len(one.lstrip()) for one in lines if one.strip()), default=0)
            lines = [one[indent:] for one in lines]
        body = "".join(f"{one}\n" for one in lines)
        unknown: list[Unknown] = []

        def put(match: re.Match[str]) -> str:
            value = _printed(self._named(match[1].split(".")))
            if isinstance(value, Unknown):
                unknown.append(value)
                return ""
            return str(value)

        guarded = re.sub(r"([$%])\1\{", r"\1\0{", body)
        result = _REFERENCE.sub(put, guarded)
        if re.search(r"[$%]\{", _REFERENCE.sub("", guarded)):
            return Unknown("an expression in a heredoc")
        return unknown[0] if unknown else result.replace("\0", "")

    def _object(self, elements: Iterable[Any]) -> Any:
        result = {}
        for element in elements:
            key, *_, value = (one for one in element.children if hasattr(one, "data"))
            words = [str(token) for token in key.scan_values(lambda _: True)]
            name = self._value(key.children[0]) if len(words) > 1 else words[0]
            if not isinstance(name, str):
                return Unknown("an expression as a key")
            result[name] = self._value(value)
        return result

    def _reference(self, tree: Tree[Token]) -> Any:
        """`var.a.b[0]`: the words and numbers it is made of, looked up."""
        words: list[str | int] = []
        for token in tree.scan_values(lambda _: True):
            if token.type == "INT_LITERAL":
                words.append(int(str(token)))
            elif token.type in ("NAME", "STRING_CHARS"):
                words.append(str(token))
            elif token.type not in ("DOT", "LSQB", "RSQB", "DBLQUOTE"):
                return Unknown("an expression")
        return self._named(words)

    def _named(self, words: list[Any]) -> Any:
        head, *rest = words
        if head == "path" and rest == ["root"]:
            return "."
        if head not in ("var", "local") or not rest or len(words) > _DEEP:
            return Unknown(f"{'.'.join(map(str, words[:3]))}, which only Packer knows")
        table = self.variables if head == "var" else self.locals
        found = table.get(rest[0], Unknown(f"{head}.{rest[0]} is not defined here"))
        if isinstance(found, Unknown):
            return found
        if self._depth > _DEEP:
            return Unknown(f"{head}.{rest[0]} refers to itself")
        self._depth += 1
        try:
            value = self._value(found.tree)
        finally:
            self._depth -= 1
        for step in rest[1:]:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return value if isinstance(value, Unknown) else Unknown(f"{head}.{rest[0]} has no {step}")
        return value


_NAMES = {
    "conditional": "a condition",
    "binary_op": "an operation",
    "for_tuple_expr": "a for expression",
    "for_object_expr": "a for expression",
    "attr_splat_expr_term": "a splat expression",
    "full_splat_expr_term": "a splat expression",
}


def first_unknown(value: Any) -> Unknown | None:
    """The first part of a value that is not known; a secret before others."""
    found = list(_unknowns(value))
    return next((one for one in found if one.secret), found[0] if found else None)


def _unknowns(value: Any) -> Iterable[Unknown]:
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, str) and SECRET_TEXT.search(value):
        yield Unknown("text that looks like a key or a signature", secret=True)
    elif isinstance(value, list):
        for one in value:
            yield from _unknowns(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _unknowns(one)


def _printed(value: Any) -> Any:
    """A value as HCL interpolates it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    return value if isinstance(value, Unknown) else Unknown("a list, a map or null within text")


def _unescaped(text: str) -> Any:
    result = _ESCAPE.sub(lambda one: _SIMPLE[one[3]] if one[3] else _character(one[1] or one[2]), text)
    return Unknown("half of a surrogate pair") if re.search("[\ud800-\udfff]", result) else result


def _character(digits: str) -> str:
    number = int(digits, 16)
    return chr(number) if number <= 0x10FFFF else "\ufffd"
