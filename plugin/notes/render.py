"""A draft as text, HTML, JSON and CSV. The same draft gives the same bytes."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape
from pydantic import TypeAdapter, ValidationError

from plugin.notes.draft import ABSTRACT_LIMIT, Draft
from plugin.notes.related import to_csv
from plugin.ops.templates import html_templates

TEMPLATES = Path(__file__).parent / "templates"
HTML_NAME = "astronote.html"
CSV_NAME = "related_objects.csv"

_ENVIRONMENT = html_templates(TEMPLATES, keep_trailing_newline=True)


def to_text(draft: Draft) -> str:
    """For reading in a terminal or a mail."""
    template = _ENVIRONMENT.get_template("note.txt")
    tables = [(one.title, _in_columns([one.columns, *one.rows])) for one in draft.tables]
    table = _in_columns([draft.columns, *(row.cells() for row in draft.related)])
    return template.render(draft=draft, limit=ABSTRACT_LIMIT, csv_name=CSV_NAME, table=table, tables=tables)


def to_html(draft: Draft) -> str:
    """A page of its own."""
    template = _ENVIRONMENT.get_template("note.html")
    return template.render(draft=draft, limit=ABSTRACT_LIMIT, columns=draft.columns, note_css=css())


def to_html_part(draft: Draft) -> Markup:
    """The note without page around it, escaped, for a page that brings `css()` along."""
    macros = _ENVIRONMENT.get_template("parts.html").module
    return Markup(macros.note(draft, draft.columns, ABSTRACT_LIMIT))  # type: ignore[attr-defined]  # noqa: S704


def to_body(draft: Draft) -> str:
    """The body alone as HTML, as one pastes it into the TNS's editor, with the tables that belong to it."""
    text = "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in draft.body)
    macros = _ENVIRONMENT.get_template("parts.html").module
    return text + "".join(str(macros.table_of(one)) for one in draft.tables)  # type: ignore[attr-defined]


def css() -> Markup:
    """The style of the note: our own file, nothing of anybody else's in it."""
    return Markup((TEMPLATES / "note.css").read_text(encoding="utf-8"))  # noqa: S704


def to_json(draft: Draft) -> str:
    """For programs: every field, sorted keys."""
    return json.dumps(dataclasses.asdict(draft), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def draft_from_json(text: str) -> Draft:
    """Read what `to_json` wrote.

    Raises
    ------
    ValueError
        If the text is no draft, or one that another version wrote.
    """
    try:
        return TypeAdapter(Draft).validate_json(text, extra="forbid")
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}" for e in error.errors()[:3])
        raise ValueError(f"no draft of a note: {found}") from None


def files(draft: Draft) -> dict[str, str]:
    """Every file of a note by name."""
    return {
        HTML_NAME: to_html(draft),
        "astronote.txt": to_text(draft),
        CSV_NAME: to_csv(draft.columns, draft.related),
        "astronote.json": to_json(draft),
    }


FILE_NAMES = (HTML_NAME, "astronote.txt", CSV_NAME, "astronote.json")
"""What `files` writes; the JSON is last, so that where it stands the rest stands too."""


def _in_columns(rows: Sequence[Sequence[str]]) -> str:
    """A table in columns of even width."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows)
