"""From a bank to all that is fitted on it. An object's own spectra are never among its matches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.conformal.domains import HIGH, LOW, domain_of
from models.domain import FINE_CLASSES
from models.matching.bank import MatchBank
from models.matching.fitted import DOMAINS, Fitted, SubtypeModel
from models.matching.grid import RECIPES, Bools, Floats
from models.matching.matcher import PHASED, Correlations, Matcher
from models.matching.posterior import GALACTIC, Weights, evidence, log_prior, peaks
from models.matching.subtypes import SUBTYPES
from models.matching.votes import PhaseVote, phase_vote, scores_at, subtype_features
from models.spectral.prepare import LOW_RESOLUTION_A
from models.training.dataset import SPLITS, Dataset
from models.training.matching.labels import subtypes
from models.training.matching.weights import balanced, fit_weights

FEWEST_REDSHIFTS: Final = 30
"""Training spectra; a class with fewer in a domain has the prior of both."""
OBJECTS_EACH: Final = 220
"""Training objects of each class and domain that the weights are fitted on, one spectrum each."""
SUBTYPED_EACH: Final = 250
_PER_OBJECT: Final = 3
VOTE_SCALE, EMBEDDING_SCALE = 0.03, 0.3
"""How much votes and embeddings count before the penalty. The networks learned the subtypes of training spectra, so
that embeddings promise more there than they keep; votes leave the object itself out (docs/lab-notes.md)."""
PENALTY: Final = 0.003

Classes = Callable[[Floats, float], Sequence[int]]
"""From the networks' probabilities and the pixels of a spectrum to the classes that come into question."""
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Spectra to ask about; one row each.

    Parameters
    ----------
    data : Dataset
    values, masks : ndarray, shape (n, BINS)
        As observed, from `models.matching.grid.binned`.
    fine, embedding : ndarray, shape (n, 7) and (n, d)
        The networks' answers without metadata.
    """

    data: Dataset
    values: Floats
    masks: Bools
    fine: Floats
    embedding: Floats

    def own(self, bank: MatchBank, row: int) -> Bools:
        """Which spectra of the bank are of the same object."""
        return np.array(bank.objects) == self.data.groups[row]


def questions(data: Dataset, seed: int = 7) -> NDArray[np.int64]:
    """Training spectra to ask about: one of an object for each class and domain, and some of every subtype."""
    rng = np.random.default_rng(seed)
    usable = (data.split == SPLITS.index("train")) & (data.label >= 0) & ~data.semi_real & ~data.disputed
    usable &= (data.redshift > 0.0005) & (data.coverage >= 0.8)
    kind, low = subtypes(data), data.spacing > LOW_RESOLUTION_A
    found: list[NDArray[np.int64]] = []
    for k, name in enumerate(FINE_CLASSES):
        mine = usable & (data.label == k)
        found += [_few(data, rng.permutation(np.flatnonzero(mine & m)), 1)[:OBJECTS_EACH] for m in (low, ~low)]
        for u in range(len(SUBTYPES.get(name, ()))):
            rows = rng.permutation(np.flatnonzero(mine & (kind == u)))
            found.append(_few(data, rows, _PER_OBJECT)[:SUBTYPED_EACH])
    return np.unique(np.concatenate(found))


def held_back(data: Dataset) -> NDArray[np.int64]:
    """Real spectra of `select` and `calibrate` that the service would answer for: what intervals are calibrated on."""
    held = np.isin(data.split, [SPLITS.index("select"), SPLITS.index("calibrate")])
    return np.flatnonzero(held & (data.label >= 0) & ~data.semi_real & ~data.disputed & (data.coverage >= 0.8))


def _few(data: Dataset, rows: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    seen: dict[str, int] = {}
    kept = []
    for i in rows:
        seen[data.groups[i]] = seen.get(data.groups[i], 0) + 1
        if seen[data.groups[i]] <= each:
            kept.append(int(i))
    return np.array(kept, np.int64)


def priors(data: Dataset) -> dict[str, Floats]:
    """Redshifts of each class among real training spectra, by domain; shape (7, redshifts) each."""
    real = (data.split == SPLITS.index("train")) & ~data.semi_real & ~data.disputed & (data.redshift > 0.0005)
    low = data.spacing > LOW_RESOLUTION_A
    found: dict[str, Floats] = {}
    for name, mask in ((HIGH, ~low), (LOW, low)):
        rows = []
        for k in range(len(FINE_CLASSES)):
            mine = real & (data.label == k)
            own = mine & mask if int((mine & mask).sum()) >= FEWEST_REDSHIFTS else mine
            z = data.redshift[own].astype(np.float64)
            rows.append(log_prior(z if z.size and k != GALACTIC else np.array([0.001])))
        found[name] = np.stack(rows)
    return found


def fit(
    bank: MatchBank,
    taught: Material,
    held: Material,
    prior: Mapping[str, Floats],
    classes: Classes,
    *,
    progress: Progress = lambda _: None,
) -> Fitted:
    """Weights and subtypes from training objects, each left out of its own matches; intervals from the held-back ones.

    Parameters
    ----------
    taught : Material
        Training spectra; see `questions`.
    held : Material
        Spectra of `select` and `calibrate`.
    """
    nothing = Fitted(
        weights={d: Weights(recipes=np.ones(len(RECIPES)), prior=1.0, log_prior=prior[d]) for d in DOMAINS},
        residual=np.zeros(0), share=np.zeros(0), phase_score=np.zeros(0), subtypes={},
        **{k: np.zeros(0, np.int64) for k in ("domain", "objects", "phase_label", "phase_domain", "phase_objects")},
    )  # fmt: skip
    matcher = Matcher(bank, nothing)
    seen = [_Seen.of(matcher, taught, i, [int(taught.data.label[i])], progress) for i in range(len(taught.data))]
    weights = _weights(taught.data, [s.evidences for s in seen], prior)
    matcher.fitted = Fitted(weights=weights, **{k: getattr(nothing, k) for k in _REST})
    learned = [s.voted(matcher, taught, i) for i, s in enumerate(seen)]
    found = [_measured(matcher, held, i, classes, progress) for i in range(len(held.data))]
    known = np.isfinite(held.data.redshift)
    residual = np.abs(np.array([f.redshift for f in found]) - held.data.redshift)[known]
    phases = [_phase_score(f.vote, held, i) for i, f in enumerate(found)]
    phased = np.array([p is not None for p in phases])
    objects = _numbered(held.data.groups)
    return Fitted(
        weights=weights,
        residual=residual.astype(np.float64),
        share=np.array([f.share for f in found])[known],
        domain=np.array([DOMAINS.index(_domain(held.data, i)) for i in np.flatnonzero(known).tolist()], np.int64),
        objects=objects[known],
        phase_score=np.array([p for p in phases if p is not None], np.float64),
        phase_label=held.data.label[phased],
        phase_domain=np.array(
            [DOMAINS.index(_domain(held.data, i)) for i in np.flatnonzero(phased).tolist()], np.int64
        ),
        phase_objects=objects[phased],
        subtypes=_subtypes(taught, learned, held, found),
    )


_REST: Final = (
    *("residual", "share", "domain", "objects"),
    *("phase_score", "phase_label", "phase_domain", "phase_objects", "subtypes"),
)


def _numbered(groups: Sequence[str]) -> NDArray[np.int64]:
    """Which object each spectrum is of, as a number."""
    return np.asarray(np.unique(np.array(groups), return_inverse=True)[1], np.int64)


def _domain(data: Dataset, i: int) -> str:
    return domain_of(float(data.spacing[i])) or HIGH


@dataclass(frozen=True, slots=True)
class _Voted:
    """Of one spectrum: its best peak, and what the matches of its class say there."""

    redshift: float
    share: float
    vote: PhaseVote | None
    features: Floats


@dataclass(frozen=True, slots=True)
class _Seen:
    """Evidence of a training spectrum's own class; correlations are not kept, they are as large as the bank."""

    evidences: Floats
    correlate: Callable[[], Correlations]

    @classmethod
    def of(cls, matcher: Matcher, of: Material, i: int, labels: Sequence[int], progress: Progress) -> "_Seen":
        def correlate() -> Correlations:
            return matcher.correlations(of.values[i], of.masks[i], labels, of.own(matcher.bank, i))

        found = correlate()
        progress(1)
        return cls(np.stack([evidence(s) for s in found.scores]).astype(np.float32), correlate)

    def voted(self, matcher: Matcher, of: Material, i: int) -> _Voted:
        label = int(of.data.label[i])
        first, _ = peaks(matcher.fitted.weights[_domain(of.data, i)].of_class(self.evidences, label))
        return _voted(matcher, self.correlate(), of, i, first.redshift, first.share)


def _voted(matcher: Matcher, found: Correlations, of: Material, i: int, redshift: float, share: float) -> _Voted:
    label, bank = int(of.data.label[i]), matcher.bank
    rows, scores = found.rows[found.parts[label]], scores_at(found.of(label), redshift)
    count = len(SUBTYPES.get(FINE_CLASSES[label], ()))
    return _Voted(
        redshift, share, phase_vote(scores, bank.phase_days[rows]), subtype_features(scores, bank.subtype[rows], count)
    )


def _measured(matcher: Matcher, of: Material, i: int, classes: Classes, progress: Progress) -> _Voted:
    """As the service would: over the classes that come into question; votes are those of the true class."""
    asked = sorted({*classes(of.fine[i], float(of.data.spacing[i])), int(of.fine[i].argmax())})
    found = matcher.correlations(
        of.values[i], of.masks[i], sorted({*asked, int(of.data.label[i])}), of.own(matcher.bank, i)
    )
    posterior = matcher.posterior(found, of.fine[i], asked, _domain(of.data, i))
    first, _ = peaks(posterior)
    progress(1)
    return _voted(matcher, found, of, i, first.redshift, first.share)


def _weights(data: Dataset, evidences: Sequence[Floats], prior: Mapping[str, Floats]) -> dict[str, Weights]:
    low = np.array([_domain(data, i) == LOW for i in range(len(data))])
    found = {}
    for name, mask in ((HIGH, ~low), (LOW, low)):
        rows = np.flatnonzero((mask if mask.any() else ~mask) & (data.label != GALACTIC))
        labels = data.label[rows]
        recipes, weight = fit_weights(
            np.stack([evidences[i] for i in rows.tolist()]),
            prior[name][labels],
            data.redshift[rows].astype(np.float64),
            balanced(labels),
        )
        found[name] = Weights(recipes=recipes, prior=weight, log_prior=prior[name])
    return found


def _phase_score(vote: PhaseVote | None, of: Material, i: int) -> float | None:
    phase = float(of.data.phase_days[i])
    if vote is None or not np.isfinite(phase) or FINE_CLASSES[of.data.label[i]] not in PHASED:
        return None
    return abs(vote.days - phase) / vote.spread


def _subtypes(
    taught: Material, learned: Sequence[_Voted], held: Material, found: Sequence[_Voted]
) -> dict[str, SubtypeModel]:
    models = {}
    own, other = subtypes(taught.data), subtypes(held.data)
    for name, names in SUBTYPES.items():
        k = FINE_CLASSES.index(name)
        rows = np.flatnonzero((taught.data.label == k) & (own >= 0))
        if len(set(own[rows].tolist())) < len(names):
            continue
        x = np.stack([np.concatenate([learned[i].features, taught.embedding[i]]) for i in rows.tolist()])
        votes = len(learned[int(rows[0])].features)
        centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
        scale /= EMBEDDING_SCALE
        centre[:votes], scale[:votes] = 0.0, VOTE_SCALE
        weight = _by_object(own[rows], [taught.data.groups[i] for i in rows.tolist()])
        linear = LogisticRegression(C=PENALTY, max_iter=1000).fit((x - centre) / scale, own[rows], sample_weight=weight)
        coefficients, intercepts = linear.coef_, linear.intercept_
        if len(names) == 2:  # scikit-learn keeps one row for two classes
            coefficients = np.concatenate([-coefficients, coefficients]) / 2
            intercepts = np.concatenate([-intercepts, intercepts]) / 2
        model = SubtypeModel(
            coefficients=coefficients, intercepts=intercepts, centre=centre, scale=scale,
            nonconformity=np.zeros(0), objects=np.zeros(0, np.int64),
        )  # fmt: skip
        mine = np.flatnonzero((held.data.label == k) & (other >= 0))
        calibrated = [
            1.0 - model.probabilities(np.concatenate([found[i].features, held.embedding[i]]))[other[i]]
            for i in mine.tolist()
        ]
        models[name] = replace(
            model, nonconformity=np.array(calibrated, np.float64), objects=_numbered(held.data.groups)[mine]
        )
    return models


def _by_object(labels: NDArray[np.int64], groups: Sequence[str]) -> Floats:
    """Each subtype counts alike, and in it an object by the root of its spectra; mean one."""
    _, index, counts = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(counts[index])
    sums = np.bincount(labels, weights=weight)
    return np.asarray(weight / sums[labels] * len(labels) / len(sums))
