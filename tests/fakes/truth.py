"""Answers on file, posts that are visible, and what people say: what the tests about truth share."""

from datetime import datetime, timedelta

from iris_client.protocols import Place
from iris_client.taxonomy.trust import Voice
from models.domain import FINE_CLASSES, Report, Status, Verdict
from plugin.store import ASTRANET, Filed, Store, spectrum
from plugin.store.truth.truths import Heard, Told

NOW = datetime(2026, 6, 10, 12)
HOUR = timedelta(hours=1)


def report(target_id: str, spectrum_id: str, label: str = "SN Ia") -> Report:
    rest = (1 - 0.82) / 6
    verdict = Verdict(
        label=label, probabilities={c: 0.82 if c == label else rest for c in FINE_CLASSES}, coarse={"Thermonuclear": 1}
    )
    return Report(target_id=target_id, spectrum_id=spectrum_id, status=Status.OK, verdict=verdict, bundle="b@1")


def file(store: Store, target_id: str, spectrum_id: str, at: datetime = NOW, said: Report | None = None) -> None:
    said = said or report(target_id, spectrum_id)
    with store.begin() as unit:
        unit.reports.put(
            Filed(
                subject=spectrum(spectrum_id),
                producer=ASTRANET,
                target_id=target_id,
                version="v",
                report=said,
                observed_at="2026-06-09T05:00:00",
                instrument="SEDM",
                filed_at=at,
            )
        )


def show(store: Store, place: Place, at: datetime) -> None:
    """Deliver an annotation."""
    with store.begin() as unit:
        unit.outbox.enqueue(place, kind="annotation", origin="O", body={"at": at.isoformat()}, group_ids=(6,), now=at)
        parcel = unit.outbox.claim(at, kinds=("annotation",))
        assert unit.outbox.sent(parcel, "1", at)


def hear(store: Store, target_id: str, source: Voice, *told: Told, now: datetime = NOW, whole: bool = True) -> Heard:
    with store.begin() as unit:
        return unit.truth.hear(target_id, source, told, now, whole=whole)
