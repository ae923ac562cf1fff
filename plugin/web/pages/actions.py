"""What a person may ask for: another look at a subject, another try of a post; and may say: a verdict on an alert. One
small transaction each.

A running service finds what became due in its next cycle; nothing is claimed here.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode, urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.cycle.spectra.because import BY_HAND
from plugin.cycle.spectra.looked import ASKED
from plugin.store import ASTRANET, Subject, object_of, spectrum
from plugin.store.truth.verdicts import VERDICTS, Vetted
from plugin.web.access import form_of, refusal
from plugin.web.login import local
from plugin.web.parts import WebParts

_log = structlog.get_logger("astranet.web")

SAID: Final = {
    "again": "It will be looked at again in the service's next cycle.",
    "looked": "Where the networks looked will be here after the service's next cycle.",
    "retried": "The post will be tried again in the service's next cycle.",
    "verdict": "Your verdict on the alert is written down.",
    "same": "That was your verdict already.",
    "no-alert": "That spectrum has no alert any more.",
    "unknown": "There is nothing of that name in the queue any more.",
}
"""What a page says after something was asked for on it."""

NOBODY_NAMED: Final = "with the token"
"""Who vets when the token has no name to it: all who share it are one."""

Endpoint = Callable[[Request], Response]


def answer_again(parts: WebParts) -> Endpoint:
    """Let a spectrum or an object be looked at again, whatever became of it before."""

    def again(request: Request) -> Response:
        form = form_of(request)
        subject = _subject(form.get("kind", ""), form.get("id", ""))
        if subject is None:
            return refusal(400, "Ask about a spectrum or an object.")
        with parts.store.begin() as unit:
            known = unit.queue.ask_again(subject, parts.clock(), reason=BY_HAND)
        if known:
            _log.info("asked for on a page: again", **{subject.kind: subject.id}, by=request.state.visitor.name)
        return _back(form.get("back"), "again" if known else "unknown")

    return again


def look_into(parts: WebParts) -> Endpoint:
    """Let the service say where the networks looked: it answers the spectrum again, and keeps what it finds."""

    def look(request: Request) -> Response:
        form = form_of(request)
        name = form.get("id", "")
        if not name:
            return refusal(400, "Ask about a spectrum.")
        with parts.store.begin() as unit:
            known = unit.queue.ask_again(spectrum(name), parts.clock(), reason=ASKED)
        if known:
            _log.info("asked for on a page: where it was looked", spectrum=name, by=request.state.visitor.name)
        return _back(form.get("back"), "looked" if known else "unknown")

    return look


def retry_post(parts: WebParts) -> Endpoint:
    """Try a post again that was set aside."""

    def retry(request: Request) -> Response:
        form = form_of(request)
        number = form.get("id", "")
        if not (number.isascii() and number.isdigit() and len(number) < 18):
            return refusal(400, "Ask about a post.")
        with parts.store.begin() as unit:
            known = unit.outbox.unpark_one(int(number), parts.clock())
        if known:
            _log.info("asked for on a page: post again", post=number, by=request.state.visitor.name)
        return _back(form.get("back"), "retried" if known else "unknown")

    return retry


def say_verdict(parts: WebParts) -> Endpoint:
    """Write down what a vetter says of an alert."""

    def say(request: Request) -> Response:
        form = form_of(request)
        verdict = next((one for one in VERDICTS if one == form.get("verdict")), None)
        if verdict is None:
            return refusal(400, f"A verdict is one of {', '.join(VERDICTS)}.")
        who = request.state.visitor.name or NOBODY_NAMED
        with parts.store.begin() as unit:
            filed = unit.reports.of(spectrum(form.get("id", "")), ASTRANET)
            confidence = None if filed is None else filed.report.confidence
            if filed is None or confidence is None or confidence.policy != "ALERT":
                return _back(form.get("back"), "no-alert")
            vetted = Vetted(
                spectrum_id=filed.subject.id,
                target_id=filed.target_id,
                who=who,
                verdict=verdict,
                told_at=parts.clock(),
                bundle=filed.report.bundle,
            )
            new = unit.verdicts.say(vetted)
        if new:
            _log.info("verdict on an alert", spectrum=filed.subject.id, verdict=verdict, by=who)
        return _back(form.get("back"), "verdict" if new else "same")

    return say


def _subject(kind: str, name: str) -> Subject | None:
    if not name:
        return None
    return {"spectrum": spectrum, "object": object_of}[kind](name) if kind in ("spectrum", "object") else None


def _back(target: str | None, said: str) -> Response:
    parts = urlsplit(local(target))
    kept = [pair for pair in parts.query.split("&") if pair and not pair.startswith("said=")]
    query = "&".join([*kept, urlencode({"said": said})])
    return RedirectResponse(f"{parts.path}?{query}", 303)
