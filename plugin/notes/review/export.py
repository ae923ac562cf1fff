"""A note as the TNS's form takes it: field by field, the table in the TNS's order, the body as HTML."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Final

from plugin.notes.draft import Draft
from plugin.notes.related import harmless
from plugin.notes.render import CSV_NAME, to_body, to_json, to_text

LEADING: Final = ("Catalog", "Name", "RA", "DEC", "Obj-Type", "Redshift", "Host Name", "Host Redshift")
"""The columns of the TNS's own table; then come custom ones, and Remarks last. Not checked against the real form."""
REMARKS: Final = "Remarks"


def tns_fields(draft: Draft) -> list[tuple[str, str]]:
    """Each field of the form with what goes into it."""
    return [
        ("Type", draft.type),
        ("Title", draft.title),
        ("Authors", draft.authors),
        ("Source Group", draft.source_group),
        ("Keywords", ", ".join(draft.keywords)),
        ("Abstract", draft.abstract),
        ("Body (HTML)", to_body(draft)),
        ("Related Objects (CSV)", tns_csv(draft)),
    ]


def tns_csv(draft: Draft) -> str:
    """The Related Objects in the order of the columns on the TNS's pages."""
    custom = [column for column in draft.columns if column not in (*LEADING, REMARKS)]
    columns = (*LEADING, *custom, REMARKS)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in draft.related:
        cells = dict(zip(draft.columns, row.cells(), strict=False))
        cells["Catalog"] = "TNS" if "[" in row.name else ""
        writer.writerow([harmless(cells.get(column, "")) for column in columns])
    return out.getvalue()


MADE: Final[Mapping[str, Callable[[Draft], str]]] = {
    CSV_NAME: tns_csv,
    "body.html": to_body,
    "astronote.txt": to_text,
    "astronote.json": to_json,
}
"""How each file is made that a person takes along."""
