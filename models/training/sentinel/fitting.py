"""Fitting the anomaly layer (ASTRANet paper, Sec. IV D), and what each split is for.

train
    banks: means, covariances, references, mixtures, forest, planes; analogs. Never negatives of the combiner: the
    networks have seen these spectra, their embeddings are tighter than those of new ones.
select
    rank pool (real ones), and the combiner's ordinary side (real and semi-real: without the semi-real ones a CV would
    be an anomaly, because only two real CVs exist to learn from).
rare, oddities made from select, simulated templates
    exposure, and the combiner's anomalous side.
calibrate
    every threshold and p-value. test: figures only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.conformal.spread import decompose
from models.domain import FINE_CLASSES
from models.sentinel.adapter import Adapter
from models.sentinel.analogs import Analogs, object_name, sketches, unit_rows
from models.sentinel.bank import Bank
from models.sentinel.detector import Calibration, SeedDetector, Sentinel, judge
from models.sentinel.features import Features, of_seed
from models.sentinel.ranks import Ranks, fit_ranks
from models.sentinel.scores import BEYOND, compute, names
from models.spectral.ensemble import EnsemblePrediction
from models.training.dataset import Dataset
from models.training.sentinel.bank import fit_bank
from models.training.sentinel.combine import fit_combiner

Floats = NDArray[np.float64]
ALL_FOLDS = -1
ODD_EACH = 40
"""Simulated spectra of each kind that the combiner sees: more would outnumber the real rare ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedSpectra:
    """Spectra and what the ensemble says of them without any metadata."""

    data: Dataset
    prediction: EnsemblePrediction

    def rows(self, where: NDArray[np.bool_]) -> "PredictedSpectra":
        """The same for some spectra."""
        return PredictedSpectra(data=self.data.rows(where), prediction=self.prediction.rows(where))


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything the layer is fitted on and measured with.

    Parameters
    ----------
    train, select, calibrate, test : PredictedSpectra
        Spectra that cover 80 % of the window; `train` and `select` with semi-real ones, the others without.
    rare : PredictedSpectra
        Real and semi-real.
    train_views : PredictedSpectra
        Some of `train`, augmented.
    views : PredictedSpectra
        The rare ones, augmented; row i shows rare spectrum i modulo their number.
    odd, odd_test : mapping of str to PredictedSpectra
        Simulated ones by kind, to learn from and to try.
    """

    train: PredictedSpectra
    select: PredictedSpectra
    calibrate: PredictedSpectra
    test: PredictedSpectra
    rare: PredictedSpectra
    train_views: PredictedSpectra
    views: PredictedSpectra
    odd: Mapping[str, PredictedSpectra]
    odd_test: Mapping[str, PredictedSpectra]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sights:
    """The material as one seed's networks see it, or as they see it through an adapter."""

    train: Features
    select: Features
    calibrate: Features
    test: Features
    rare: Features
    train_views: Features
    views: Features
    odd: Mapping[str, Features]
    odd_test: Mapping[str, Features]
    scores: tuple[str, ...]

    def through(self, adapter: Adapter) -> "Sights":
        """As the adapter makes them."""
        parts = {f: _mapped(getattr(self, f), adapter.adapted) for f in Sights.__dataclass_fields__ if f != "scores"}
        return Sights(**parts, scores=tuned_scores())


def tuned_scores() -> tuple[str, ...]:
    """List what a tuned detector combines: every registered score, those from the adapter last."""
    return (*names(), *names(BEYOND))


Tuned = Callable[[int, int, NDArray[np.bool_]], tuple[Sights, Adapter | None]]
"""`(seed, fold, exposed)` -> what networks see that were tuned with those rare spectra exposed, and their adapter."""


def sights(material: Material, seed: int) -> Sights:
    """As one seed's networks see everything."""
    parts = {
        f: _mapped(getattr(material, f), lambda b: of_seed(b.prediction, seed)) for f in Material.__dataclass_fields__
    }
    return Sights(**parts, scores=names())


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    return {k: change(v) for k, v in value.items()} if isinstance(value, Mapping) else change(value)


def fit_sentinel(material: Material, tuned: Tuned | None = None, seeds: Sequence[int] = ()) -> Sentinel:
    """The layer as it is served: every rare spectrum is exposure, so figures need `models.training.sentinel.protocol`.

    Parameters
    ----------
    seeds : sequence of int
        Those that get a detector; all when left out.
    """
    exposed = np.ones(len(material.rare.data), bool)
    detectors = []
    for seed in seeds or dict.fromkeys(material.train.prediction.seeds):
        seen, adapter = tuned(seed, ALL_FOLDS, exposed) if tuned else (sights(material, seed), None)
        bank, ranks = fit_scores(seen, material)
        detectors.append(with_combiner(seen, seed, bank, ranks, exposed, adapter))
    return calibrated(detectors, material.calibrate, analogs(material.train))


def fit_scores(seen: Sights, material: Material, bank: Bank | None = None) -> tuple[Bank, Ranks]:
    """Bank (unless there is one) and rank pool of one seed; no rare spectrum has a part in either."""
    bank = bank or fit_bank(seen.train, material.train.data.label)
    real = ~material.select.data.semi_real
    return bank, fit_ranks(compute(seen.select.rows(real), bank, seen.scores))


def with_combiner(
    seen: Sights,
    seed: int,
    bank: Bank,
    ranks: Ranks,
    exposed: NDArray[np.bool_],
    adapter: Adapter | None = None,
) -> SeedDetector:
    """Train one seed's combiner on select against the `exposed` rare spectra and the simulated ones."""
    rows, anomalous, start = training_ranks(seen, bank, ranks, exposed)
    combiner = fit_combiner(rows, anomalous, scores=seen.scores, start=start)
    return SeedDetector(seed=seed, bank=bank, ranks=ranks, combiner=combiner, adapter=adapter)


def training_ranks(
    seen: Sights, bank: Bank, ranks: Ranks, exposed: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """What a combiner is trained on: ranks (n, scores), which rows are anomalous (n,), log-odds of exposure (n,)."""
    simulated = [f.rows(np.arange(len(f)) < ODD_EACH) for f in seen.odd.values()]
    parts = (seen.select, seen.rare.rows(exposed), *simulated)
    rows = np.concatenate([ranks(compute(f, bank, seen.scores)) for f in parts])
    return rows, np.arange(len(rows)) >= len(seen.select), np.concatenate([f.exposure[:, 0] for f in parts])


def calibrated(detectors: Sequence[SeedDetector], calibrate: PredictedSpectra, archive: Analogs) -> Sentinel:
    """The layer with its thresholds."""
    judged = judge(detectors, calibrate.prediction)
    calibration = Calibration(
        seed_scores=judged.seed_scores,
        families=judged.families,
        fine=calibrate.prediction.fine,
        epistemic=decompose(calibrate.prediction.member_fine).epistemic,
        label=calibrate.data.label,
        spacing=calibrate.data.spacing.astype(np.float64),
    )
    return Sentinel(tuple(detectors), calibration, archive)


def analogs(train: PredictedSpectra) -> Analogs:
    """The real training spectra by name: public archives, every one of them."""
    real = train.rows(~train.data.semi_real)
    data = real.data
    return Analogs(
        unit=unit_rows(real.prediction.embedding),
        sketch=sketches(data.flux, data.masks()),
        phase_days=data.phase_days,
        redshift=data.redshift,
        names=tuple(map(object_name, data.ids)),
        classes=tuple(FINE_CLASSES[k] for k in data.label),
        spectra=data.ids,
        sources=data.sources,
    )
