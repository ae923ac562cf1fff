"""From reports on file to what tests for drift and calibration take."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np

from models.conformal.domains import Domains
from models.domain import FINE_CLASSES, Basis, Report, Status
from models.drift.seen import Learned, Reference, Seen, reference, summaries
from models.recalibration.rows import Rows
from models.sentinel.scores import FAMILIES
from models.spectral.prepare import Extent
from plugin.store import Filed
from plugin.store.truth.answered import Answered

INDEPENDENT: Final = 0.6
"""Objects for each calibration spectrum, about: what is known of a calibration is how many spectra it has."""


def extent_of(basis: Basis) -> Extent:
    """How much of the window a spectrum covers."""
    return Extent(basis.coverage, basis.blue_end, basis.red_end)


def cell_of(basis: Basis, domains: Domains) -> str:
    """Which calibration spectra an answer is compared with."""
    return " and ".join(domains.consulted(basis.spacing_A, extent_of(basis)))


def seen_of(filed: Filed, domains: Domains) -> Seen | None:
    """What a report tells the tests; None for an answer of an earlier version, which kept too little."""
    report, instrument = filed.report, filed.instrument
    if report.status is Status.REFUSED:
        return Seen(refused=True, instrument=instrument)
    basis, anomaly, confidence = report.basis, report.anomaly, report.confidence
    if basis is None or anomaly is None or confidence is None:
        return None
    fine, families, score = _fine(basis), _families(report), float(np.mean(anomaly.seeds or (anomaly.score,)))
    top = float(fine.max())
    (summary,) = summaries(families[None], np.array([score]), np.array([1 - top]), np.array([basis.epistemic]))
    return Seen(
        cell=cell_of(basis, domains),
        confidence=1.0 - top,
        anomaly=score,
        mix=float(fine[0]),
        summary=tuple(summary.tolist()),
        spacing=basis.spacing_A,
        alert=confidence.policy == "ALERT",
        unlike=basis.unlike,
        instrument=instrument,
    )


def learned_of(answered: Answered, domains: Domains, alpha: float) -> Learned | None:
    """What the truth about an answer tells the tests; None where the answer kept too little."""
    basis, confidence = answered.report.basis, answered.report.confidence
    sets = {} if confidence is None else confidence.prediction_sets
    if basis is None or confidence is None or f"{alpha:g}" not in sets:
        return None
    told = {float(level): answered.label not in members for level, members in sets.items()}
    p = 0.0 if answered.label is None else basis.probabilities[answered.label]
    return Learned(
        cell=cell_of(basis, domains),
        nonconformity=1.0 - p,
        misses=told,
        alpha=alpha,
        calibration=INDEPENDENT * confidence.calibration_size,
    )


def references_of(rows: Rows) -> Mapping[str, Reference]:
    """Calibration spectra by what answers are compared with: each domain, and the whole ones together."""
    domains, found = rows.domains(), {}
    whole = domains.consulted(0.0)
    for names in [(name,) for name in domains.masks] + [whole]:
        mine = rows.rows(np.any([domains.masks[name] for name in names], axis=0))
        found[" and ".join(names)] = reference(mine.fine, mine.label, mine.seed_scores, mine.families, mine.epistemic)
    return found


def rows_of(answered: Iterable[Answered]) -> Rows:
    """Answers with truth as calibration spectra; those that kept too little are left out."""
    parts = [
        row_of(one.report, one.target_id, one.filed_at, -1 if one.label is None else FINE_CLASSES.index(one.label))
        for one in answered
    ]
    kept = [part for part in parts if part is not None]
    return Rows.joined(kept) if kept else no_rows()


def row_of(report: Report, target_id: str, at: datetime, label: int) -> Rows | None:
    """One answer as a calibration spectrum; None where it kept too little."""
    basis, anomaly = report.basis, report.anomaly
    if basis is None or anomaly is None or not anomaly.seeds:
        return None
    return Rows(
        label=np.array([label], np.int64),
        fine=_fine(basis)[None],
        seed_scores=np.array([anomaly.seeds], float),
        families=_families(report)[None],
        epistemic=np.array([basis.epistemic]),
        spacing=np.array([basis.spacing_A]),
        coverage=np.array([basis.coverage]),
        blue_end=np.array([basis.blue_end]),
        red_end=np.array([basis.red_end]),
        objects=np.array([target_id]),
        answered_at=np.array([at.replace(tzinfo=UTC).timestamp()]),
        cut=np.zeros(1, bool),
    )


def no_rows() -> Rows:
    """Not one calibration spectrum."""
    none, text = np.zeros(0), np.zeros(0, np.str_)
    numbers = dict.fromkeys(("epistemic", "spacing", "coverage", "blue_end", "red_end", "answered_at"), none)
    return Rows(
        label=np.zeros(0, np.int64),
        fine=np.zeros((0, len(FINE_CLASSES))),
        seed_scores=np.zeros((0, 1)),
        families=np.zeros((0, len(FAMILIES))),
        objects=text,
        cut=np.zeros(0, bool),
        **numbers,
    )


def _fine(basis: Basis) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([basis.probabilities[name] for name in FINE_CLASSES])


def _families(report: Report) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    assert report.anomaly is not None
    return np.array([report.anomaly.families[name] for name in FAMILIES])
