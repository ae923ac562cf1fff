"""The AstroNotes of others: the TNS's listing of what was posted lately, as JSON.

There is no such call in the TNS's interface for bots. The listing is a page of its web site that answers in JSON, asked
for with the bot's marker and within its budget. After a public client's parsing; never tried with the real TNS.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iris_client.errors import BadPayload
from iris_client.tns.mirror import number, text

if TYPE_CHECKING:
    from iris_client.tns.client import Tns

PATH: Final = "/astronotes"
PER_PAGE: Final = 50
MOST_PAGES: Final = 10
MOST_OBJECTS: Final = 1000
_NUMBER: Final = re.compile(r"(?:19|20)\d\d-\d{1,6}")
_PREFIX: Final = re.compile(r"[A-Za-z]+\s+(?=(?:19|20)\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedObject:
    """A related object of a note.

    Parameters
    ----------
    name : str or None
        The TNS's bare name, such as `2023fzh`.
    alt_name : str or None
        A survey's name for it.
    """

    name: str | None = None
    alt_name: str | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AstroNote:
    """One note.

    Parameters
    ----------
    number : str
        Such as `2025-118`.
    posted_at : str or None
        As the TNS writes it.
    """

    number: str
    title: str = ""
    authors: str = ""
    source_group: str = ""
    type: str = ""
    posted_at: str | None = None
    objects: tuple[NotedObject, ...] = ()


def recent_notes(tns: "Tns", days: int) -> Iterator[AstroNote]:
    """The notes of the last days, page by page.

    Raises
    ------
    UpstreamError
        If the TNS does not answer, or with something else than a listing.
    """
    for page in range(MOST_PAGES):
        query = {"posted_period_value": str(days), "posted_period_units": "days", "num_page": str(PER_PAGE)}
        data = tns.listed(PATH, {**query, "page": str(page), "format": "json"})
        found = list(read_notes(data))
        yield from found
        if len(found) < PER_PAGE:
            return


def read_notes(data: Any) -> Iterator[AstroNote]:
    """The notes of one page; entries without a number are left out.

    Raises
    ------
    BadPayload
        If it is no listing.
    """
    if isinstance(data, Mapping):
        rows = list(data.values())
    elif isinstance(data, list):
        rows = data
    else:
        raise BadPayload(f"astronotes: no listing: {json.dumps(data)[:100]}")
    if rows and not any(isinstance(row, Mapping) and "astronote" in row for row in rows):
        raise BadPayload(f"astronotes: no notes in the listing: {json.dumps(data)[:100]}")
    for row in rows:
        found = _NUMBER.search(text(row.get("astronote"), 64) or "") if isinstance(row, Mapping) else None
        if found is not None:
            yield _note(found[0], row)


def _note(name: str, row: Mapping[str, Any]) -> AstroNote:
    related = row.get("related_objects")
    objects = list(related.values()) if isinstance(related, Mapping) else related if isinstance(related, list) else []
    return AstroNote(
        number=name,
        title=text(row.get("title"), 1000) or "",
        authors=text(row.get("authors"), 2000) or "",
        source_group=text(row.get("source_group"), 200) or "",
        type=text(row.get("type"), 200) or "",
        posted_at=text(row.get("public_timestamp")),
        objects=tuple(_object(one) for one in objects[:MOST_OBJECTS] if isinstance(one, Mapping)),
    )


def _object(row: Mapping[str, Any]) -> NotedObject:
    ra, dec = number(row.get("radeg")), number(row.get("decdeg"))
    is_place = ra is not None and dec is not None and 0.0 <= ra < 360.0 and -90.0 <= dec <= 90.0
    name = _PREFIX.sub("", text(row.get("iauname")) or "")
    alt = (text(row.get("alt_name"), 255) or "").strip("[] ")
    return NotedObject(
        name=name or None,
        alt_name=alt or None,
        ra_deg=ra if is_place else None,
        dec_deg=dec if is_place else None,
    )
