"""What a person does to a note: one form, whose texts are saved whichever of its buttons is pressed."""

from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.notes.draft import Draft
from plugin.notes.review.adding import Adding
from plugin.notes.review.authors import Author, with_authors
from plugin.notes.review.changes import TEXTS, CannotBe, rewritten, take_out
from plugin.notes.review.reviewing import LONGEST_NAME, Objected, Overtaken, Reviewing, Seen
from plugin.sources.marshal import make_source
from plugin.web.access import form_of, refusal
from plugin.web.notes.routes import NAME_COOKIE, Endpoint, authors_of, reviewer_of, shown
from plugin.web.parts import WebParts
from plugin.web.sessions import SECONDS

_log = structlog.get_logger("astranet.web")
NOBODY = "somebody on the page"


def change(parts: WebParts) -> Endpoint:
    """Save, take out, add, approve, or start a new version."""

    def post(request: Request) -> Response:
        form = form_of(request)
        seen = _seen(request, form)
        if seen is None:
            return refusal(400, "Ask about a note.")
        # A name that a proxy gives is who it is, whatever was typed.
        given = form.get("reviewer", "") if "texts" in form else reviewer_of(request)
        name = request.state.visitor.name or " ".join(given.split())[:LONGEST_NAME]
        authors = authors_of(parts.settings)
        reviewing = Reviewing(store=parts.store, authors=authors, clock=parts.clock)
        typed = _typed(form, authors)
        try:
            said = _done(parts, reviewing, seen, form, typed, name)
        except Overtaken as error:
            answer = shown(parts, request, 409, overtaken=error, typed=typed, name=name)
        except CannotBe as error:
            answer = shown(parts, request, 422, wrong=(str(error),), typed=typed, name=name)
        except Objected as error:
            answer = shown(parts, request, 422, wrong=("It was not approved:", *error.reasons), name=name)
        else:
            _log.info("note on a page", did=said, kind=seen.kind, night=seen.night, by=name or None)
            answer = RedirectResponse(f"/notes/{quote(seen.kind)}/{quote(seen.night)}?said={said}", 303)
        if name and name != reviewer_of(request):
            secure = request.app.state.access.is_https(request)
            answer.set_cookie(
                NAME_COOKIE, quote(name), SECONDS, path="/notes", httponly=True, samesite="strict", secure=secure
            )
        return answer

    return post


def _done(
    parts: WebParts, reviewing: Reviewing, seen: Seen, form: Mapping[str, str], typed: Mapping[str, str], name: str
) -> str:
    """Do what was asked for; the word for what was done."""
    by, wanted = name or NOBODY, form.get("do", "save")
    if wanted == "revise":
        reviewing.revise(seen, by=by)
        return "revised"

    def written(draft: Draft) -> Draft:
        return rewritten(draft, typed)

    if target_id := form.get("take_out"):
        reviewing.change(seen, lambda d: take_out(written(d), target_id), by=by, said=f"took out {target_id}")
        return "out"
    if wanted == "add":
        asked = form.get("add", "").strip()
        if not asked:
            raise CannotBe("Say which object is to be added.")
        with closing((parts.marshal or (lambda: make_source(parts.settings)))()) as marshal:
            settings = parts.settings
            adding = Adding(store=parts.store, marshal=marshal, alpha=settings.alpha, trust=settings.trust)
            reviewing.change(seen, lambda d: adding(written(d), asked), by=by, said=f"added {asked}")
        return "in"
    note = reviewing.change(seen, written, by=by, said="texts")
    if wanted == "approve":
        reviewing.approve(Seen.of(note), by=name)
        return "approved"
    return "same" if note.revision == seen.revision else "saved"


def _typed(form: Mapping[str, str], authors: list[Author]) -> dict[str, str]:
    """The texts of the form; a field that is empty does not come with it."""
    if "texts" not in form:
        return {}
    texts = {name: form.get(name, "") for name in TEXTS}
    chosen = [one for number, one in enumerate(authors) if f"author_{number}" in form]
    return {**texts, "authors": with_authors(texts["authors"], chosen)}


def _seen(request: Request, form: Mapping[str, str]) -> Seen | None:
    numbers = [form.get(name, "") for name in ("version", "revision")]
    if not all(text.isascii() and text.isdigit() and len(text) < 9 for text in numbers):
        return None
    version, revision = map(int, numbers)
    kind, night = request.path_params["kind"], request.path_params["night"]
    return Seen(kind=kind, night=night, version=version, revision=revision)
