"""The reference pages of the documentation: every setting and every command, from the code that defines them."""

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from plugin.environment import PREFIX

if TYPE_CHECKING:
    import click


def settings_page() -> str:
    """Every setting as Markdown, under the headings of `plugin/setting_fields.py`."""
    from plugin.settings import Settings

    parts = ["# Settings", "", _ABOUT_SETTINGS, ""]
    for heading, names in sections():
        parts += [f"## {heading}", "", "| setting | default | meaning |", "|---|---|---|"]
        parts += [_setting(name, Settings.model_fields[name]) for name in names]
        parts.append("")
    return "\n".join(parts)


_ABOUT_SETTINGS = """\
Read from the environment over a file `.env` in the working directory; `astranet env-example` prints such a file. A
misspelt name or a wrong value stops the start and is named. Each setting that holds a secret can be given as a file
instead, by its name with `_FILE` behind it. Where no default stands the setting is off, or must be given."""


def sections() -> Iterator[tuple[str, list[str]]]:
    """The settings by heading, in the order in which they are declared: a comment of its own opens a section."""
    from plugin.setting_fields import SettingFields

    heading, names = "", list[str]()
    for line in inspect.getsource(SettingFields).splitlines():
        if found := re.fullmatch(r"    # (.+)", line):
            if names:
                yield heading, names
            heading, names = found[1], []
        elif (found := re.match(r"    (\w+): ", line)) and found[1] in SettingFields.model_fields:
            names.append(found[1])
    yield heading, names


def _setting(name: str, field: Any) -> str:
    from plugin.commands.setup import default_text

    default = default_text(field)
    shown = f"`{default}`" if default else ""
    return f"| `{PREFIX}{name.upper()}` | {_cell(shown)} | {_cell(field.description or '')} |"


def commands_page() -> str:
    """Every command with its arguments and options as Markdown; those of extras that are not installed are left out."""
    import typer.main

    from plugin.cli import app

    parts = ["# Commands", "", _ABOUT_COMMANDS, ""]
    for name, command in sorted(typer.main.get_command(app).commands.items()):  # type: ignore[attr-defined]
        parts += _command(f"astranet {name}", command, 2)
    return "\n".join(parts)


_ABOUT_COMMANDS = """\
`astranet COMMAND --help` tells the same. Commands end with 0 when all is well, 1 when something failed, 2 when they
were asked in a way that cannot be."""


def _command(name: str, command: "click.Command", level: int) -> list[str]:
    parts = [f"{'#' * level} {name}", "", _cell(inspect.cleandoc(command.help or "").replace("\n", " ")), ""]
    options = [p for p in command.params if getattr(p, "help", None) or p.param_type_name == "argument"]
    if options:
        parts += ["| argument or option | meaning |", "|---|---|"]
        parts += [f"| `{_spelt(p)}` | {_cell(getattr(p, 'help', None) or '')} |" for p in options]
        parts.append("")
    for sub, below in sorted(getattr(command, "commands", {}).items()):
        parts += _command(f"{name} {sub}", below, min(level + 1, 4))
    return parts


def _spelt(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return ", ".join(parameter.opts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
