"""The leakage-free k-fold protocol for figures about rare spectra (ASTRANet paper, Sec. V D).

No rare spectrum has a part in the detector that scores it: not in fine-tuning, not in the combiner, not in a threshold.
Folds are by object and balanced by class. The combiner's ordinary side is `select`, thresholds come from `calibrate`,
and the false-alarm rate that was really paid is measured on `test`: three sets of objects no other part has seen. A
spectrum is held against thresholds from calibration spectra of its domain, as in the service.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.conformal.domains import Domains, domain_of
from models.conformal.sets import quantile
from models.sentinel.bank import Bank
from models.sentinel.combine import families
from models.sentinel.detector import FALSE_ALARM_RATE
from models.sentinel.ranks import Ranks
from models.sentinel.scores import compute
from models.training.sentinel.combine import DECORRELATED, logistic, weighted_rank_average
from models.training.sentinel.fitting import Material, Sights, Tuned, fit_scores, sights, training_ranks, with_combiner

Floats = NDArray[np.float64]
FOLDS = 5
BASELINES = ("weighted rank average", "decorrelated logistic", "logistic, all scores")
Progress = Callable[[int], None]
Scorer = tuple[Bank, Ranks]


def folds_of(groups: Sequence[str], kinds: Sequence[str], *, folds: int = FOLDS, seed: int = 0) -> NDArray[np.int64]:
    """Fold of each spectrum, shape (n,): all spectra of an object in one, the objects of a class spread over all."""
    rng = np.random.default_rng(seed)
    names, kind = np.array(groups), np.array(kinds)
    objects = [g for k in sorted(set(kinds)) for g in rng.permutation(sorted(set(names[kind == k].tolist())))]
    place = {g: i % folds for i, g in enumerate(dict.fromkeys(objects))}
    return np.array([place[g] for g in groups], np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the detectors of all folds say. Axis 0 of the pool arrays is the fold: each fold has detectors of its own.

    Parameters
    ----------
    fold : ndarray, shape (rare,)
    rare : ndarray, shape (rare, seeds)
        Each by the fold that did not see it.
    calibrate, test : ndarray, shape (folds, n, seeds)
    odd : dict of ndarray, shape (folds, n, seeds)
    rare_ranks : ndarray, shape (rare, scores)
        Mean over seeds.
    calibrate_ranks, test_ranks : ndarray, shape (n, scores)
        Mean over folds too; without fine-tuning they do not depend on the fold.
    rare_raw, test_raw : ndarray, shape (n, scores)
        Scores before ranking, mean over seeds; the test spectra take turns with the folds.
    scores : tuple of str
    baselines : dict of (rare, test)
        Seed-mean scores of the linear baselines, out of fold; the test spectra take turns with the folds.
    rare_spacing, calibrate_spacing, test_spacing : ndarray, shape (n,)
        Median distance of each spectrum's pixels, Angstrom, which tells its domain.
    odd_spacing : dict of ndarray, shape (n,)
    """

    fold: NDArray[np.int64]
    rare: Floats
    calibrate: Floats
    test: Floats
    odd: dict[str, Floats]
    rare_ranks: Floats
    calibrate_ranks: Floats
    test_ranks: Floats
    rare_raw: Floats
    test_raw: Floats
    scores: tuple[str, ...]
    baselines: dict[str, tuple[Floats, Floats]]
    rare_spacing: Floats
    calibrate_spacing: Floats
    test_spacing: Floats
    odd_spacing: dict[str, Floats]

    def compared(self, spacing: Floats) -> Iterator[tuple[NDArray[np.bool_], list[NDArray[np.bool_]]]]:
        """Which spectra of these pixels are held against which calibration spectra.

        Yields rows of `spacing` and masks of calibration spectra: one, that of the domain, or several for spectra of a
        domain without thresholds of its own.
        """
        domains = Domains.of(self.calibrate_spacing, len(self.calibrate_spacing))
        consulted = [domains.consulted(float(s)) for s in spacing]
        for names in dict.fromkeys(consulted):
            yield np.array([c == names for c in consulted], bool), [domains.masks[name] for name in names]

    def flagged(self, scores: Floats, spacing: Floats, calibrate: Floats, regime: str) -> NDArray[np.bool_]:
        """Which rows (n, seeds) exceed the thresholds of their domain; of several domains all must say so."""
        out = np.zeros(len(scores), bool)
        for rows, masks in self.compared(spacing):
            out[rows] = np.all([flagged(scores[rows], calibrate[mask], regime) for mask in masks], axis=0)
        return out

    def detected(self, regime: str) -> NDArray[np.bool_]:
        """Which rare spectra are flagged by detectors that never saw them, shape (rare,)."""
        out = np.zeros(len(self.fold), bool)
        for f in range(len(self.calibrate)):
            mine = self.fold == f
            out[mine] = self.flagged(self.rare[mine], self.rare_spacing[mine], self.calibrate[f], regime)
        return out

    def alarms(self, regime: str) -> NDArray[np.bool_]:
        """Which ordinary test spectra each fold's detectors flag, shape (folds, n)."""
        pairs = zip(self.test, self.calibrate, strict=True)
        return np.array([self.flagged(t, self.test_spacing, c, regime) for t, c in pairs])

    def false_alarms(self, regime: str) -> Floats:
        """Share of the ordinary test spectra that each fold's detectors flag, shape (folds,)."""
        return np.asarray(self.alarms(regime).mean(1))

    @property
    def test_in_turn(self) -> Floats:
        """Seed-mean score of each test spectrum by one fold's detectors, in turn: as the rare ones are, shape (n,)."""
        index = np.arange(self.test.shape[1])
        return np.asarray(self.test.mean(2)[index % len(self.test), index])

    def raw(self, j: int) -> tuple[Floats, Floats]:
        """One score of the rare and of the test spectra."""
        return self.rare_raw[:, j], self.test_raw[:, j]

    def odd_rate(self, kind: str, regime: str = "anchor") -> float:
        """Share of the oddities of one kind that are flagged, mean over folds."""
        pairs, spacing = zip(self.odd[kind], self.calibrate, strict=True), self.odd_spacing[kind]
        return float(np.mean([self.flagged(o, spacing, c, regime).mean() for o, c in pairs]))

    @property
    def families(self) -> tuple[Floats, Floats, Floats]:
        """Family mean ranks of rare, calibrate and test."""
        rare, calibrate, test = (
            families(r, self.scores) for r in (self.rare_ranks, self.calibrate_ranks, self.test_ranks)
        )
        return rare, calibrate, test


def domain_names(spacing_A: NDArray[np.floating]) -> NDArray[np.str_]:
    """Domain of each spectrum by the median distance of its pixels, shape (n,); empty for what is like neither."""
    return np.array([domain_of(float(s)) or "" for s in spacing_A], dtype=np.str_)


def flagged(scores: Floats, calibrate: Floats, regime: str) -> NDArray[np.bool_]:
    """Which rows (n, seeds) exceed thresholds at 1 % false alarms on `calibrate`.

    Raises
    ------
    ValueError
        If there is no such regime; `seed 0` and so on name one seed alone.
    """
    limits = np.array([quantile(column, FALSE_ALARM_RATE) for column in calibrate.T])
    fired = scores > limits
    if regime.startswith("seed "):
        return np.asarray(fired[:, int(regime.removeprefix("seed "))])
    match regime:
        case "anchor":
            return np.asarray(scores.mean(1) > quantile(calibrate.mean(1), FALSE_ALARM_RATE))
        case "per_seed":
            return np.asarray(fired.mean(1) >= 0.5)
        case "seed_union":
            return np.asarray(fired.any(1))
    raise ValueError(f"no regime {regime!r}")


def run_protocol(
    material: Material,
    scorers: Mapping[int, Scorer],
    *,
    folds: int = FOLDS,
    tuned: Tuned | None = None,
    progress: Progress = lambda _: None,
) -> Held:
    """Score every rare spectrum with detectors that never saw its object.

    Parameters
    ----------
    scorers : mapping of seed to (Bank, Ranks)
        Fitted without any rare spectrum.
    tuned : callable, optional
        Fine-tunes with the exposed rare spectra, anew for every fold.
    progress : callable
        Told of each detector trained: folds times seeds.
    """
    rare = material.rare.data
    fold = folds_of(rare.groups, rare.kinds, folds=folds)
    seeds = list(scorers)
    n_rare = len(rare)
    out = np.zeros((n_rare, len(seeds)))
    calibrate = np.zeros((folds, len(material.calibrate.data), len(seeds)))
    test = np.zeros((folds, len(material.test.data), len(seeds)))
    odd = {k: np.zeros((folds, len(b.data), len(seeds))) for k, b in material.odd_test.items()}
    sums: list[Floats] = []
    simple = {name: (np.zeros(n_rare), np.zeros(test.shape[1])) for name in BASELINES}
    names: tuple[str, ...] = ()
    for s, seed in enumerate(seeds):
        plain = sights(material, seed)
        for f in range(folds):
            exposed, held = fold != f, fold == f
            if tuned is None:
                seen, (bank, ranks) = plain, scorers[seed]
            else:
                seen, adapter = tuned(seed, f, exposed)
                # Behind an adapter the network, and so its bank, is the same; a tuned network has one of its own.
                bank, ranks = fit_scores(seen, material, scorers[seed][0] if adapter else None)
            detector = with_combiner(seen, seed, bank, ranks, exposed)
            names = seen.scores
            raw = [compute(x, bank, names) for x in (seen.rare, seen.calibrate, seen.test)]
            r, c, t = (ranks(x) for x in raw)
            turn = np.arange(len(t)) % folds == f
            sums = sums or [np.zeros((n, len(names))) for n in (n_rare, len(c), len(t), n_rare, len(t))]
            starts = [x.exposure[:, 0] for x in (seen.rare, seen.calibrate, seen.test)]
            out[held, s] = detector.combiner(r, starts[0])[held]
            calibrate[f, :, s], test[f, :, s] = detector.combiner(c, starts[1]), detector.combiner(t, starts[2])
            for kind, features in seen.odd_test.items():
                odd[kind][f, :, s] = detector.combiner(ranks(compute(features, bank, names)), features.exposure[:, 0])
            sums[0][held] += r[held] / len(seeds)
            sums[1] += c / (len(seeds) * folds)
            sums[2] += t / (len(seeds) * folds)
            sums[3][held] += raw[0][held] / len(seeds)
            sums[4][turn] += raw[2][turn] / len(seeds)
            _baselines(simple, seen, bank, ranks, exposed, (r, t), turn, len(seeds))
            progress(1)
    return Held(
        fold=fold,
        rare=out,
        calibrate=calibrate,
        test=test,
        odd=odd,
        rare_ranks=sums[0],
        calibrate_ranks=sums[1],
        test_ranks=sums[2],
        rare_raw=sums[3],
        test_raw=sums[4],
        scores=names,
        baselines=simple,
        rare_spacing=rare.spacing.astype(np.float64),
        calibrate_spacing=material.calibrate.data.spacing.astype(np.float64),
        test_spacing=material.test.data.spacing.astype(np.float64),
        odd_spacing={k: b.data.spacing.astype(np.float64) for k, b in material.odd_test.items()},
    )


def _baselines(
    simple: dict[str, tuple[Floats, Floats]],
    seen: Sights,
    bank: Bank,
    ranks: Ranks,
    exposed: NDArray[np.bool_],
    measured: tuple[Floats, Floats],
    turn: NDArray[np.bool_],
    seeds: int,
) -> None:
    """Add one fold's linear baselines, trained on exactly what the combiner was trained on."""
    rare, test = measured
    rows, anomalous, _ = training_ranks(seen, bank, ranks, exposed)
    found = (
        weighted_rank_average(rows, anomalous, [rare[~exposed], test]),
        logistic(rows, anomalous, [rare[~exposed], test], DECORRELATED),
        logistic(rows, anomalous, [rare[~exposed], test]),
    )
    for name, (of_rare, of_test) in zip(BASELINES, found, strict=True):
        simple[name][0][~exposed] += of_rare / seeds
        simple[name][1][turn] += of_test[turn] / seeds
