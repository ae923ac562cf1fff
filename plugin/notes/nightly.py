"""The daily job and `astranet note`: one night from the store to the files."""

from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from iris_client.protocols import SpectrumSource
from models.card_fields import BundleCard
from plugin.notes.draft import Byline, Draft, compose
from plugin.notes.files import write_note
from plugin.notes.night import Night
from plugin.notes.night_entries import figures_of, night_entries
from plugin.notes.review.keeping import keep
from plugin.notes.rules import NoteRules
from plugin.settings import Settings
from plugin.store import Store

_log = structlog.get_logger("astranet.notes")
_DRAFTED: Final = "note"
"""The cursor that tells for which night there is a draft."""


def write_night(
    settings: Settings, store: Store, marshal: SpectrumSource, *, now: datetime, night: Night | None = None
) -> Path | None:
    """Write the draft of a night, by default of the last one that is over.

    Parameters
    ----------
    now : datetime
        Naive UTC; stands in the draft as the time at which types and redshifts were read.

    Returns
    -------
    Path or None
        The folder; None when there is nothing to say.

    Raises
    ------
    UpstreamError
        If the marshal does not answer.
    BundleError
        If the bundle is damaged.
    """
    night = night or Night.before(now)
    draft = draft_night(settings, store, marshal, now=now, night=night, card=card_of(settings))
    folder = write_note(night, draft, output_dir=settings.output_dir)
    keep(store, "classes", str(night), draft, clock=lambda: now)
    _log.info("nothing to say" if folder is None else "note drafted", night=str(night), folder=str(folder or ""))
    return folder


def write_last_night(settings: Settings, store: Store, marshal: SpectrumSource, *, now: datetime) -> Path | None:
    """Write the draft of the last night that is over; by one worker only, and once.

    Returns
    -------
    Path or None
        The folder; None when there is nothing to say, or another worker says it.
    """
    night = str(Night.before(now))
    with store.leading("note") as ours:
        with store.begin(to_read=True) as unit:
            done = unit.watermarks.get(_DRAFTED)
        if not ours or (done is not None and done >= night):
            return None
        folder = write_night(settings, store, marshal, now=now)
        with store.begin() as unit:
            unit.watermarks.set(_DRAFTED, night)
    return folder


def draft_night(
    settings: Settings,
    store: Store,
    marshal: SpectrumSource,
    *,
    now: datetime,
    night: Night,
    card: BundleCard,
    rules: NoteRules | None = None,
) -> Draft | None:
    """Gather a night and compose its draft; `card` is that of the bundle whose figures are stated."""
    rules = rules or NoteRules(alpha=settings.alpha)
    return compose(
        night,
        night_entries(store, marshal, night, rules, order=settings.trust),
        as_of=now,
        figures=figures_of(card),
        rules=rules,
        byline=Byline(authors=settings.note_authors, marshal=_marshal_name(settings)),
    )


def _marshal_name(settings: Settings) -> str:
    """`the marshal fritz.science`: without scheme and port, which are nobody's business in a note."""
    host = urlsplit(settings.marshal_url or "").hostname
    return f"the marshal {host}" if host else "the marshal"


def card_of(settings: Settings) -> BundleCard:
    """The card of the bundle in use.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    """
    from models.bundle import SHIPPED, verify  # torch is loaded here and not before

    return verify(settings.bundle or SHIPPED)
