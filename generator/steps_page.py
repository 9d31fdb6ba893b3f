"""docs/steps.md, written from the step tables: `python -m generator.steps_page > docs/steps.md`."""

from __future__ import annotations

from generator.steps import Entry, OsFamily, distributions, entries

HEAD = """\
# Provisioner steps

<!-- Written by `python -m generator.steps_page > docs/steps.md` from provisioners/*/steps.yaml. -->

What vmoffer runs in the guest, in this order. Steps of phase *prepare* come before the publisher's own
steps, *cleanup* and *generalize* after them; nothing runs after the last one. A SKU changes a parameter, or
leaves a step out, under `settings`:

```yaml
settings:
  sshd: {alive_interval: 120}
  firewall: {skip: true}
```

A parameter's value is the step's default, unless the distribution's row in
`provisioners/linux/families.yaml` or the SKU says otherwise. A step is safe to run twice, prints one line
saying what it changed, waits for nothing without a deadline, and changes only the paths that it lists; there
`{home}` stands for the homes of root and of every account with a login shell, `{swap}` for every file that is
swap. With `ROOT=folder` a Linux step works on a scratch tree instead of the running system: links in the tree
are followed inside of it, only regular files are read, and nothing outside is read or written.
"""


def page() -> str:
    """The whole page as Markdown, one anchor per step (`#linux-sshd`, `#windows-sysprep`)."""
    parts = [HEAD, "\n## Linux\n", _known("linux")]
    parts += [_section(entry, "linux") for entry in entries("linux")]
    parts += ["\n## Windows\n"]
    parts += [_section(entry, "windows") for entry in entries("windows")]
    return "".join(parts)


def _known(family: OsFamily) -> str:
    lines = ["\n| distribution | steps that know it |\n| --- | --- |\n"]
    for name, row in distributions().items():
        known = [entry.id for entry in entries(family) if row.family in entry.families]
        every = len(known) == len(entries(family))
        lines.append(f"| {name} | {'all' if every else ', '.join(known)} |\n")
    return "".join(lines)


def _section(entry: Entry, family: OsFamily) -> str:
    lines = [
        f'\n<a id="{family}-{entry.id}"></a>\n',
        f"### {entry.id}: {entry.title}\n\n",
        f"{entry.what.strip()}\n\n",
        f"- phase: {entry.phase} · deadline: {entry.timeout}\n",
        f"- makes true: {', '.join(entry.rules)}\n",
    ]
    if entry.fixes:
        lines.append(f"- fixes: {', '.join(entry.fixes)}\n")
    lines.append(f"- guide of 2015: {', '.join(entry.seed)}\n")
    lines.append(f"- may change: {', '.join(f'`{pattern}`' for pattern in entry.touches)}\n")
    if entry.parameters:
        lines.append("\n| parameter | default | what |\n| --- | --- | --- |\n")
    for name, parameter in entry.parameters.items():
        default = str(parameter.default).lower() if isinstance(parameter.default, bool) else parameter.default
        extra = f" ({', '.join(parameter.allowed)})" if parameter.allowed else ""
        if parameter.property:
            extra += f" (true when the plan declares `{parameter.property}`)"
        lines.append(f"| `{name}` | `{default}` | {parameter.what}{extra} |\n".replace("| `` |", "| |"))
    return "".join(lines)


if __name__ == "__main__":
    print(page(), end="")
