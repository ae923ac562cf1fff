"""HTML pages from templates: one way to make them, so that everything from outside is escaped on each."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def html_templates(*folders: Path, keep_trailing_newline: bool = False) -> Environment:
    """Read templates from folders; what they are given is escaped, and a name they were not given is an error."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
    )
