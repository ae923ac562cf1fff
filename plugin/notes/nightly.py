"""The daily job and `astranet note`: the notes of one period from the store to the files."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from iris_client.protocols import SpectrumSource
from models.card_fields import BundleCard
from plugin.notes.draft import Byline, Draft, Kind, compose
from plugin.notes.files import write_note
from plugin.notes.gather import Gatherer
from plugin.notes.kinds import AnomaliesKind, CandidatesKind, ClassesKind
from plugin.notes.kinds.track_record import TrackRecord
from plugin.notes.period import Period, due
from plugin.notes.review.keeping import keep
from plugin.ops.needle_record import read_record
from plugin.settings import Settings
from plugin.store import Store

_log = structlog.get_logger("astranet.notes")
_DRAFTED: Final = "note"
"""The cursor that tells up to which night there are drafts."""
Drafts = Mapping[str, Draft | None]
"""By kind; None where there is nothing to say."""


def write_due_notes(settings: Settings, store: Store, marshal: SpectrumSource, *, now: datetime) -> list[Path]:
    """Write the notes of every period that is over and was not written about; by one worker only, and once.

    What a note announces is written down together with how far notes have come: who dies in between writes the same
    notes again.

    Parameters
    ----------
    now : datetime
        Naive UTC; stands in the drafts as the time at which types and redshifts were read.

    Returns
    -------
    list of Path
        The folders; none where there is nothing to say, or another worker says it.

    Raises
    ------
    UpstreamError
        If the marshal does not answer: then the notes are written another time.
    BundleError
        If a model is damaged.
    """
    written: list[Path] = []
    with store.leading("note") as ours:
        if not ours:
            return written
        with store.begin(to_read=True) as unit:
            done = unit.watermarks.get(_DRAFTED)
        for period in due(done, now, settings.note_every):
            drafts = draft_notes(settings, store, marshal, now=now, period=period)
            written += write_notes(settings, period, drafts)
            announce(store, period, drafts, now)
    return written


def draft_notes(settings: Settings, store: Store, marshal: SpectrumSource, *, now: datetime, period: Period) -> Drafts:
    """Gather a period and compose the draft of each kind that is switched on; writes nothing.

    Raises
    ------
    UpstreamError
        If the marshal does not answer.
    BundleError
        If a model is damaged.
    """
    gatherer = Gatherer(store=store, marshal=marshal, trust=settings.trust, server=settings.tns_url)
    byline = Byline(authors=settings.note_authors, marshal=_marshal_name(settings))
    drafts: dict[str, Draft | None] = {}
    spectra = gatherer.spectra(period) if {"classes", "anomalies"} & set(settings.notes) else []
    objects = gatherer.objects(period) if "candidates" in settings.notes else []
    with store.begin(to_read=True) as unit:
        noted: dict[str, dict[str, str]] = {
            name: unit.announced.before(name, str(period), str(period.last)) for name in settings.notes
        }
    record = _record(settings, store, period)
    simulated = record is not None and any(gatherer.is_simulated(row.target_id) for row in record.rows if row.listed)
    for kind in kinds_of(settings, record):
        drafts[kind.name] = compose(
            kind,
            period,
            objects if kind.name == "candidates" else spectra,
            as_of=now,
            byline=byline,
            noted=noted[kind.name],
            made_up=gatherer.is_made_up,
            simulated=simulated and kind.name == "candidates",
        )
    return drafts


def write_notes(settings: Settings, period: Period, drafts: Drafts) -> list[Path]:
    """Write the files of each kind, or take earlier ones away where there is nothing to say any more.

    Raises
    ------
    OSError
        If a folder cannot be written.
    """
    written = []
    for name, draft in drafts.items():
        folder = write_note(period, name, draft, output_dir=settings.output_dir)
        _log.info(
            "nothing to say" if folder is None else "note drafted",
            kind=name,
            night=str(period),
            folder=str(folder or ""),
        )
        written += [] if folder is None else [folder]
    return written


def announce(store: Store, period: Period, drafts: Drafts, now: datetime) -> None:
    """Remember what the notes of a period announce, and that it is written about; the drafts go to their review."""
    with store.begin() as unit:
        for name, draft in drafts.items():
            keep(unit, name, str(period), draft, now)
            answers = {} if draft is None else {row.target_id: row.answer for row in draft.related}
            unit.announced.put(name, str(period), str(period.last), answers, now)
        unit.watermarks.set(_DRAFTED, str(period.last))


def kinds_of(settings: Settings, record: TrackRecord | None = None) -> Iterator[Kind]:
    """The kinds that are switched on, with the measured figures of the models in use.

    Parameters
    ----------
    record : TrackRecord, optional
        What became of NEEDLE's candidates, for a note that tells it.

    Raises
    ------
    BundleError
        If a model is damaged.
    """
    if {"classes", "anomalies"} & set(settings.notes):
        yield from _of_spectra(settings, card_of(settings))
    if "candidates" in settings.notes:
        yield _of_objects(settings, record)


def card_of(settings: Settings) -> BundleCard:
    """The card of the bundle in use.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    """
    from models.bundle import SHIPPED, verify  # torch is loaded here and not before

    return verify(settings.bundle or SHIPPED)


def _of_spectra(settings: Settings, card: BundleCard) -> Iterator[Kind]:
    from models.bundle import SHIPPED
    from models.conformal.policy import alert_rate
    from models.sentinel.detector import FALSE_ALARM_RATE
    from plugin.notes.figures import selected_figures
    from plugin.notes.kinds.anomalies import figures_of_alerts

    if "classes" in settings.notes:
        kind = ClassesKind(alpha=settings.alpha)
        folder = settings.bundle or SHIPPED
        figures = selected_figures(folder, card, least=kind.min_probability, alpha=settings.alpha)
        yield ClassesKind(alpha=settings.alpha, figures=figures)
    if "anomalies" in settings.notes:
        as_measured = settings.false_alarm_rate == FALSE_ALARM_RATE
        yield AnomaliesKind(
            share=alert_rate(settings.false_alarm_rate),
            tested=figures_of_alerts(card) if as_measured else {},
            alpha=settings.alpha,
        )


def _record(settings: Settings, store: Store, period: Period) -> TrackRecord | None:
    """NEEDLE's record, where a note of it is about more than a night."""
    if "candidates" not in settings.notes or period.first == period.last:
        return None
    with store.begin(to_read=True) as unit:
        return TrackRecord.of(read_record(unit, settings.trust), period)


def _of_objects(settings: Settings, record: TrackRecord | None) -> Kind:
    from models.needle.model import SHIPPED, verify
    from plugin.notes.kinds.candidates import figures_of

    figures = figures_of(verify(settings.needle_folder or SHIPPED), settings.needle_prefer)
    return CandidatesKind(figures=figures, record=record)


def _marshal_name(settings: Settings) -> str:
    """`the marshal fritz.science`: without scheme, port and numbers, which are nobody's business in a note."""
    host = urlsplit(settings.marshal_url or "").hostname or ""
    return f"the marshal {host}" if host.strip("0123456789.") and ":" not in host else "the marshal"
