"""Answers that cost nothing and follow from the input alone: what the service does with answers is on trial, not they.

Class, probability and policy of a spectrum come from the SHA-256 of its flux; NEEDLE's class from the object's name
and the number of its detections. No model is loaded.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from models.domain import (
    COARSE_CLASSES,
    COARSE_OF,
    FINE_CLASSES,
    NEEDLE_CLASSES,
    Caveat,
    Confidence,
    Evidence,
    HostVerdict,
    Report,
    Spectrum,
    Status,
    Verdict,
)
from models.needle.images.prepare import PreparedImages
from models.needle.objects import ObjectAnalyst, ObjectAnswer, input_hash

BUNDLE: Final = "trial-1@00000000"
POLICIES: Final = ("COMMIT", "ABSTAIN", "ALERT")
_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63600000000200014821bc33"
    "0000000049454e44ae426082"
)


class TrialAnalyst:
    """A `plugin.cycle.spectra.producer.Analyst` without a network."""

    bundle_id = BUNDLE

    def run_many(self, items: Sequence[tuple[Evidence, Sequence[Caveat]]]) -> list[Report]:
        """One report per item; a refusal where there is no spectrum that could be used."""
        return [self._one(evidence, tuple(caveats)) for evidence, caveats in items]

    def _one(self, evidence: Evidence, caveats: tuple[Caveat, ...]) -> Report:
        spectrum = evidence.spectrum
        if spectrum is None:
            name = evidence.target.target_id
            return Report.refusal(target_id=name, spectrum_id=None, caveats=caveats, bundle=BUNDLE, input_hash="0")
        seed = hashlib.sha256(spectrum.flux.tobytes()).digest()
        label = FINE_CLASSES[seed[0] % len(FINE_CLASSES)]
        p = 0.75 + seed[1] / 1100
        fine = {c: p if c == label else (1 - p) / (len(FINE_CLASSES) - 1) for c in FINE_CLASSES}
        coarse = {c: sum(q for f, q in fine.items() if COARSE_OF[f] == c) for c in COARSE_CLASSES}
        return Report(
            target_id=evidence.target.target_id,
            spectrum_id=spectrum.spectrum_id,
            status=Status.OK,
            verdict=Verdict(label=label, probabilities=fine, coarse=coarse),
            confidence=Confidence(
                prediction_sets=dict.fromkeys(("0.05", "0.1", "0.01"), (label,)),
                method="lac",
                calibration_id="trial",
                calibration_size=100,
                calibration_date="2026-01-01",
                policy=POLICIES[seed[2] % len(POLICIES)],
            ),
            caveats=caveats,
            bundle=BUNDLE,
            input_hash=seed.hex(),
        )


def trial_card(report: Report, _spectrum: Spectrum) -> bytes:
    """A picture of one pixel that differs from report to report."""
    return _PNG + report.input_hash.encode()


class TrialObjectAnalyst(ObjectAnalyst):
    """NEEDLE without its models."""

    def __init__(self) -> None:
        """Nothing is loaded."""

    @property
    def model_id(self) -> str:
        """Which model answers."""
        return BUNDLE

    def images(self, evidence: Evidence) -> PreparedImages:
        """None."""
        return PreparedImages(pair=None, science=None, reference=None, caveats=())

    def run(self, evidence: Evidence, images: PreparedImages, caveats: Sequence[Caveat] = ()) -> ObjectAnswer:
        """A class, or a refusal without a light curve."""
        curve, name = evidence.light_curve, evidence.target.target_id
        verdict = None if curve is None else self._verdict(name, len(curve.mjd))
        report = Report(
            target_id=name,
            spectrum_id=None,
            status=Status.REFUSED if verdict is None else Status.OK,
            reason="no light curve" if verdict is None else None,
            host_verdict=verdict,
            caveats=tuple(caveats),
            bundle=BUNDLE,
            input_hash=input_hash(evidence),
        )
        return ObjectAnswer(report=report, facts={"n_g": 0 if curve is None else len(curve.mjd), "n_r": 0})

    def _verdict(self, name: str, seen: int) -> HostVerdict:
        label = NEEDLE_CLASSES[hashlib.sha256(f"{name} {seen}".encode()).digest()[0] % len(NEEDLE_CLASSES)]
        return HostVerdict(
            label=label,
            probabilities={c: 0.8 if c == label else 0.1 for c in NEEDLE_CLASSES},
            model=BUNDLE,
            prediction_sets=dict.fromkeys(("0.05", "0.1", "0.2"), (label,)),
        )
