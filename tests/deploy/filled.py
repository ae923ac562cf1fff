"""A store in which every figure has something to count."""

from datetime import datetime

from iris_client.protocols import Place, SpectrumStub
from models.domain import Caveat, CaveatCode, Confidence, Report, Status, Verdict
from plugin.store import ASTRANET, Filed, Store, spectrum

NOW = datetime(2026, 6, 10, 12)


def fill(store: Store) -> None:
    """One answer, one refusal, one piece of work, one post, and a word of the service about itself."""
    confidence = Confidence(
        prediction_sets={}, method="lac", calibration_id="c", calibration_size=1, calibration_date="d", policy="ALERT"
    )
    answer = Report(
        target_id="ZTF26a",
        spectrum_id="1",
        status=Status.OK,
        verdict=Verdict(label="TDE", probabilities={"TDE": 1.0}, coarse={}),
        confidence=confidence,
        bundle="compact-9@00000000",
    )
    caveat = Caveat(code=CaveatCode.LOW_SNR, text="signal-to-noise 0.4, 1.2 needed")
    refusal = Report.refusal(
        target_id="ZTF26a", spectrum_id="2", caveats=[caveat], bundle="compact-9@00000000", input_hash="0"
    )
    with store.begin() as unit:
        for report in (answer, refusal):
            unit.reports.put(
                Filed(
                    subject=spectrum(report.spectrum_id or ""),
                    producer=ASTRANET,
                    target_id="ZTF26a",
                    version="2026-06-10T11:00:00.000000",
                    report=report,
                    filed_at=NOW,
                )
            )
        unit.spectra.add([SpectrumStub(spectrum_id="3", target_id="ZTF26a", modified="2026-06-10T11:00:00")], NOW)
        place = Place(kind="spectrum", id="1")
        unit.outbox.enqueue(place, kind="annotation", origin=ASTRANET, body={"a": 1}, group_ids=(6,), now=NOW)
        unit.status.tell({"finished_at": "2026-06-10T11:59:00.000000"}, NOW)
