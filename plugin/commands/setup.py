"""Commands about: setting it up."""

import textwrap
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

NEEDED = ("marshal_url", "marshal_token_file", "group_ids")
SUGGESTED = {"web_bind": "127.0.0.1:8765"}
"""Off by default; who starts from this file gets pages that are seen on this machine alone."""
_HEAD = """\
# Settings of the ASTRANet annotator. Made by `astranet env-example`; a test keeps it in step with plugin/settings.py.
# Lines that start with `#ASTRANET_` show the default; of the others fill in those that are empty. A misspelt name
# stops the start, and so does a wrong value.
"""


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command("env-example")(print_env_example)


def print_env_example() -> None:
    """Print every setting with its meaning and default, ready to fill in (deploy/env.example)."""
    typer.echo(env_example(), nl=False)


def env_example() -> str:
    """Every `ASTRANET_*` variable, commented out at its default but for those that are to be set."""
    from plugin.settings import Settings

    blocks = [_HEAD, *(_block(name) for name in Settings.model_fields)]
    return "\n".join(blocks)


def _block(name: str) -> str:
    from plugin.settings import PREFIX, Settings

    field = Settings.model_fields[name]
    what = textwrap.fill(field.description or "", 110, initial_indent="# ", subsequent_indent="# ")
    mark = "" if name in (*NEEDED, *SUGGESTED) else "#"
    return f"{what}\n{mark}{PREFIX}{name.upper()}={SUGGESTED.get(name, default_text(field))}\n"


def default_text(field: "FieldInfo") -> str:
    """A setting's default as one would write it; empty where there is none, or where it depends on the machine."""
    from pydantic_core import PydanticUndefined

    return "" if field.default is PydanticUndefined else _text(field.default)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
