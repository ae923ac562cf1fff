"""NEEDLE's live record: what crossed the threshold, how long before others knew, and what it turned out to be."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from plugin.ops.needle_record import as_csv, read_record
from plugin.web.parts import WebParts
from plugin.web.rendering import page


def is_there(parts: WebParts) -> bool:
    """Whether NEEDLE works here, or has."""
    if parts.settings.alert_source != "none":
        return True
    with parts.store.begin(to_read=True) as unit:
        return bool(unit.needle.crossings())


def page_of(parts: WebParts) -> Callable[[Request], Response]:
    """The page."""

    def record(request: Request) -> Response:
        with parts.store.begin(to_read=True) as unit:
            found = read_record(unit, parts.settings.trust)
        return page(request, "record.html", record=found, threshold=parts.settings.needle_threshold)

    return record


def table_of(parts: WebParts) -> Callable[[Request], Response]:
    """The rows for other programs."""

    def table(_: Request) -> Response:
        with parts.store.begin(to_read=True) as unit:
            text = as_csv(read_record(unit, parts.settings.trust))
        named = {"Content-Disposition": 'attachment; filename="needle-record.csv"'}
        return PlainTextResponse(text, media_type="text/csv", headers=named)

    return table
