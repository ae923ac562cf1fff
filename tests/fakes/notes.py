"""What the tests of notes' review share: a draft that keeps every rule, and a store that holds it."""

import dataclasses
from datetime import datetime
from typing import Any

from iris_client.taxonomy.trust import settle
from models.domain import FINE_CLASSES, Confidence, Report, Status, Target, Verdict
from plugin.notes import Byline, Draft, Entry, Figure, Figures, Night, compose
from plugin.notes.review.keeping import keep
from plugin.store import ASTRANET, Filed, Store, spectrum
from plugin.store.notes.drafts import Note

NIGHT = Night.parse("2026-06-10")
AS_OF = datetime(2026, 6, 11, 12, 5)
ANSWERED, NOW = datetime(2026, 6, 10, 22), datetime(2026, 6, 11, 15)
FIGURES = Figures(
    purity={"TDE": Figure(0.81, 0.7, 0.9), "SN Ia": Figure(0.95, 0.93, 0.97)},
    recall={"TDE": Figure(0.7, 0.6, 0.8), "SN Ia": Figure(0.9, 0.88, 0.92)},
    test="100 test spectra",
)
OBJECTS = {"ZTF26tde": "TDE", "ZTF26ia": "SN Ia", "ZTF26ib": "SN Ia"}


def report(target_id: str, spectrum_id: str, label: str, p: float = 0.95) -> Report:
    """A sure answer."""
    probabilities = {c: p if c == label else (1 - p) / 6 for c in FINE_CLASSES}
    confidence = Confidence(
        prediction_sets={"0.05": (label,), "0.1": (label,)},
        method="lac",
        calibration_id="cal",
        calibration_size=500,
        calibration_date="2026-01-01",
    )
    return Report(
        target_id=target_id,
        spectrum_id=spectrum_id,
        status=Status.OK,
        verdict=Verdict(label=label, probabilities=probabilities, coarse={}),
        confidence=confidence,
        bundle="compact-1@abc",
    )


def entry(target_id: str, label: str, number: int = 1, **more: Any) -> Entry:
    """An object as a night has it."""
    named = f"AT 2026a{target_id[-2:]}"
    target = Target(target_id=target_id, ra_deg=10.0 + number, dec_deg=-3.25, redshift=0.05, tns_name=named)
    made = Entry(
        target=target,
        settled=settle(target),
        report=report(target_id, str(number), label),
        instrument="SEDM",
        observed_at="2026-06-10T20:15:00",
    )
    return dataclasses.replace(made, **more)


def make_draft(objects: dict[str, str] | None = None, night: Night = NIGHT, **more: Any) -> Draft:
    """A draft, as the service writes it."""
    chosen = OBJECTS if objects is None else objects
    entries = [entry(name, label, n, **more) for n, (name, label) in enumerate(chosen.items(), 1)]
    byline = Byline(authors="A. Bee (Institute)", source_group="ZTF")
    made = compose(night, entries, as_of=AS_OF, figures=FIGURES, byline=byline)
    assert made is not None
    return made


def kept(store: Store, draft: Draft | None = None, night: Night = NIGHT) -> Note:
    """The note in the store, after the service has drafted it."""
    keep(store, "classes", str(night), draft or make_draft(night=night), clock=lambda: NOW)
    with store.begin(to_read=True) as unit:
        found = unit.notes.of("classes", str(night))
    assert found is not None
    return found


def file_answer(
    store: Store, target_id: str, label: str, number: int, filed_at: datetime = ANSWERED, **more: Any
) -> None:
    """Put a sure answer on file."""
    filed = Filed(
        subject=spectrum(str(number)),
        producer=ASTRANET,
        target_id=target_id,
        version="2026-06-10T20:00:00.000000",
        report=report(target_id, str(number), label),
        observed_at="2026-06-10T05:00:00",
        instrument="SEDM",
        **{"filed_at": ANSWERED, **more},
    )
    with store.begin() as unit:
        unit.reports.put(filed)
