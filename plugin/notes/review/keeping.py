"""What the service has drafted goes to where people review it."""

from datetime import datetime

import structlog

from plugin.notes.draft import Draft
from plugin.notes.review.content import content_of
from plugin.store import Unit

_log = structlog.get_logger("astranet.notes")


def keep(unit: Unit, kind: str, night: str, draft: Draft | None, now: datetime) -> str:
    """Keep a draft for review; without one, take an earlier one away that nobody has touched.

    Returns
    -------
    str
        What became of it: `new`, `renewed`, `same`, `kept` (a person's edits stay), `approved` (nothing may change),
        `dropped`, or `nothing`.
    """
    if draft is None:
        return "dropped" if unit.notes.drop(kind, night) else "nothing"
    done = unit.notes.put(kind, night, content_of(draft), now)
    if done in ("kept", "approved"):
        _log.info("the draft that people work on stays as it is", kind=kind, night=night, because=done)
    return done
