"""The whole science path on one screen: evidence in, report out."""

import hashlib
from collections.abc import Sequence

import numpy as np

from models.bundle import Bundle
from models.conformal.sets import LAC
from models.domain import (
    COARSE_CLASSES,
    FINE_CLASSES,
    Caveat,
    CaveatCode,
    Confidence,
    Evidence,
    Report,
    Status,
    Verdict,
)
from models.spectral.ensemble import Beliefs, Metadata
from models.spectral.prepare import Prepared, prepare

ALPHAS = (0.01, 0.025, 0.05, 0.1, 0.2)
DIGITS = 6

NOT_YET = (
    Caveat(code=CaveatCode.NOT_AVAILABLE, text="no anomaly score: this bundle has no Sentinel layer"),
    Caveat(code=CaveatCode.NOT_AVAILABLE, text="no image and light-curve answer: this bundle has no NEEDLE model"),
)


class Analyst:
    """Answers from one bundle. Keeps no state between calls and may be shared between threads."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._lac = LAC(bundle.calibration["nonconformity"])

    @property
    def bundle_id(self) -> str:
        """Which bundle answers."""
        return self._bundle.bundle_id

    def run(self, evidence: Evidence, caveats: Sequence[Caveat] = ()) -> Report:
        """Answer for one object; see `run_many`."""
        (report,) = self.run_many([(evidence, caveats)])
        return report

    def run_many(self, items: Sequence[tuple[Evidence, Sequence[Caveat]]]) -> list[Report]:
        """Answer for several objects at once, in order.

        Parameters
        ----------
        items : sequence of (Evidence, caveats)
            The caveats of quality control; a refusing one, or no spectrum, gives a refused report.
        """
        prepared = [self._prepared(evidence, caveats) for evidence, caveats in items]
        usable = [(evidence, p) for (evidence, _), (p, _) in zip(items, prepared, strict=True) if p is not None]
        beliefs = self._bundle.ensemble.predict([p for _, p in usable], [self._metadata(e) for e, _ in usable])
        answers = iter(self._answer(beliefs, i) for i in range(len(usable)))
        return [
            self._report(evidence, caveats, None if p is None else next(answers))
            for (evidence, _), (p, caveats) in zip(items, prepared, strict=True)
        ]

    def _prepared(self, evidence: Evidence, caveats: Sequence[Caveat]) -> tuple[Prepared | None, tuple[Caveat, ...]]:
        caveats = tuple(caveats)
        if evidence.spectrum is None or any(c.refuses for c in caveats):
            return None, caveats or (Caveat(code=CaveatCode.NO_SPECTRUM, text="there is no spectrum"),)
        try:
            return prepare(evidence.spectrum), caveats
        except ValueError as error:
            return None, (*caveats, Caveat(code=CaveatCode.FLAT, text=str(error)))

    def _metadata(self, evidence: Evidence) -> Metadata:
        """Only what the bundle was trained with: an input the network never saw would be noise to it."""
        spectrum, known = evidence.spectrum, self._bundle.card["metadata"]
        assert spectrum is not None
        return Metadata(
            phase_days=spectrum.phase_days if "phase" in known else None,
            redshift=spectrum.redshift if "redshift" in known else None,
            instrument=spectrum.instrument if "instrument" in known else None,
        )

    def _answer(self, beliefs: Beliefs, i: int) -> tuple[Verdict, Confidence]:
        fine, coarse = beliefs.fine[i], beliefs.coarse[i]
        verdict = Verdict(
            label=FINE_CLASSES[int(fine.argmax())],
            probabilities=_named(FINE_CLASSES, fine),
            coarse=_named(COARSE_CLASSES, coarse),
            spread=_named(FINE_CLASSES, beliefs.spread[i]),
            members=len(beliefs.seeds),
        )
        calibration = self._bundle.card["calibration"]
        sets = {
            f"{alpha:g}": tuple(np.array(FINE_CLASSES)[self._lac.members(fine[None], alpha)[0]].tolist())
            for alpha in ALPHAS
        }
        confidence = Confidence(
            prediction_sets=sets,
            method="lac",
            calibration_id=calibration["id"],
            calibration_size=calibration["size"],
            calibration_date=calibration["date"],
            entropy=entropies(beliefs, i),
        )
        return verdict, confidence

    def _report(
        self, evidence: Evidence, caveats: tuple[Caveat, ...], answer: tuple[Verdict, Confidence] | None
    ) -> Report:
        spectrum_id = evidence.spectrum.spectrum_id if evidence.spectrum else evidence.spectrum_id
        digest = input_hash(evidence)
        if answer is None:
            return Report.refusal(
                target_id=evidence.target.target_id,
                spectrum_id=spectrum_id,
                caveats=caveats,
                bundle=self.bundle_id,
                input_hash=digest,
            )
        return Report(
            target_id=evidence.target.target_id,
            spectrum_id=spectrum_id,
            status=Status.OK,
            verdict=answer[0],
            confidence=answer[1],
            caveats=(*caveats, *NOT_YET),
            bundle=self.bundle_id,
            input_hash=digest,
        )


def entropies(beliefs: Beliefs, i: int) -> dict[str, float]:
    """Total, aleatoric and epistemic entropy of one spectrum, nats (Eq. 4); the last is never below zero."""
    members = beliefs.member_fine[:, i]
    total = _entropy(members.mean(axis=0))
    aleatoric = float(np.mean([_entropy(p) for p in members]))
    values = {"total": total, "aleatoric": aleatoric, "epistemic": max(total - aleatoric, 0.0)}
    return {k: round(v, DIGITS) for k, v in values.items()}


def input_hash(evidence: Evidence) -> str:
    """SHA-256 of what the answer depends on: arrays and metadata, not names."""
    digest = hashlib.sha256()
    if evidence.spectrum is not None:
        s = evidence.spectrum
        digest.update(s.wavelength_A.tobytes())
        digest.update(s.flux.tobytes())
        digest.update(repr((s.redshift, s.phase_days, s.instrument)).encode())
    return digest.hexdigest()


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(v), DIGITS) for name, v in zip(names, values, strict=True)}


def _entropy(p: np.ndarray) -> float:
    return float(-(p * np.log(np.clip(p, 1e-12, None))).sum())
