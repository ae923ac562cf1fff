"""Reports with everything that calibration on one's own answers needs, without a network."""

from datetime import datetime

import numpy as np

from models.domain import FINE_CLASSES, Anomaly, Basis, Caveat, CaveatCode, Confidence, Report, Status, Verdict
from models.recalibration.rows import Rows
from models.sentinel.scores import FAMILIES
from plugin.store import ASTRANET, Filed, spectrum

K = len(FINE_CLASSES)
SPACING_A = 25.0


def calibration_rows(n: int = 300, *, seed: int = 9, sharpness: float = 6.0, spacing: float = SPACING_A) -> Rows:
    """Calibration spectra as a bundle has them: of which objects is not known."""
    rng = np.random.default_rng(seed)
    label = np.concatenate(
        [np.arange(K).repeat(6), rng.choice(K, n - 6 * K, p=[0.5, 0.1, 0.05, 0.2, 0.05, 0.05, 0.05])]
    )
    logits = rng.normal(size=(n, K))
    logits[np.arange(n), label] += sharpness * rng.uniform(0.3, 1, n)
    return Rows(
        label=label,
        fine=np.exp(logits) / np.exp(logits).sum(1, keepdims=True),
        seed_scores=rng.uniform(size=(n, 2)),
        families=rng.uniform(size=(n, len(FAMILIES))),
        epistemic=rng.uniform(0, 0.2, n),
        spacing=np.full(n, spacing),
        coverage=np.ones(n),
        blue_end=np.zeros(n),
        red_end=np.zeros(n),
        objects=np.full(n, ""),
        answered_at=np.zeros(n),
        cut=np.zeros(n, bool),
    )


def answer(name: str, rows: Rows, i: int, *, anomaly: float | None = None, bundle: str = "b@1") -> Report:
    """The answer about a source that the i-th row would have been."""
    fine = {c: float(p) for c, p in zip(FINE_CLASSES, rows.fine[i], strict=True)}
    label = FINE_CLASSES[int(rows.fine[i].argmax())]
    seeds = rows.seed_scores[i] if anomaly is None else np.full(rows.seed_scores.shape[1], anomaly)
    return Report(
        target_id=name,
        spectrum_id=name,
        status=Status.OK,
        verdict=Verdict(label=label, probabilities=fine, coarse={"SN-Thermonuclear": 1.0}),
        confidence=Confidence(
            prediction_sets={a: tuple(c for c, p in fine.items() if p > float(a)) for a in ("0.05", "0.1", "0.2")},
            method="lac",
            calibration_id="cal-1",
            calibration_size=len(rows),
            calibration_date="2026-01-01",
            policy="COMMIT",
        ),
        anomaly=Anomaly(
            score=float(seeds.mean()),
            flagged=False,
            threshold=0.9,
            scores={},
            families=dict(zip(FAMILIES, rows.families[i].tolist(), strict=True)),
            seeds=tuple(seeds.tolist()),
        ),
        basis=Basis(
            probabilities=fine,
            epistemic=float(rows.epistemic[i]),
            spacing_A=float(rows.spacing[i]),
            coverage=1.0,
            blue_end=0.0,
            red_end=0.0,
        ),
        bundle=bundle,
    )


def refusal(name: str) -> Report:
    """A spectrum of which nothing is said."""
    caveat = Caveat(code=CaveatCode.LOW_COVERAGE, text="a quarter of the window")
    return Report.refusal(target_id=name, spectrum_id=name, caveats=(caveat,), bundle="b@1", input_hash="0")


def filed(report: Report, at: datetime, *, version: str = "v", instrument: str = "SEDM") -> Filed:
    """The report on file."""
    return Filed(
        subject=spectrum(str(report.spectrum_id)),
        producer=ASTRANET,
        target_id=str(report.target_id),
        version=version,
        report=report,
        observed_at="2026-06-09T05:00:00",
        instrument=instrument,
        group_ids=(6,),
        filed_at=at,
    )
