"""The laws of the evidence, from objects that taught the networks or have no spectrum here: none of those held back."""

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.domain import FINE_CLASSES
from models.joined.evidence import COUNTERPARTS, RISE, Measured, counterpart, measured
from models.joined.laws import EDGES_DEG, Laws, interval
from models.luminosity_law import LuminosityLaws
from models.training.dataset import SPLITS, Dataset
from plugin.lab.joined.sources import Sources
from plugin.lab.luminosity.make_laws import SMALLEST, law_of

GALACTIC: Final = "CV"
"""The one class of our own Galaxy: all others lie behind its dust alike, and share one law of latitude."""
PRIOR_OBJECTS: Final = 2.0
"""So many objects of the mean of all classes are added to each class's shares."""
Floats = NDArray[np.float64]


def taught(data: Dataset) -> Dataset:
    """Real, undisputed training spectra, the first of each object."""
    mine = (data.split == SPLITS.index("train")) & (data.label >= 0) & ~data.semi_real & ~data.disputed
    kept = data.rows(mine)
    _, first = np.unique(np.array(kept.groups), return_index=True)
    return kept.rows(first)


def measured_of(data: Dataset, sources: Sources) -> Measured:
    """What is measured of the source of each spectrum, as it was when the spectrum was taken.

    A redshift of zero, as catalogues give it to cataclysmic variables, is the class and no distance.
    """
    around = [sources.around(i, g) for i, g in zip(data.ids, data.groups, strict=True)]
    redshifts = [float(z) if np.isfinite(z) else None for z in data.redshift]
    return measured([(*one, z) for one, z in zip(around, redshifts, strict=True)])


def fit_laws(data: Dataset, sources: Sources) -> tuple[Laws, dict[str, dict[str, int]]]:
    """The laws, and how many objects of each class each of them is from."""
    mine = taught(data)
    found = measured_of(mine, sources)
    others = sources.strangers(data).values()
    own = found.counterpart.tolist()
    near = np.array(own + [counterpart(n.star_score, n.arcsec) for n in others], dtype=np.int64)
    labels = [FINE_CLASSES[k] for k in mine.label] + [n.label for n in others]
    what = np.array([FINE_CLASSES.index(c) if c in FINE_CLASSES else -1 for c in labels], dtype=np.int64)
    known = found.known()
    counts = {
        "latitude": _counted(mine.label[known["latitude"]]),
        "counterpart": _counted(what[(near >= 0) & (what >= 0)]),
        "luminosity": _counted(mine.label[known["luminosity"]]),
        "rise": _counted(mine.label[known["rise"]]),
    }
    place = np.where(mine.label == FINE_CLASSES.index(GALACTIC), 1, 0)
    latitude = _shares(interval(found.latitude), place, len(EDGES_DEG) - 1, 2)
    laws = Laws(
        latitude=np.stack([latitude[int(name == GALACTIC)] for name in FINE_CLASSES]),
        counterpart=_shares(near, what, len(COUNTERPARTS), len(FINE_CLASSES)),
        luminosity=_luminosity(found.luminosity, mine.label),
        rise_mean=(rise := _rise(found.rise, mine.label))[0],
        rise_covariance=rise[1],
    )
    return laws, counts


def _shares(index: NDArray[np.int64], label: NDArray[np.int64], bins: int, classes: int) -> Floats:
    """Share of each class in each bin, drawn to the mean of all classes; NaN for a class with too few objects."""
    counts = np.array([np.bincount(index[(label == k) & (index >= 0)], minlength=bins) for k in range(classes)], float)
    enough = counts.sum(1) >= SMALLEST
    if not enough.any():
        return np.full_like(counts, np.nan)
    each = (counts[enough] + 1.0) / (counts[enough] + 1.0).sum(1, keepdims=True)
    found = (counts + PRIOR_OBJECTS * each.mean(0)) / (counts.sum(1, keepdims=True) + PRIOR_OBJECTS)
    return np.where(enough[:, None], found, np.nan)


def _luminosity(magnitude: Floats, label: NDArray[np.int64]) -> LuminosityLaws:
    median, spread = np.full((2, len(FINE_CLASSES)), np.nan)
    for k in range(len(FINE_CLASSES)):
        own = magnitude[(label == k) & np.isfinite(magnitude)]
        if len(own) >= SMALLEST:
            law = law_of(own)
            median[k], spread[k] = law["median"], law["spread"]
    return LuminosityLaws(median=median, spread=spread)


def _rise(rows: Floats, label: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Median of each class and the spread within classes, robust, each class counting once."""
    mean = np.full((len(FINE_CLASSES), len(RISE)), np.nan)
    spreads: list[Floats] = []
    for k in range(len(FINE_CLASSES)):
        own = rows[label == k]
        own = own[np.isfinite(own).all(1)]
        if len(own) >= SMALLEST * len(RISE):
            mean[k] = np.median(own, axis=0)
            away = own - mean[k]
            limit = 3.0 * 1.4826 * np.median(np.abs(away), axis=0) + 1e-6
            spreads.append(np.cov(np.clip(away, -limit, limit).T))
    return mean, np.mean(spreads, axis=0) if spreads else np.eye(len(RISE))


def _counted(label: NDArray[np.int64]) -> dict[str, int]:
    found: Counter[str] = Counter(FINE_CLASSES[k] for k in label.tolist())
    return {name: found[name] for name in FINE_CLASSES}


def described(laws: Laws) -> dict[str, Any]:
    """As plain JSON, for the page."""
    lists = {name: np.round(array, 3).tolist() for name, array in laws.arrays().items()}
    return {name: [_plain(row) for row in rows] for name, rows in lists.items()}


def _plain(row: Any) -> Any:
    if isinstance(row, list):
        return [_plain(x) for x in row]
    return None if row != row else row
