"""Fitting the anomaly layer (ASTRANet paper, Sec. IV D), and what each split is for.

train
    banks: means, covariances, references, mixtures, forest, planes; analogs. Never negatives of the combiner: the
    networks have seen these spectra, their embeddings are tighter than those of new ones.
select
    rank pool (real ones), and the combiner's ordinary side (real and semi-real: without the semi-real ones a CV would
    be an anomaly, because only two real CVs exist to learn from).
rare, oddities made from select
    the combiner's anomalous side.
calibrate
    every threshold and p-value. test: figures only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.conformal.spread import decompose
from models.domain import FINE_CLASSES
from models.sentinel.analogs import Analogs, object_name, sketches, unit_rows
from models.sentinel.bank import Bank, fit_bank
from models.sentinel.combine import fit_combiner
from models.sentinel.detector import Calibration, SeedDetector, Sentinel, judge
from models.sentinel.features import of_seed
from models.sentinel.ranks import Ranks, fit_ranks
from models.sentinel.scores import compute
from models.spectral.ensemble import Beliefs
from models.training.dataset import Dataset

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """Spectra and what the ensemble says of them without any metadata."""

    data: Dataset
    beliefs: Beliefs

    def rows(self, where: NDArray[np.bool_]) -> "Believed":
        """The same for some spectra."""
        return Believed(data=self.data.rows(where), beliefs=take(self.beliefs, where))


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything the layer is fitted on and measured with.

    Parameters
    ----------
    train, select, calibrate, test : Believed
        Spectra that cover 80 % of the window; `train` and `select` with semi-real ones, the others without.
    rare : Believed
        Real and semi-real.
    odd, odd_test : mapping of str to Believed
        Oddities by kind, made from `select` and from `test`.
    """

    train: Believed
    select: Believed
    calibrate: Believed
    test: Believed
    rare: Believed
    odd: Mapping[str, Believed]
    odd_test: Mapping[str, Believed]


def fit_sentinel(material: Material) -> Sentinel:
    """The layer as it is served: every rare spectrum is exposure, so figures need `models.training.protocol`."""
    exposed = np.ones(len(material.rare.data), bool)
    seeds = dict.fromkeys(material.train.beliefs.seeds)
    detectors = [with_combiner(material, seed, *fit_scores(material, seed), exposed) for seed in seeds]
    return calibrated(detectors, material.calibrate, analogs(material.train))


def fit_scores(material: Material, seed: int) -> tuple[Bank, Ranks]:
    """Bank and rank pool of one seed; no rare spectrum has a part in either."""
    bank = fit_bank(of_seed(material.train.beliefs, seed), material.train.data.label)
    real = ~material.select.data.semi_real
    return bank, fit_ranks(compute(of_seed(material.select.beliefs, seed).rows(real), bank))


def with_combiner(material: Material, seed: int, bank: Bank, ranks: Ranks, exposed: NDArray[np.bool_]) -> SeedDetector:
    """Train one seed's combiner on select against the `exposed` rare spectra and the oddities."""

    def ranked(beliefs: Beliefs) -> Floats:
        return ranks(compute(of_seed(beliefs, seed), bank))

    ordinary = ranked(material.select.beliefs)
    strange = [ranked(material.rare.beliefs)[exposed], *(ranked(b.beliefs) for b in material.odd.values())]
    rows = np.concatenate([ordinary, *strange])
    combiner = fit_combiner(rows, np.arange(len(rows)) >= len(ordinary))
    return SeedDetector(seed=seed, bank=bank, ranks=ranks, combiner=combiner)


def calibrated(detectors: Sequence[SeedDetector], calibrate: Believed, archive: Analogs) -> Sentinel:
    """The layer with its thresholds."""
    judged = judge(detectors, calibrate.beliefs)
    calibration = Calibration(
        seed_scores=judged.seed_scores,
        families=judged.families,
        fine=calibrate.beliefs.fine,
        epistemic=decompose(calibrate.beliefs.member_fine).epistemic,
        label=calibrate.data.label,
    )
    return Sentinel(tuple(detectors), calibration, archive)


def analogs(train: Believed) -> Analogs:
    """The real training spectra by name: public archives, every one of them."""
    real = train.rows(~train.data.semi_real)
    data = real.data
    return Analogs(
        unit=unit_rows(real.beliefs.embedding),
        sketch=sketches(data.flux, data.masks()),
        phase_days=data.phase_days,
        redshift=data.redshift,
        names=tuple(map(object_name, data.ids)),
        classes=tuple(FINE_CLASSES[k] for k in data.label),
        spectra=data.ids,
        sources=data.sources,
    )


def take(beliefs: Beliefs, where: NDArray[np.bool_]) -> Beliefs:
    """Beliefs about some of the spectra."""
    return Beliefs(
        member_fine=beliefs.member_fine[:, where],
        member_coarse=beliefs.member_coarse[:, where],
        member_logits=beliefs.member_logits[:, where],
        member_embedding=beliefs.member_embedding[:, where],
        member_projection=beliefs.member_projection[:, where],
        seeds=beliefs.seeds,
    )
