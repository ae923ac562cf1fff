"""Pages of the site that are made and not written: the reference from the code, and what lies above `docs/`."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from plugin.ops.reference import commands_page, settings_page

ROOT = Path(__file__).parents[2]
ABOVE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the project's folder that are pages here, by the name they get."""


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages."""
    made = {"settings.md": settings_page(), "commands.md": commands_page()}
    made |= {page: _inside((ROOT / name).read_text(encoding="utf-8")) for name, page in ABOVE.items()}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "look.css", content=Path(__file__).with_name("look.css").read_text()))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Links from `docs/` to the files above it lead to their pages."""
    above = "|".join(map(re.escape, ABOVE))
    return re.sub(rf"\]\((?:\.\./)+({above})(?=[)#])", lambda m: f"]({_up(page)}{ABOVE[m[1]]}", markdown)


def _up(page: Any) -> str:
    return "../" * page.file.src_uri.count("/")


def _inside(text: str) -> str:
    """The text of a file above `docs/` with its links as they are from within."""
    text = re.sub(r"\]\(docs/", "](", text)
    for name, page in ABOVE.items():
        text = text.replace(f"]({name}", f"]({page}")
    return re.sub(r"\[([^\]]*)\]\(LICENSE\)", r"\1", text)
