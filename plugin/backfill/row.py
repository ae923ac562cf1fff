"""One answer as a row: what lists are sorted by in columns of their own, and all of it beside them."""

from dataclasses import replace
from typing import Any

from models.domain import FINE_CLASSES, RawSpectrum, Report, Spectrum
from models.similar.shelf import shape_of, to_bytes, unit_from_text
from plugin.cycle.posting import NONE, prediction_set
from plugin.cycle.spectra.compose import short


def row_of(
    raw: RawSpectrum, report: Report, spectrum: Spectrum | None, *, alpha: float, file: str | None, place: int
) -> dict[str, Any]:
    """The row of an answer or of a refusal.

    Parameters
    ----------
    spectrum : Spectrum or None
        What the models were shown.
    alpha : float
        Of the set that has a column of its own; the report holds those of every alpha.
    file : str or None
        Where the spectrum was read; None for one of a marshal.
    place : int
        Its position there.
    """
    report = replace(report, spectrum_id=raw.spectrum_id)
    row = _about(raw, file, place) | {
        "status": str(report.status),
        "reason": report.reason,
        "bundle": report.bundle,
        "input_hash": report.input_hash,
        "report": report.to_json(),
    }
    return row | _verdict(report, spectrum) | _confidence(report, alpha) | _anomaly(report) | _matching(report)


def failed_row(raw: RawSpectrum, reason: str, *, file: str | None, place: int, bundle: str) -> dict[str, Any]:
    """The row of a spectrum on which something broke."""
    return _about(raw, file, place) | {"status": "failed", "reason": reason, "bundle": bundle}


def _about(raw: RawSpectrum, file: str | None, place: int) -> dict[str, Any]:
    return {
        "spectrum_id": str(raw.spectrum_id),
        "object_id": None if raw.target_id is None else str(raw.target_id),
        "file": file,
        "place": place,
        "version": _text(raw.modified),
        "instrument": _text(raw.instrument),
        "observed_at": _text(raw.observed_at),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _verdict(report: Report, spectrum: Spectrum | None) -> dict[str, Any]:
    verdict = report.verdict
    if verdict is None or spectrum is None:
        return {}
    embedding = unit_from_text(report.embedding)
    shape = shape_of(spectrum.wavelength_A, spectrum.flux)
    return {
        "label": verdict.label,
        "p": verdict.probability,
        **{f"p_{short(label)}": verdict.probabilities[label] for label in FINE_CLASSES},
        "coarse": max(verdict.coarse, key=lambda name: verdict.coarse[name]),
        "shape": to_bytes(shape).tobytes(),
        "embedding": None if embedding is None else embedding.tobytes(),
    }


def _confidence(report: Report, alpha: float) -> dict[str, Any]:
    confidence = report.confidence
    if confidence is None:
        return {}
    members = prediction_set(confidence.prediction_sets, alpha)
    return {
        "set": "|".join(c for c in FINE_CLASSES if c in members) or NONE,
        "set_size": len(members),
        "policy": confidence.policy,
        "sentence": confidence.sentence,
        "p_marginal": confidence.p_marginal,
        "p_mondrian": confidence.p_mondrian,
    }


def _anomaly(report: Report) -> dict[str, Any]:
    anomaly = report.anomaly
    if anomaly is None:
        return {}
    return {
        "anomaly": anomaly.score,
        "anomalous": anomaly.flagged,
        **{f"family_{name}": value for name, value in anomaly.families.items()},
        "fired": "|".join(anomaly.fired) or NONE,
        "resembles": anomaly.resembles,
    }


def _matching(report: Report) -> dict[str, Any]:
    z, phase, subtype = report.redshift, report.phase, report.subtype
    return {
        "redshift": None if z is None else z.value,
        "phase_days": None if phase is None else phase.days,
        "subtype": None if subtype is None else subtype.label,
    }
