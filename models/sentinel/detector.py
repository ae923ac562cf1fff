"""The anomaly layer of a bundle: one detector per seed, and the three ways to read them (paper, Sec. IV D a, V D)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.conformal.sets import quantile
from models.sentinel.adapter import Adapter
from models.sentinel.analogs import Analogs
from models.sentinel.bank import Bank
from models.sentinel.combine import Combiner, families
from models.sentinel.features import Features, of_seed
from models.sentinel.ranks import Ranks
from models.sentinel.scores import FAMILIES, compute
from models.spectral.ensemble import EnsemblePrediction

Floats = NDArray[np.float64]
OperatingRegime = Literal["anchor", "per_seed", "seed_union"]
REGIMES: Final[tuple[OperatingRegime, ...]] = get_args(OperatingRegime)
FALSE_ALARM_RATE = 0.01
CHUNK = 4
"""Rows per pass, always: sums of other shapes differ in the last bit, and an answer must not depend on its company.
Few, for a spectrum that comes alone is padded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedDetector:
    """Bank, ranks and combiner of one training seed; with an adapter, all of them of what the adapter makes."""

    seed: int
    bank: Bank
    ranks: Ranks
    combiner: Combiner
    adapter: Adapter | None = None

    def __call__(self, features: Features) -> tuple[Floats, Floats]:
        """Ranks (n, scores) and anomaly score (n,)."""
        n = len(features)
        index = np.arange(max(-(-n // CHUNK), 1) * CHUNK) % max(n, 1)
        parts = [
            self._raw(features.rows(index[i : i + CHUNK] if n else index[:0])) for i in range(0, len(index), CHUNK)
        ]
        raw, exposed = (np.concatenate(column)[:n] for column in zip(*parts, strict=True))
        # Ranks and trees are asked of one row at a time, whatever the number of rows.
        ranks = self.ranks(raw)
        return ranks, self.combiner(ranks, exposed)

    def _raw(self, features: Features) -> tuple[Floats, Floats]:
        """Scores before ranking (n, scores) and log-odds of being exposed (n,)."""
        if self.adapter is not None:
            features = self.adapter.adapted(features)
        return compute(features, self.bank, self.combiner.scores), features.exposure[:, 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the layer says about the calibration spectra, which nothing in it was fitted to.

    Parameters
    ----------
    seed_scores : ndarray, shape (n, seeds)
    families : ndarray, shape (n, 4)
    fine : ndarray, shape (n, 7)
        Ensemble probabilities.
    epistemic : ndarray, shape (n,)
    label : ndarray of int, shape (n,)
    spacing : ndarray, shape (n,), or None
        Median distance of each spectrum's pixels, Angstrom; None for a layer from before domains.
    coverage, blue_end, red_end : ndarray, shape (n,), or None
        See `models.spectral.prepare.Extent`; None for a layer whose spectra are all whole.
    """

    seed_scores: Floats
    families: Floats
    fine: Floats
    epistemic: Floats
    label: NDArray[np.int64]
    spacing: Floats | None = None
    coverage: Floats | None = None
    blue_end: Floats | None = None
    red_end: Floats | None = None

    def rows(self, where: NDArray[np.bool_]) -> "Calibration":
        """The same for some of the spectra."""
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        picked: dict[str, Any] = {k: None if v is None else v[where] for k, v in columns.items()}
        return Calibration(**picked)

    @property
    def anomaly(self) -> Floats:
        """Seed-averaged score, shape (n,)."""
        return self.seed_scores.mean(1)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Predicted class, shape (n,)."""
        return self.fine.argmax(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the layer says about n spectra.

    Parameters
    ----------
    seed_scores : ndarray, shape (n, seeds)
    ranks : ndarray, shape (n, scores)
        Mean over seeds.
    families : ndarray, shape (n, 4)
    """

    seed_scores: Floats
    ranks: Floats
    families: Floats

    @property
    def score(self) -> Floats:
        """Seed-averaged score, shape (n,)."""
        return self.seed_scores.mean(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Thresholds at one false-alarm rate, from some calibration spectra.

    Parameters
    ----------
    anchor : float
        Of the seed-averaged score.
    seeds : ndarray, shape (seeds,)
    families : ndarray, shape (4,)
    """

    anchor: float
    seeds: Floats
    families: Floats

    @classmethod
    def of(cls, calibration: Calibration, false_alarm_rate: float = FALSE_ALARM_RATE) -> "Limits":
        """Infinite where the calibration spectra are too few for the rate."""
        return cls(
            anchor=quantile(calibration.anomaly, false_alarm_rate),
            seeds=np.array([quantile(column, false_alarm_rate) for column in calibration.seed_scores.T]),
            families=np.array([quantile(column, false_alarm_rate) for column in calibration.families.T]),
        )

    def flags(self, seed_scores: Floats, regime: OperatingRegime = "anchor") -> NDArray[np.bool_]:
        """Which spectra are anomalous under one regime, shape (n,).

        `anchor`: the seed-averaged score exceeds its threshold. `per_seed`: at least half of the seeds' own detectors
        fire, each at the same rate. `seed_union`: any of them fires.
        """
        fired = seed_scores > self.seeds
        match regime:
            case "anchor":
                return np.asarray(seed_scores.mean(1) > self.anchor)
            case "per_seed":
                return np.asarray(fired.mean(1) >= 0.5)
            case "seed_union":
                return np.asarray(fired.any(1))

    def fired_families(self, families: Floats) -> tuple[str, ...]:
        """Families whose own mean rank exceeds its threshold, for one spectrum's (4,)."""
        return tuple(f for f, v, t in zip(FAMILIES, families, self.families, strict=True) if v > t)


class Sentinel:
    """The layer, ready to judge. Keeps no state and may be shared between threads.

    Parameters
    ----------
    detectors : tuple of SeedDetector
    calibration : Calibration
    analogs : Analogs
    """

    def __init__(self, detectors: tuple[SeedDetector, ...], calibration: Calibration, analogs: Analogs) -> None:
        self.detectors, self.calibration, self.analogs = detectors, calibration, analogs

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores the detectors combine."""
        return self.detectors[0].combiner.scores

    def judge(self, prediction: EnsemblePrediction) -> Judgement:
        """Scores of every spectrum in `prediction`."""
        return judge(self.detectors, prediction)


def judge(detectors: Sequence[SeedDetector], prediction: EnsemblePrediction) -> Judgement:
    """Scores of every spectrum by every detector."""
    ranks, scores = zip(*(d(of_seed(prediction, d.seed)) for d in detectors), strict=True)
    mean = np.mean(ranks, axis=0)
    return Judgement(
        seed_scores=np.stack(scores, axis=1), ranks=mean, families=families(mean, detectors[0].combiner.scores)
    )
