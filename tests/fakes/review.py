"""What the tests of notes' review share: a draft that keeps every rule, and a store that holds it."""

from datetime import datetime
from typing import Any

from plugin.notes import Byline, Draft, Period, compose
from plugin.notes.review.keeping import keep
from plugin.store import ASTRANET, Filed, Store, spectrum
from plugin.store.notes.drafts import Note
from tests.fakes.notes import AS_OF, CLASSES, NIGHT, entry, report

ANSWERED, NOW = datetime(2026, 6, 10, 22), datetime(2026, 6, 11, 15)
OBJECTS = {"ZTF26tde": "TDE", "ZTF26ia": "SN Ia", "ZTF26ib": "SN Ia"}


def make_draft(objects: dict[str, str] | None = None, night: Period = NIGHT, **more: Any) -> Draft:
    """A draft, as the service writes it."""
    chosen = OBJECTS if objects is None else objects
    entries = [
        entry(name, str(n), label=label, known={"ra_deg": 10.0 + n, "tns_name": f"AT 2026a{name[-2:]}"}, **more)
        for n, (name, label) in enumerate(chosen.items(), 1)
    ]
    made = compose(
        CLASSES, night, entries, as_of=AS_OF, byline=Byline(authors="A. Bee (Institute)", source_group="ZTF")
    )
    assert made is not None
    return made


def kept(store: Store, draft: Draft | None = None, night: Period = NIGHT) -> Note:
    """The note in the store, after the service has drafted it."""
    with store.begin() as unit:
        keep(unit, "classes", str(night), draft or make_draft(night=night), NOW)
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
        report=report(target_id, str(number), label=label),
        observed_at="2026-06-10T05:00:00",
        instrument="SEDM",
        **{"filed_at": ANSWERED, **more},
    )
    with store.begin() as unit:
        unit.reports.put(filed)
