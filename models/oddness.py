"""From the anomaly layer's numbers to the parts of a report: anomaly, p-values, cell, policy and sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.conformal.admcp import ADMCP, Cell
from models.conformal.mondrian import Mondrian
from models.conformal.policy import Policy, Regime, decide, fit_thresholds, regime, sentence
from models.conformal.spread import decompose
from models.domain import FINE_CLASSES, Anomaly, Caveat, CaveatCode, Verdict
from models.sentinel.detector import Judgement, OperatingRegime, Sentinel
from models.sentinel.scores import FAMILIES
from models.spectral.ensemble import Beliefs

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


class Oddness:
    """The anomaly layer and its conformal calibration, for the analyst.

    Parameters
    ----------
    sentinel : Sentinel
    regime : str
        Which operating regime decides `Anomaly.flagged`; see `Sentinel.flags`.
    """

    def __init__(self, sentinel: Sentinel, regime: OperatingRegime = "anchor") -> None:
        self._sentinel, self._regime = sentinel, regime
        cal = sentinel.calibration
        top = cal.fine.max(1)
        self.thresholds = fit_thresholds(top, cal.anomaly, cal.epistemic)
        self.mondrian = Mondrian(scores=cal.anomaly, predicted=cal.predicted, classes=len(FINE_CLASSES))
        self.admcp = ADMCP(1.0 - top, cal.anomaly, cal.predicted, alpha=ALPHA)

    def judge(self, beliefs: Beliefs) -> "Judged":
        """Look at some spectra.

        Parameters
        ----------
        beliefs : Beliefs
            Without redshift and phase, as the layer was fitted and calibrated.
        """
        return Judged(self, self._sentinel, self._regime, beliefs, self._sentinel.judge(beliefs))


class Judged:
    """Some spectra, judged; `findings(i, ...)` says what about the i-th."""

    def __init__(
        self, layer: Oddness, sentinel: Sentinel, operating: OperatingRegime, beliefs: Beliefs, judgement: Judgement
    ) -> None:
        self._layer, self._sentinel, self._judgement = layer, sentinel, judgement
        self._regime: OperatingRegime = operating
        self._score, self._embedding = judgement.score, beliefs.embedding
        self._top, self._predicted = beliefs.fine.max(1), beliefs.fine.argmax(1)
        self._epistemic = decompose(beliefs.member_fine).epistemic
        self._flagged = sentinel.flags(judgement.seed_scores, operating)
        self._marginal = layer.mondrian.marginal(self._score)
        self._mondrian = layer.mondrian.per_class(self._score, self._predicted)

    def findings(self, i: int, verdict: Verdict, classes: Sequence[str]) -> Findings:
        """Everything about one spectrum.

        Parameters
        ----------
        verdict : Verdict
            As it is reported: with redshift and phase where they are known.
        classes : sequence of str
            Its prediction set at alpha = 0.05.
        """
        cell = self._layer.admcp.cell(1.0 - float(self._top[i]), float(self._score[i]), int(self._predicted[i]))
        thresholds, p = self._layer.thresholds, float(self._mondrian[i])
        policy = decide(verdict.probability, float(self._score[i]), thresholds)
        kind = self._kind(i, len(classes)) if policy is Policy.ALERT else None
        confidence = {
            "p_marginal": round(float(self._marginal[i]), DIGITS),
            "p_mondrian": round(p, DIGITS),
            "policy": str(policy),
            "sentence": sentence(policy, verdict.label, classes, kind, p),
            "cell": cell.to_dict(FINE_CLASSES),
        }
        return Findings(anomaly=self._anomaly(i, kind), confidence=confidence, caveats=self._caveats(cell))

    def _kind(self, i: int, set_size: int) -> Regime:
        return regime(set_size, float(self._epistemic[i]), self._fired(i), self._layer.thresholds)

    def _fired(self, i: int) -> tuple[str, ...]:
        return self._sentinel.fired_families(self._judgement.families[i])

    def _anomaly(self, i: int, kind: Regime | None) -> Anomaly:
        j = self._judgement
        return Anomaly(
            score=round(float(self._score[i]), DIGITS),
            flagged=bool(self._flagged[i]),
            threshold=round(self._sentinel.threshold, DIGITS),
            scores=_named(self._sentinel.scores, j.ranks[i]),
            families=_named(FAMILIES, j.families[i]),
            fired=self._fired(i),
            resembles=None if kind is None else str(kind),
            regime=self._regime,
            seeds=tuple(round(float(s), DIGITS) for s in j.seed_scores[i]),
            neighbours=tuple(self._sentinel.analogs.nearest(self._embedding[i], NEIGHBOURS)),
        )

    def _caveats(self, cell: Cell) -> tuple[Caveat, ...]:
        name = FINE_CLASSES[cell.predicted]
        sizes = self._layer.mondrian.sizes
        found = []
        if cell.level != "cell":
            stead = f"the whole class ({cell.used})" if cell.level == "class" else f"all classes ({cell.used})"
            found.append(
                f"AD-MCP cell {name}, quintile {cell.quintile}: {cell.size} calibration spectra, "
                f"{self._layer.admcp.smallest} needed; the threshold of {stead} stands in"
            )
        if self._layer.mondrian.falls_back(np.array([cell.predicted]))[0]:
            found.append(f"p_mondrian is marginal: {sizes[cell.predicted]} calibration spectra are called {name}")
        return tuple(Caveat(code=CaveatCode.SMALL_CALIBRATION, text=text) for text in found)


def _named(keys: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {key: round(float(v), DIGITS) for key, v in zip(keys, values, strict=True)}
