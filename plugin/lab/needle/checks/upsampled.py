"""Whether up-sampled light curves lie where observed ones do, by redshift and magnitude (NEEDLE paper, Fig. 16)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from models.domain import NEEDLE_CLASSES
from models.needle.lightcurves.lightcurve import clean
from models.training.metrics import by_objects
from models.training.needle.examples import ExampleRules, Labelled, reddening
from models.training.needle.gp import GPFit
from models.training.needle.resample import cross_match, early
from plugin.lab.members.agreement import known, spearman

Floats = NDArray[np.float64]
EARLY: Final = ExampleRules()
RARE: Final = tuple(enumerate(NEEDLE_CLASSES))[1:]
DRAWN: Final = 2000
"""Light curves of each class, as in the paper; those that nothing is seen of, or no galaxy is lent to, are lost."""
SHOWN: Final = 400
RESAMPLES: Final = 400
NAMES: Final = ("redshift", "magnitude")


def observed(objects: Sequence[Labelled], label: int, rules: ExampleRules = EARLY) -> tuple[Floats, list[str]]:
    """Redshift and brightest early magnitude of each object of a class, (n, 2), and whose they are."""
    rows, names = [], []
    for one in objects:
        if one.label != label or not one.redshift:
            continue
        points = clean(one.curve, reddening(one), rules.clean)
        seen = early(points, rules.resample) if len(points) else points
        if len(seen):
            rows.append((one.redshift, float(seen.mag.min())))
            names.append(one.object_id)
    return np.array(rows).reshape(-1, 2), names


def drawn(
    objects: Sequence[Labelled], label: int, fits: Mapping[str, GPFit], *, count: int = DRAWN,
    rules: ExampleRules = EARLY, seed: int = 0,
) -> tuple[Floats, list[str]]:  # fmt: skip
    """The same of light curves moved to the redshift of another object's galaxy (Sec. 5), and whose curves they are."""
    usable = [o for o in objects if o.label == label and o.object_id in fits and o.redshift]
    lent = np.array([o.redshift for o in objects if o.label == label and o.host is not None and o.redshift], float)
    rng = np.random.default_rng([seed, label])
    rows, names = [], []
    for i in rng.choice(len(usable), count).tolist() if usable else ():
        one = usable[i]
        assert one.redshift is not None
        found = cross_match(fits[one.object_id], one.redshift, lent, rng, rules.resample)
        if found is not None:
            rows.append((float(lent[found[1]]), float(found[0].mag.min())))
            names.append(one.object_id)
    return np.array(rows).reshape(-1, 2), names


def compared(one: tuple[Floats, list[str]], other: tuple[Floats, list[str]], *, seed: int = 0) -> dict[str, Any]:
    """Medians, the two samples' Kolmogorov-Smirnov distance and the correlation of the two columns.

    Intervals are by the object that a light curve is from, in both samples at once: an up-sampled curve of an object
    is as much its own as the observed one. Resampling only moves two samples further apart, so the distance has none;
    `by chance` is what 95 of 100 pairs of samples of as many objects, both of the observed ones, stay below.
    """
    if not len(one[0]) or not len(other[0]):
        return {"observed": len(one[0]), "drawn": len(other[0])}
    values = np.concatenate([one[0], other[0]])
    made = np.repeat([False, True], [len(one[0]), len(other[0])])

    def figures(rows: NDArray[np.int64]) -> Floats:
        first, second = values[rows[~made[rows]]], values[rows[made[rows]]]
        if min(len(first), len(second)) < 3:
            return np.full(6, np.nan)
        medians = [np.median(part, axis=0) for part in (first, second)]
        return np.array([*medians[0], *medians[1], _rho(first), _rho(second)])

    found = [known(f) for f in by_objects([*one[1], *other[1]], figures, seed=seed, resamples=RESAMPLES)]
    sources = len(set(other[1]))
    return {
        "observed": len(one[0]),
        "drawn": len(other[0]),
        "from": sources,
        "observed median": dict(zip(NAMES, found[:2], strict=True)),
        "drawn median": dict(zip(NAMES, found[2:4], strict=True)),
        "distance": dict(zip(NAMES, distance(one[0], other[0]), strict=True)),
        "by chance": dict(zip(NAMES, _by_chance(one[0], sources, seed), strict=True)),
        "observed correlation": found[4],
        "drawn correlation": found[5],
    }


def distance(one: Floats, other: Floats) -> list[float]:
    """Largest difference of the two cumulative distributions of each column."""
    found = (ks_2samp(one[:, k], other[:, k], method="asymp").statistic for k in range(one.shape[1]))
    return [round(float(d), 4) for d in found]


def _by_chance(values: Floats, size: int, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    pairs = ((rng.integers(len(values), size=n) for n in (len(values), size)) for _ in range(RESAMPLES))
    found = [distance(values[first], values[second]) for first, second in pairs]
    return [round(float(q), 4) for q in np.percentile(found, 95, axis=0)]


def _rho(part: Floats) -> float:
    return float(spearman(part.T)[0, 1])


def up_sampling(objects: Sequence[Labelled], fits: Mapping[str, GPFit], *, count: int = DRAWN) -> dict[str, Any]:
    """Both samples of each rare class: figures, and points to draw."""
    out = {}
    for label, name in RARE:
        one, other = observed(objects, label), drawn(objects, label, fits, count=count)
        points = {"observed": one[0].round(4).tolist(), "drawn": other[0][:SHOWN].round(4).tolist()}
        out[name] = {**compared(one, other), "count": count, "points": points}
    return out
