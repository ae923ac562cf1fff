"""What has no answer, and why: refused spectra and objects, work and posts that were set aside."""

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from plugin.web.pages.actions import SAID
from plugin.web.pages.objects import says
from plugin.web.parts import WebParts
from plugin.web.reading import PAGE, Reading
from plugin.web.rendering import page

KINDS: Final = ("refused", "work", "posts")


def page_of(parts: WebParts) -> Callable[[Request], Response]:
    """The page; one of three lists at a time."""

    def unanswered(request: Request) -> Response:
        with parts.store.begin(to_read=True) as unit:
            reading = Reading(unit)
            counts = {
                "refused": reading.count_refused(),
                "work": reading.count_parked(),
                "posts": unit.outbox.count("parked"),
            }
            asked = request.query_params.get("what", "")
            first = next((kind for kind in ("work", "posts", "refused") if counts[kind]), "refused")
            what = asked if asked in KINDS else first
            pages = max(1, -(-counts[what] // PAGE))
            number = min(_page(request.query_params.get("page", "1")), pages)
            read = {"refused": reading.refused, "work": reading.parked, "posts": reading.parked_posts}[what]
            shown = read(number)
        return page(
            request,
            "unanswered.html",
            what=what,
            counts=counts,
            shown=shown,
            number=number,
            pages=pages,
            said=SAID.get(request.query_params.get("said", "")),
            says=says,
            turn=lambda number: f"/unanswered?what={what}&page={number}",
            back=f"/unanswered?what={what}&page={number}",
        )

    return unanswered


def _page(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 1
