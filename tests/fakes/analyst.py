"""An analyst without a network: its answer follows from the spectrum's name, the same for the same input."""

import hashlib
from collections.abc import Sequence

from models.domain import (
    COARSE_CLASSES,
    COARSE_OF,
    FINE_CLASSES,
    Caveat,
    Confidence,
    Evidence,
    Report,
    Status,
    Verdict,
)


class FakeAnalyst:
    """Answers SN Ia for spectrum 1, SN Ibc for 2 and so on round the classes, with its own probability each.

    Parameters
    ----------
    bundle_id : str
        Part of every report.
    fails_on : set of str
        Spectra at which the models break.
    policy : str or None
        What every answer says is to be done.
    """

    def __init__(
        self,
        bundle_id: str = "fake-1@00000000",
        fails_on: frozenset[str] = frozenset(),
        policy: str | None = None,
    ) -> None:
        self.bundle_id = bundle_id
        self.fails_on = fails_on
        self.policy = policy
        self.batches: list[int] = []

    def run_many(self, items: Sequence[tuple[Evidence, Sequence[Caveat]]]) -> list[Report]:
        self.batches.append(len(items))
        return [self._one(evidence, tuple(caveats)) for evidence, caveats in items]

    def _one(self, evidence: Evidence, caveats: tuple[Caveat, ...]) -> Report:
        spectrum = evidence.spectrum
        if spectrum is None:
            return Report.refusal(
                target_id=evidence.target.target_id,
                spectrum_id=None,
                caveats=caveats,
                bundle=self.bundle_id,
                input_hash="0",
            )
        if spectrum.spectrum_id in self.fails_on:
            raise FloatingPointError("the network gave NaN")
        seed = hashlib.sha256(spectrum.flux.tobytes()).digest()
        label = FINE_CLASSES[(int(spectrum.spectrum_id) - 1) % len(FINE_CLASSES)]
        p = 0.6 + seed[0] / 1000
        fine = {c: p if c == label else (1 - p) / 6 for c in FINE_CLASSES}
        coarse = {c: sum(q for f, q in fine.items() if COARSE_OF[f] == c) for c in COARSE_CLASSES}
        return Report(
            target_id=evidence.target.target_id,
            spectrum_id=spectrum.spectrum_id,
            status=Status.OK,
            verdict=Verdict(label=label, probabilities=fine, coarse=coarse),
            confidence=Confidence(
                prediction_sets={"0.05": (label, "AGN"), "0.1": (label,), "0.01": ()},
                method="lac",
                calibration_id="cal-1",
                calibration_size=100,
                calibration_date="2026-01-01",
                policy=self.policy,
            ),
            caveats=caveats,
            bundle=self.bundle_id,
            input_hash=seed.hex(),
        )
