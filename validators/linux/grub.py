"""What a GRUB configuration does: the entries of its menu, with the variables put in where they are set.

Conditions that a disk can answer are answered; where it cannot, every branch is followed, and what they set
differently is unsure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from validators.guest import Undecidable
from validators.linux.grubscript import Command, If, Loop, Node, Word, parse

Reader = Callable[[str], str | None]  # the file that a path of GRUB means, None if there is none

FILES_DEEP = 5  # a configuration that reads another one that reads another one …
COMMANDS = 100_000  # run before giving up; the longest menus have some thousand
KERNELS = ("linux", "linux16", "linuxefi", "linux32")
INITRDS = ("initrd", "initrd16", "initrdefi", "initrd32")
# Set by GRUB itself, by the firmware or by who sits there; unknown before it runs.
UNSURE = (
    "grub_platform",
    "grub_cpu",
    "root",
    "cmdpath",
    "shim_lock",
    "secureboot",
    "lockdown",
    "net_default_ip",
)
_NAME = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
VALUE_OPTIONS = ("--class", "--users", "--hotkey", "--source")


@dataclass(frozen=True, slots=True)
class Found:
    """One entry before its menu's default is known. `unsure`: variables in it that nothing read here sets."""

    title: str
    path: str
    id: str
    words: tuple[str, ...]
    initrds: tuple[str, ...]
    where: str
    unsure: tuple[str, ...]


@dataclass
class State:
    """Variables by name; `unsure` those whose value is a guess; `missed` files that were to set some."""

    variables: dict[str, str]
    unsure: set[str] = field(default_factory=lambda: set(UNSURE))
    missed: list[str] = field(default_factory=list)
    words: tuple[Word, ...] = ()  # of the kernel's line
    initrd: tuple[Word, ...] = ()
    default: str = ""

    def copy(self) -> State:
        return replace(
            self, variables=dict(self.variables), unsure=set(self.unsure), missed=list(self.missed)
        )


@dataclass(frozen=True)
class _Item:
    kind: str
    words: tuple[str, ...]
    body: tuple[Node, ...]


class Menu:
    """One configuration, run once. `entries` are in their order; `state` is what was set at its end."""

    def __init__(
        self,
        content: str,
        file: str,
        environment: dict[str, str],
        read: Reader | None = None,
        others: Sequence[str] = (),
    ) -> None:
        prefix = file.rpartition("/")[0]
        # One boot only: what a pending `next_entry` asks for is not what boots when nobody touches the menu.
        given = {key: value for key, value in environment.items() if key != "next_entry"}
        self.state = State({"menuentry_id_option": "--id", "prefix": prefix, **given})
        self.entries: list[Found] = []
        self._environment, self._read, self._file = given, read, file
        self._functions: dict[str, tuple[Node, ...]] = {}
        self._left, self._deep = COMMANDS, 0
        self._files = [file, *others]  # never read again: the one on the ESP reads the one in /boot
        items: list[_Item] = []
        self._run(parse(content), self.state, items)
        self._list(items, self.state, "")

    @property
    def default(self) -> str:
        return self.state.variables.get("default", "") or "0"

    def expand(self, text: str) -> tuple[str, tuple[str, ...]]:
        """`text` of an entry beside the menu with this one's variables, and those in it that are unsure."""
        names = [name[1] or name[2] for name in _NAME.finditer(text)]
        word = Word(tuple(("variable", name) for name in names), 0)
        return _NAME.sub(lambda n: self._value(n[1] or n[2], self.state), text), self._unsure(
            [word], self.state
        )

    def _list(self, items: Sequence[_Item], state: State, above: str) -> None:
        """Bodies are run when they are chosen, so with the variables of the end."""
        for index, item in enumerate(items):
            path, inner = f"{above}{index}", state.copy()
            title, identity = _heading(item.words)
            nested: list[_Item] = []
            inner.words, inner.initrd = (), ()
            self._run(item.body, inner, nested)
            if item.kind == "submenu":
                self._list(nested, inner, f"{path}>")
            elif inner.words:
                words = tuple(_split(self._expanded(inner.words[1:], inner)))
                unsure = self._unsure((*inner.words[1:], *inner.initrd[1:]), inner)
                initrds = tuple(self._expanded(inner.initrd[1:], inner))
                where = f"{self._file}:{inner.words[0].line}"
                self.entries.append(Found(title, path, identity, words, initrds, where, unsure))

    def _run(self, nodes: Sequence[Node], state: State, items: list[_Item]) -> bool | None:
        """Run `nodes`; whether the last command succeeded, None where nobody can tell."""
        status: bool | None = True
        for node in nodes:
            self._left -= 1
            if self._left < 0:
                raise Undecidable(f"{self._file} runs more than {COMMANDS} commands")
            if isinstance(node, If):
                status = self._if(node, state, items)
            elif isinstance(node, Loop):
                state.unsure.add(node.variable)
                status = self._either([node.body, ()], state, items)
            else:
                status = self._command(node, state, items)
        return status

    def _if(self, node: If, state: State, items: list[_Item]) -> bool | None:
        open_branches: list[Sequence[Node]] = []
        for condition, body in node.branches:
            holds = self._run(condition, state, items)
            if holds and not open_branches:
                return self._run(body, state, items)
            if holds is not False:
                open_branches.append(body)
            if holds:
                return self._either(open_branches, state, items)
        if not open_branches:
            return self._run(node.orelse, state, items)
        return self._either([*open_branches, node.orelse], state, items)

    def _either(self, branches: Sequence[Sequence[Node]], state: State, items: list[_Item]) -> bool | None:
        """Run each of `branches`; what they set differently is unsure, and the first one's value stands."""
        ends = []
        for branch in branches:
            end = state.copy()
            self._run(branch, end, items)
            ends.append(end)
        for name in sorted({name for end in ends for name in end.variables} | set(state.variables)):
            values = [end.variables.get(name, "") for end in ends]
            changed = [value for value in values if value != state.variables.get(name, "")]
            if changed:
                state.variables[name] = changed[0]
            if len(set(values)) > 1 or any(name in end.unsure for end in ends):
                state.unsure.add(name)
        lines = {tuple(word.parts for word in end.words[1:]): end.words for end in ends if end.words}
        state.words = next(iter(lines.values()), state.words)
        if len(lines) > 1:
            state.unsure |= {"a condition"}
            state.words = (*state.words, Word((("variable", "a condition"),), state.words[0].line))
        state.initrd = next((end.initrd for end in ends if end.initrd), state.initrd)
        state.missed += [file for end in ends for file in end.missed if file not in state.missed]
        return None

    def _command(self, command: Command, state: State, items: list[_Item]) -> bool | None:
        name = command.words[0].bare
        if command.body is not None:
            if name == "function" and len(command.words) > 1:
                self._functions[command.words[1].bare] = command.body
            elif name in ("menuentry", "submenu"):
                heading = tuple(self._expanded(command.words[1:], state))
                items.append(_Item(name, heading, command.body))
            return True
        if name in KERNELS:
            state.words = command.words
            return True
        if name in INITRDS:
            state.initrd = command.words
            return True
        words = self._expanded(command.words, state)
        if not words:
            return True
        told = not self._unsure(command.words, state)
        key, equals, value = (words[1] if name == "set" and len(words) > 1 else words[0]).partition("=")
        if equals and (name == "set" or key.isidentifier()):
            state.variables[key] = value
            (state.unsure.discard if told else state.unsure.add)(key)
            return True
        match words[0]:
            case "unset":
                for key in words[1:]:
                    state.variables.pop(key, None)
            case "load_env":
                return self._load_env(words[1:], state)
            case "source" | "." | "configfile":
                return self._source(words[1:], state, items)
            case "[" | "test":
                return self._test(words[1:-1] if words[0] == "[" else words[1:]) if told else None
            case "true" | "false":
                return words[0] == "true"
            case "echo" | "export" | "insmod" | "terminal_output" | "terminal_input" | "set" | "save_env":
                return True
            case called if called in self._functions:
                body = self._functions.pop(called)  # none of them calls itself
                status = self._run(body, state, items)
                self._functions[called] = body
                return status
            case _:
                self._sets(words[1:], state)
                return None
        return True

    @staticmethod
    def _sets(words: Sequence[str], state: State) -> None:
        """`--set=name` of search, probe, regexp and smbios: what is found only the machine shows."""
        for index, word in enumerate(words):
            option, equals, name = word.partition("=")
            if option in ("--set", "-s"):
                following = words[index + 1] if index + 1 < len(words) else ""
                state.unsure.add((name if equals else following).rpartition(":")[2])

    def _load_env(self, words: Sequence[str], state: State) -> bool | None:
        file, names, wanted = "", [], False
        for word in words:
            if wanted or word.startswith("--file="):
                file, wanted = word.removeprefix("--file="), False
            elif word in ("-f", "--file"):
                wanted = True
            elif not word.startswith("-"):
                names.append(word)
        if file:
            content = self._content(file)
            if content is None:
                state.missed.append(file)
                return None
            found = environment(content)
        else:
            found = self._environment
        given = {key: value for key, value in found.items() if not names or key in names}
        given.pop("next_entry", None)
        state.variables.update(given)
        state.unsure -= set(given)
        return True

    def _source(self, words: Sequence[str], state: State, items: list[_Item]) -> bool | None:
        bare = re.sub(r"^\([^)]*\)", "", words[0]) if words else ""
        if not bare or {bare, f"/boot{bare}"} & set(self._files) or self._deep >= FILES_DEEP:
            return None
        content = self._content(words[0])
        if content is None:
            state.missed.append(words[0])
            return None
        self._files.append(bare)
        self._deep += 1
        return self._run(parse(content), state, items)

    def _content(self, path: str) -> str | None:
        return self._read(path) if self._read else None

    def _test(self, words: Sequence[str]) -> bool | None:
        """`[ … ]`, without parentheses; None where only a running machine could answer."""
        for joint, decisive in (("-o", True), ("-a", False)):
            if joint in words[1:-1]:
                at = words.index(joint)
                answers = (self._test(words[:at]), self._test(words[at + 1 :]))
                return decisive if decisive in answers else None if None in answers else not decisive
        match list(words):
            case []:
                return False
            case ["!", *rest]:
                answer = self._test(rest)
                return None if answer is None else not answer
            case [word]:
                return bool(word)
            case ["-n", word]:
                return bool(word)
            case ["-z", word]:
                return not word
            case ["-f" | "-e" | "-s" | "-d" as how, path]:
                return self._exists(how, path)
            case [left, "=" | "==", right]:
                return left == right
            case [left, "!=", right]:
                return left != right
        return None

    def _exists(self, how: str, path: str) -> bool | None:
        if path.endswith("/grubenv") and self._environment:
            return True
        if self._read is None or how == "-d":
            return None
        try:
            content = self._read(path)
        except Undecidable:
            return None
        return content is not None and (how != "-s" or bool(content))

    def _expanded(self, words: Sequence[Word], state: State) -> list[str]:
        """A variable without quotes is split at blanks, and a word of nothing but an empty one is none."""
        found: list[str] = []
        for word in words:
            pieces = [""]
            quoted = any(kind != "variable" for kind, _ in word.parts)
            for kind, value in word.parts:
                if kind == "text":
                    pieces[-1] += value
                    continue
                text = self._value(value, state)
                if kind == "quoted":
                    pieces[-1] += text
                    continue
                first, *rest = _pieces(text)
                pieces[-1] += first
                pieces += rest
            found += [piece for piece in pieces if piece or (quoted and len(pieces) == 1)]
        return found

    @staticmethod
    def _value(name: str, state: State) -> str:
        if name.startswith("feature_") and name not in state.variables:
            return "y"  # every feature that a configuration asks about is in GRUB since 2.00
        return state.variables.get(name, "")

    @staticmethod
    def _unsure(words: Sequence[Word], state: State) -> tuple[str, ...]:
        """The variables in `words` that are a guess, or that a file sets which is not there."""
        names = {value for word in words for kind, value in word.parts if kind != "text"}
        unset = {n for n in names if n not in state.variables and not n.startswith("feature_")}
        return tuple(sorted((names & state.unsure) | (unset if state.missed else set())))


def environment(content: str) -> dict[str, str]:
    """The variables of an environment block, such as grubenv."""
    found: dict[str, str] = {}
    for line in content.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            found[name] = value.replace("\\\\", "\\")
    return found


def _pieces(text: str) -> list[str]:
    """The words of a variable; an empty one where it begins or ends with a blank, as a word ends there."""
    words = text.split()
    if not words:
        return [""]
    return ([""] if text[0].isspace() else []) + words + ([""] if text[-1].isspace() else [])


def _split(words: Sequence[str]) -> list[str]:
    """What came out of a variable may hold quotes of its own, which are the kernel's."""
    found: list[str] = []
    open_word = ""
    for word in words:
        whole = f"{open_word} {word}" if open_word else word
        open_word = whole if whole.count('"') % 2 else ""
        if not open_word:
            found.append(whole)
    return [*found, *open_word.split()]


def _heading(words: Sequence[str]) -> tuple[str, str]:
    """Title and id of an entry."""
    title = identity = ""
    expected = ""
    for word in words:
        option, equals, value = word.partition("=")
        if expected == "--id":
            identity, expected = word, ""
        elif expected:
            expected = ""
        elif option == "--id" and equals:
            identity = value
        elif word == "--id" or word in VALUE_OPTIONS:
            expected = word
        elif not title and not word.startswith("--"):
            title = word
    return title, identity
