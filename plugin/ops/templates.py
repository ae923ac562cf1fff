"""HTML pages from templates: one way to make them, so that everything from outside is escaped on each."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def html_templates(*folders: Path, keep_trailing_newline: bool = False) -> Environment:
    """Read templates from folders; what they are given is escaped, and a name they were not given is an error."""
    made = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
    )
    made.filters["minute"] = lambda when: "" if when is None else f"{when:%Y-%m-%d %H:%M}"
    return made
