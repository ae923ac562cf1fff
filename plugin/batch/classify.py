"""`astranet classify`: spectra from files, one JSON object each, in the order they came."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import count, islice
from pathlib import Path
from typing import Any, TextIO

from iris_client.files.spectra import read_spectra
from iris_client.quality.control import QualityRules, examine
from models.analyst import Analyst
from models.domain import Caveat, Confidence, Evidence, RawSpectrum, Report, Target
from plugin.ops.progress import Advance

BATCH = 64


def classify_files(
    paths: Sequence[Path], out: TextIO, analyst: Analyst, rules: QualityRules, *, advance: Advance = lambda _: None
) -> dict[str, int]:
    """Answer for every spectrum of some files, and write a line for each, refused ones included.

    Returns
    -------
    dict of str to int
        How many were `ok` and `refused`.
    """
    counts = {"ok": 0, "refused": 0}
    for raw, report in answers(named(paths), analyst, rules):
        out.write(json.dumps(line(raw, report), allow_nan=False, ensure_ascii=False) + "\n")
        counts[str(report.status)] += 1
        advance(1)
    return counts


def named(paths: Sequence[Path]) -> Iterator[RawSpectrum]:
    """The spectra of some files; where a name has been given already, the file's whole name, its path, or a number
    tells two spectra apart.
    """
    seen: set[str] = set()
    for path in paths:
        here: set[str] = set()
        for raw in read_spectra(path):
            own = str(raw.spectrum_id)
            ways = (own,) if own in here else (own, path.name, str(path))
            name = next((way for way in ways if way not in seen), None)
            if name is None:
                name = next(f"{own}#{n}" for n in count(2) if f"{own}#{n}" not in seen)
            here.add(own)
            seen.add(name)
            yield raw if name == raw.spectrum_id else replace(raw, spectrum_id=name)


def answers(
    spectra: Iterable[RawSpectrum], analyst: Analyst, rules: QualityRules
) -> Iterator[tuple[RawSpectrum, Report]]:
    """Examine and classify a stream of spectra in batches."""
    for batch in _batched(spectra, BATCH):
        yield from zip(batch, analyst.run_many([asked(raw, rules) for raw in batch]), strict=True)


def asked(raw: RawSpectrum, rules: QualityRules) -> tuple[Evidence, tuple[Caveat, ...]]:
    """A spectrum of a file through quality control, as the models are asked about it."""
    found = examine(raw, rules)
    target = Target(target_id=str(raw.target_id or raw.spectrum_id))
    return Evidence(target=target, spectrum_id=str(raw.spectrum_id), spectrum=found.spectrum), found.caveats


def line(raw: RawSpectrum, report: Report) -> dict[str, Any]:
    """One answer as the flat object that other programs read; its keys never go away."""
    verdict, confidence, anomaly = report.verdict, report.confidence, report.anomaly
    p = confidence.p_mondrian if confidence else None
    return {
        "spec_id": raw.spectrum_id,
        "status": str(report.status),
        "reason": report.reason,
        "label": verdict.label if verdict else None,
        "probabilities": dict(verdict.probabilities) if verdict else None,
        "coarse": dict(verdict.coarse) if verdict else None,
        "prediction_sets": {k: list(v) for k, v in confidence.prediction_sets.items()} if confidence else None,
        "entropy": dict(confidence.entropy) if confidence else None,
        "interval": dict(verdict.spread) if verdict else None,
        "p_marginal": confidence.p_marginal if confidence else None,
        "p_mondrian": p,
        # The paper's name for 1 - p_mondrian. It is no probability of an error.
        "p_wrong": None if p is None else round(1.0 - p, 6),
        "policy": confidence.policy if confidence else None,
        "sentence": confidence.sentence if confidence else None,
        "admcp": _cell(confidence),
        "scores": dict(anomaly.scores) if anomaly else None,
        "families": dict(anomaly.families) if anomaly else None,
        "anomaly_score": anomaly.score if anomaly else None,
        "anomaly_seeds": list(anomaly.seeds) if anomaly else None,
        "anomalous": anomaly.flagged if anomaly else None,
        "neighbours": [dict(n) for n in anomaly.neighbours] if anomaly else None,
        **_matching(report),
        "caveats": [{"code": str(c.code), "text": c.text} for c in report.caveats],
        "bundle": report.bundle,
    }


def _matching(report: Report) -> dict[str, Any]:
    """What matching archive spectra say; null where the bundle has none, or nothing can be believed."""
    z, phase, subtype = report.redshift, report.phase, report.subtype
    return {
        "redshift_estimate": z.value if z else None,
        "redshift_interval": [z.low, z.high] if z and z.low is not None else None,
        "redshift_share": z.share if z else None,
        "redshift_second": z.second if z else None,
        "redshift_known": z.known if z else None,
        "redshift_agrees": z.agrees if z else None,
        "phase_estimate": phase.days if phase else None,
        "phase_interval": [phase.low, phase.high] if phase else None,
        "subtype": subtype.label if subtype else None,
        "subtype_sets": {k: list(v) for k, v in subtype.prediction_sets.items()} if subtype else None,
        "matches": [dict(m) for m in report.matches] if z else None,
        "other_match": dict(report.other_match) if report.other_match else None,
        "luminosity": asdict(report.luminosity) if report.luminosity else None,
        "with_luminosity": asdict(report.with_luminosity) if report.with_luminosity else None,
        "what_if": asdict(report.what_if) if report.what_if else None,
    }


def _cell(confidence: Confidence | None) -> dict[str, object] | None:
    cell = confidence.cell if confidence else None
    return None if cell is None else {k: cell[k] for k in ("cell", "size", "level", "used", "threshold", "fires")}


def _batched(items: Iterable[RawSpectrum], size: int) -> Iterator[tuple[RawSpectrum, ...]]:
    iterator = iter(items)
    while batch := tuple(islice(iterator, size)):
        yield batch
