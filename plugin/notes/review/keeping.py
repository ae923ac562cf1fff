"""What the service has drafted goes to where people review it."""

import structlog

from plugin.clock import Clock, utc_now
from plugin.notes.draft import Draft
from plugin.notes.review.content import content_of
from plugin.store import Store

_log = structlog.get_logger("astranet.notes")


def keep(store: Store, kind: str, night: str, draft: Draft | None, *, clock: Clock = utc_now) -> str:
    """Keep the draft of a night for review; without one, take an earlier one away that nobody has touched.

    Returns
    -------
    str
        What became of it: `new`, `renewed`, `same`, `kept` (a person's edits stay), `approved` (nothing may change),
        `dropped`, or `nothing`.
    """
    with store.begin() as unit:
        if draft is None:
            done = "dropped" if unit.notes.drop(kind, night) else "nothing"
        else:
            done = unit.notes.put(kind, night, content_of(draft), clock())
    if done in ("kept", "approved"):
        _log.info("the draft that people work on stays as it is", kind=kind, night=night, because=done)
    return done
