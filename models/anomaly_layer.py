"""From the anomaly layer's numbers to the parts of a report: anomaly, p-values, cell, policy and sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.conformal.admcp import ADMCP, Cell
from models.conformal.domains import Domains, smallest_cell
from models.conformal.mondrian import Mondrian
from models.conformal.policy import FailureMode, Policy, Thresholds, decide, failure_mode, fit_thresholds, sentence
from models.conformal.spread import decompose
from models.domain import FINE_CLASSES, Anomaly, Caveat, CaveatCode, Verdict
from models.sentinel.detector import FALSE_ALARM_RATE, REGIMES, Calibration, Limits, OperatingRegime, Sentinel
from models.sentinel.scores import FAMILIES
from models.spectral.ensemble import EnsemblePrediction
from models.spectral.prepare import WHOLE, Extent

ALPHA = 0.05
NEIGHBOURS = 5
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What there is to say about one spectrum besides its class.

    Parameters
    ----------
    confidence : mapping
        Fields of `Confidence` that only this layer can fill.
    """

    anomaly: Anomaly
    confidence: Mapping[str, Any]
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Everything that the calibration spectra of one domain decide."""

    limits: Limits
    thresholds: Thresholds
    mondrian: Mondrian
    admcp: ADMCP

    @classmethod
    def on(cls, calibration: Calibration, alpha: float, false_alarm_rate: float) -> "Calibrated":
        """Fit every threshold on some calibration spectra."""
        top, anomaly = calibration.fine.max(1), calibration.anomaly
        return cls(
            limits=Limits.of(calibration, false_alarm_rate),
            thresholds=fit_thresholds(
                top, anomaly, calibration.epistemic, alpha=alpha, false_alarm_rate=false_alarm_rate
            ),
            mondrian=Mondrian(
                scores=anomaly,
                predicted=calibration.predicted,
                classes=len(FINE_CLASSES),
                smallest=smallest_cell(alpha),
            ),
            admcp=ADMCP(1.0 - top, anomaly, calibration.predicted, alpha=alpha),
        )


class AnomalyLayer:
    """The anomaly scores and their conformal calibration, domain by domain, for the analyst.

    Parameters
    ----------
    sentinel : Sentinel
    regime : str
        Which operating regime decides `Anomaly.flagged`; see `Limits.flags`.
    alpha, false_alarm_rate : float
        The operator's budget: every threshold follows from these two.
    """

    def __init__(
        self,
        sentinel: Sentinel,
        regime: OperatingRegime = "anchor",
        *,
        alpha: float = ALPHA,
        false_alarm_rate: float = FALSE_ALARM_RATE,
    ) -> None:
        self.sentinel, self.regime = sentinel, regime
        cal = sentinel.calibration
        self.domains = Domains.of(
            cal.spacing, len(cal.label), coverage=cal.coverage, blue_end=cal.blue_end, red_end=cal.red_end
        )
        self.calibrated = {
            name: Calibrated.on(cal.rows(mask), alpha, false_alarm_rate) for name, mask in self.domains.masks.items()
        }

    def judge(
        self, prediction: EnsemblePrediction, spacing_A: Sequence[float], extents: Sequence[Extent] | None = None
    ) -> "Judged":
        """Look at some spectra.

        Parameters
        ----------
        prediction : EnsemblePrediction
            Without redshift and phase, as the layer was fitted and calibrated.
        spacing_A : sequence of float
            Median distance of each spectrum's pixels.
        extents : sequence of Extent, optional
            How much of the window each covers; all of it when left out.
        """
        return Judged(self, prediction, spacing_A, extents or [WHOLE] * len(spacing_A))

    def expected(self) -> Mapping[str, Mapping[str, float]]:
        """Share of calibration spectra that each regime flags, that become an ALERT and a COMMIT, by domain."""
        found: dict[str, dict[str, float]] = {}
        for name, mask in self.domains.masks.items():
            part, own = self.sentinel.calibration.rows(mask), self.calibrated[name]
            told = [decide(c, a, own.thresholds) for c, a in zip(part.fine.max(1), part.anomaly, strict=True)]
            found[name] = {
                **{str(r): float(own.limits.flags(part.seed_scores, r).mean()) for r in REGIMES},
                "ALERT": float(np.mean([p is Policy.ALERT for p in told])),
                "COMMIT": float(np.mean([p is Policy.COMMIT for p in told])),
            }
        return found


class Judged:
    """Some spectra, judged; `findings(i, ...)` says what about the i-th."""

    def __init__(
        self,
        layer: AnomalyLayer,
        prediction: EnsemblePrediction,
        spacing_A: Sequence[float],
        extents: Sequence[Extent],
    ) -> None:
        self._layer, self._spacing, self._extents = layer, spacing_A, extents
        self._judgement = layer.sentinel.judge(prediction)
        self._score, self._embedding = self._judgement.score, prediction.embedding
        self._top, self._predicted = prediction.fine.max(1), prediction.fine.argmax(1)
        self._epistemic = decompose(prediction.member_fine).epistemic

    def findings(self, i: int, verdict: Verdict, classes: Sequence[str]) -> Findings:
        """Everything about one spectrum; of several domains the most cautious word counts.

        Parameters
        ----------
        verdict : Verdict
            As it is reported: with redshift and phase where they are known.
        classes : sequence of str
            Its prediction set at the operator's alpha.
        """
        names = self._layer.domains.consulted(self._spacing[i], self._extents[i])
        parts = [self._layer.calibrated[name] for name in names]
        score, predicted = self._score[i : i + 1], self._predicted[i : i + 1]
        cells = [p.admcp.cell(1.0 - float(self._top[i]), float(score[0]), int(predicted[0])) for p in parts]
        cell = max(cells, key=lambda c: c.threshold)
        marginal = max(float(p.mondrian.marginal(score)[0]) for p in parts)
        per_class = [float(p.mondrian.per_class(score, predicted)[0]) for p in parts]
        own = parts[int(np.argmax(per_class))].mondrian
        policy = _cautious([decide(verdict.probability, float(score[0]), p.thresholds) for p in parts])
        most = max(verdict.probabilities, key=lambda name: verdict.probabilities[name])
        if policy is Policy.COMMIT and verdict.label != most:  # "sure enough" was learned from most probable classes
            policy = Policy.ABSTAIN
        kind = self._kind(i, len(classes), parts) if policy is Policy.ALERT else None
        confidence = {
            "p_marginal": round(marginal, DIGITS),
            "p_mondrian": round(max(per_class), DIGITS),
            "p_mondrian_cell": _named_cell(own, int(predicted[0]), names[int(np.argmax(per_class))]),
            "policy": str(policy),
            "sentence": sentence(policy, most, classes, kind, max(per_class)),
            "cell": cell.to_dict(FINE_CLASSES),
        }
        anomaly = self._anomaly(i, kind, parts)
        caveats = _caveats(cell, own, parts[cells.index(cell)].admcp)
        if anomaly.threshold is None:
            text = f"nothing is flagged: {len(own.scores)} calibration spectra are too few for the false-alarm rate"
            caveats = (*caveats, Caveat(code=CaveatCode.SMALL_CALIBRATION, text=text))
        return Findings(anomaly=anomaly, confidence=confidence, caveats=caveats)

    def _kind(self, i: int, set_size: int, parts: Sequence[Calibrated]) -> FailureMode:
        loosest = max((p.thresholds for p in parts), key=lambda t: t.epistemic)
        return failure_mode(set_size, float(self._epistemic[i]), self._fired(i, parts), loosest)

    def _fired(self, i: int, parts: Sequence[Calibrated]) -> tuple[str, ...]:
        fired = [p.limits.fired_families(self._judgement.families[i]) for p in parts]
        return tuple(f for f in fired[0] if all(f in other for other in fired))

    def _anomaly(self, i: int, kind: FailureMode | None, parts: Sequence[Calibrated]) -> Anomaly:
        j, sentinel = self._judgement, self._layer.sentinel
        return Anomaly(
            score=round(float(self._score[i]), DIGITS),
            flagged=all(bool(p.limits.flags(j.seed_scores[i : i + 1], self._layer.regime)[0]) for p in parts),
            threshold=_finite(max(p.limits.anchor for p in parts)),
            scores=_named(sentinel.scores, j.ranks[i]),
            families=_named(FAMILIES, j.families[i]),
            fired=self._fired(i, parts),
            resembles=None if kind is None else str(kind),
            regime=self._layer.regime,
            seeds=tuple(round(float(s), DIGITS) for s in j.seed_scores[i]),
            neighbours=tuple(sentinel.analogs.nearest(self._embedding[i], NEIGHBOURS)),
        )


def _cautious(policies: Sequence[Policy]) -> Policy:
    """What all say, or that a person should look."""
    return policies[0] if len(set(policies)) == 1 else Policy.ABSTAIN


def _named_cell(mondrian: Mondrian, predicted: int, domain: str) -> str:
    """Which calibration spectra are behind a p-value, and how many."""
    back = bool(mondrian.falls_back(np.array([predicted]))[0])
    size = len(mondrian.scores) if back else int(mondrian.sizes[predicted])
    return f"{'every class' if back else FINE_CLASSES[predicted]}, {domain} ({size})"


def _caveats(cell: Cell, mondrian: Mondrian, admcp: ADMCP) -> tuple[Caveat, ...]:
    name = FINE_CLASSES[cell.predicted]
    found = []
    if cell.level != "cell":
        stead = (
            f"the quintile's small cells ({cell.used})" if cell.level == "quintile" else f"all spectra ({cell.used})"
        )
        found.append(
            f"AD-MCP cell {name}, quintile {cell.quintile}: {cell.size} calibration spectra, "
            f"{admcp.smallest} needed; the threshold of {stead} stands in"
        )
    if not np.isfinite(cell.threshold):
        found.append(
            f"AD-MCP cannot fire: {cell.used} calibration spectra are too few for an error rate of {admcp.alpha:g}"
        )
    if mondrian.falls_back(np.array([cell.predicted]))[0]:
        found.append(
            f"p_mondrian is marginal: {mondrian.sizes[cell.predicted]} calibration spectra are called {name}, "
            f"{mondrian.smallest} needed"
        )
    return tuple(Caveat(code=CaveatCode.SMALL_CALIBRATION, text=text) for text in found)


def _finite(value: float) -> float | None:
    return round(value, DIGITS) if np.isfinite(value) else None


def _named(keys: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {key: round(float(v), DIGITS) for key, v in zip(keys, values, strict=True)}
