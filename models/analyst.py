"""The whole science path on one screen: evidence in, report out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.anomaly_layer import ALPHA, AnomalyLayer, Judged
from models.bundle import Bundle
from models.conformal.domains import Domains
from models.conformal.sets import LAC
from models.conformal.spread import decompose
from models.domain import (
    COARSE_CLASSES,
    FINE_CLASSES,
    Anomaly,
    Caveat,
    CaveatCode,
    Confidence,
    Evidence,
    Report,
    Status,
    Verdict,
)
from models.sentinel.detector import FALSE_ALARM_RATE, OperatingRegime
from models.spectral.ensemble import EnsemblePrediction, Metadata
from models.spectral.prepare import Prepared, prepare

ALPHAS = (0.01, 0.025, 0.05, 0.1, 0.2)
DIGITS = 6

NO_SENTINEL = Caveat(code=CaveatCode.NOT_AVAILABLE, text="no anomaly score: this bundle has no Sentinel layer")


class Answer(NamedTuple):
    """What there is to say about one usable spectrum."""

    verdict: Verdict
    confidence: Confidence
    anomaly: Anomaly | None
    caveats: tuple[Caveat, ...]


class Analyst:
    """Answers from one bundle. Keeps no state between calls and may be shared between threads.

    Parameters
    ----------
    bundle : Bundle
        One without an anomaly layer answers without anomaly, p-values and policy, and says so.
    regime : str
        Which operating regime decides whether a spectrum is anomalous; see `models.sentinel.detector`.
    alpha, false_alarm_rate : float
        The operator's budget: error rate of sets, cells and policy, and share of ordinary spectra that are flagged.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        regime: OperatingRegime = "anchor",
        alpha: float = ALPHA,
        false_alarm_rate: float = FALSE_ALARM_RATE,
    ) -> None:
        self._bundle, self._alpha = bundle, alpha
        self._layer = (
            None
            if bundle.sentinel is None
            else AnomalyLayer(bundle.sentinel, regime, alpha=alpha, false_alarm_rate=false_alarm_rate)
        )
        scores = bundle.calibration["nonconformity"]
        told = bundle.calibration
        self._domains = Domains.of(
            told.get("spacing"),
            len(scores),
            coverage=told.get("coverage"),
            blue_end=told.get("blue_end"),
            red_end=told.get("red_end"),
            cut=told.get("cut"),
        )
        self._lac = {name: LAC(scores[mask]) for name, mask in self._domains.masks.items()}

    @property
    def bundle_id(self) -> str:
        """Which bundle answers."""
        return self._bundle.bundle_id

    def sketch(self, spectrum_id: str) -> NDArray[np.float64]:
        """An archive spectrum named as a neighbour, over 3850-9000 A; NaN where missing, shape (200,).

        Raises
        ------
        ValueError
            If the archive of this bundle does not hold it.
        """
        if self._bundle.sentinel is None:
            raise ValueError("this bundle has no archive")
        return self._bundle.sentinel.analogs.drawn(spectrum_id)

    @property
    def expected(self) -> Mapping[str, Mapping[str, float]]:
        """Share of ordinary (calibration) spectra that each regime flags, that become an ALERT and a COMMIT.

        By domain (`models.conformal.domains`); empty without an anomaly layer.
        """
        return {} if self._layer is None else self._layer.expected()

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
        metadata = [self._metadata(e) for e, _ in usable]
        prediction = self._bundle.ensemble.predict([p for _, p in usable], metadata)
        judged = self._judged(prediction, [p for _, p in usable], metadata)
        answers = iter(self._answer(prediction, judged, i, p) for i, (_, p) in enumerate(usable))
        return [
            self._report(evidence, caveats, None if p is None else next(answers))
            for (evidence, _), (p, caveats) in zip(items, prepared, strict=True)
        ]

    def _prepared(self, evidence: Evidence, caveats: Sequence[Caveat]) -> tuple[Prepared | None, tuple[Caveat, ...]]:
        caveats = tuple(caveats)
        if evidence.spectrum is None or any(c.refuses for c in caveats):
            return None, caveats or (Caveat(code=CaveatCode.NO_SPECTRUM, text="there is no spectrum"),)
        try:
            found = prepare(evidence.spectrum)
        except ValueError as error:
            return None, (*caveats, Caveat(code=CaveatCode.FLAT, text=str(error)))
        if self._calibrated_for(found):
            return found, caveats
        text = self._domains.refusal(found.spacing_A, found.extent)
        return None, (*caveats, Caveat(code=CaveatCode.LOW_COVERAGE, text=text))

    def _calibrated_for(self, prepared: Prepared) -> bool:
        """Whether both sets and p-values have calibration spectra of such coverage."""
        domains = [self._domains, *([] if self._layer is None else [self._layer.domains])]
        return all(d.answers(prepared.spacing_A, prepared.extent) for d in domains)

    def _metadata(self, evidence: Evidence) -> Metadata:
        """Only what the bundle was trained with: an input the network never saw would be noise to it."""
        spectrum, known = evidence.spectrum, self._bundle.card["metadata"]
        assert spectrum is not None
        return Metadata(
            phase_days=spectrum.phase_days if "phase" in known else None,
            redshift=spectrum.redshift if "redshift" in known else None,
            instrument=spectrum.instrument if "instrument" in known else None,
        )

    def _judged(
        self, prediction: EnsemblePrediction, prepared: list[Prepared], metadata: list[Metadata]
    ) -> Judged | None:
        """What the anomaly layer finds. It was calibrated without metadata, and so it is asked without."""
        if self._layer is None or not prepared:
            return None
        told = any(m != Metadata() for m in metadata)
        plain = self._bundle.ensemble.predict(prepared) if told else prediction
        return self._layer.judge(plain, [p.spacing_A for p in prepared], [p.extent for p in prepared])

    def _sets(self, fine: NDArray[np.float64], consulted: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Prediction set at every alpha; of several domains each class that any of them keeps."""
        sets = {}
        for alpha in sorted({*ALPHAS, self._alpha}):
            kept = np.any([self._lac[name].members(fine[None], alpha)[0] for name in consulted], axis=0)
            sets[f"{alpha:g}"] = tuple(np.array(FINE_CLASSES)[kept].tolist())
        return sets

    def _answer(self, prediction: EnsemblePrediction, judged: Judged | None, i: int, prepared: Prepared) -> Answer:
        fine, coarse = prediction.fine[i], prediction.coarse[i]
        verdict = Verdict(
            label=FINE_CLASSES[int(fine.argmax())],
            probabilities=_named(FINE_CLASSES, fine),
            coarse=_named(COARSE_CLASSES, coarse),
            spread=_named(FINE_CLASSES, prediction.spread[i]),
            members=len(prediction.seeds),
        )
        calibration = self._bundle.card["calibration"]
        own = prepared.spacing_A, prepared.extent
        consulted = self._domains.consulted(*own)
        cell, size = self._domains.named(consulted)
        sets = self._sets(fine, consulted)
        confidence = Confidence(
            prediction_sets=sets,
            method="lac",
            calibration_id=calibration["id"],
            calibration_cell=cell,
            calibration_size=size,
            calibration_date=calibration["date"],
            entropy=entropies(prediction, i),
        )
        told = {
            CaveatCode.UNLIKE_CALIBRATION: self._domains.caveat(*own),
            CaveatCode.PARTIAL_COVERAGE: self._domains.partly(*own),
        }
        caveats = tuple(Caveat(code=code, text=text) for code, text in told.items() if text is not None)
        if judged is None:
            return Answer(verdict, confidence, None, (*caveats, NO_SENTINEL))
        found = judged.findings(i, verdict, sets[f"{self._alpha:g}"])
        return Answer(verdict, replace(confidence, **found.confidence), found.anomaly, (*caveats, *found.caveats))

    def _report(self, evidence: Evidence, caveats: tuple[Caveat, ...], answer: Answer | None) -> Report:
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
            verdict=answer.verdict,
            confidence=answer.confidence,
            anomaly=answer.anomaly,
            caveats=(*caveats, *answer.caveats),
            bundle=self.bundle_id,
            input_hash=digest,
        )


def entropies(prediction: EnsemblePrediction, i: int) -> dict[str, float]:
    """Total, aleatoric and epistemic entropy of one spectrum, nats (Eq. 4)."""
    parts = decompose(prediction.member_fine[:, i : i + 1])
    return {name: round(float(getattr(parts, name)[0]), DIGITS) for name in ("total", "aleatoric", "epistemic")}


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
