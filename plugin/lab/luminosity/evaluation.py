"""What the luminosity adds to the classes' probabilities, on objects that taught neither networks nor laws."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.conformal.domains import HIGH, LOW, domain_of
from models.domain import FINE_CLASSES
from models.luminosity_law import LuminosityLaws
from models.training.dataset import Dataset
from models.training.evaluate import predict_dataset
from plugin.lab.luminosity.curves import Curves, read_curves

RESAMPLES: Final = 2000
FIGURES: Final = ("macro_recall", "accuracy", "log_loss")
SMALLEST: Final = 20
"""Objects; a domain with fewer gets no figures of its own."""
LEAST_P: Final = 1e-4
"""Log loss counts no probability as smaller."""
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Weighed:
    """Spectra whose object has an absolute magnitude.

    Parameters
    ----------
    data : Dataset
    fine : ndarray, shape (n, 7)
        Of the networks, told the catalogue's redshift: without one there is no luminosity either.
    whole, then : ndarray, shape (n,)
        Absolute magnitude of the brightest detection of all, and of those up to the spectrum; NaN where unknown, or
        where the spectrum has no phase.
    """

    data: Dataset
    fine: Floats
    whole: Floats
    then: Floats

    def log_loss(self, fine: Floats, mine: Bools, weight: Floats | None = None) -> float:
        """Mean negative logarithm of the true class's probability over some of them."""
        loss = -np.log(np.maximum(fine[np.arange(len(fine)), self.data.label], LEAST_P))
        return float(np.average(loss[mine], weights=None if weight is None else weight[mine]))

    def figures(self, fine: Floats, mine: Bools, weight: Floats) -> Floats:
        """Macro recall over the classes that are there, accuracy, log loss."""
        label, right = self.data.label, fine.argmax(1) == self.data.label
        weight = weight * mine
        total = np.bincount(label, weight, minlength=len(FINE_CLASSES))
        hits = np.bincount(label, weight * right, minlength=len(FINE_CLASSES))
        recall = float(np.mean(hits[total > 0] / total[total > 0]))
        return np.array([recall, hits.sum() / total.sum(), self.log_loss(fine, mine, weight)])


def material(
    bundle: Bundle, part: Dataset, curves: Curves, *, progress: Callable[[int], None] = lambda _: None
) -> Weighed:
    """The spectra of a set that have a magnitude, asked about with their redshift told."""
    part = part.rows(np.isfinite(curves.magnitudes(part)))
    fine = predict_dataset(bundle.ensemble, part, redshift=True, progress=progress).fine
    return Weighed(part, fine, curves.magnitudes(part), curves.magnitudes(part, then=True))


def evaluate_luminosity(
    bundle: Bundle, folder: Path, data: Dataset, split: str, *, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Every figure of `luminosity.md`, as plain JSON.

    Raises
    ------
    ValueError
        If the bundle has no laws of luminosity, or the folder no light curves.
    """
    if bundle.luminosity is None:
        raise ValueError("this bundle has no laws of luminosity: `astranet bundle add-luminosity` adds them")
    found = material(bundle, data.part(split), read_curves(folder), progress=progress)
    domains = np.array([domain_of(float(s)) or HIGH for s in found.data.spacing])
    return {
        "split": split,
        "laws": {name: dict(law) for name, law in bundle.card["luminosity"]["laws"].items()},
        "power": bundle.luminosity.power,
        "known": {
            name: {
                part: compared(found, bundle.luminosity, magnitude, np.isfinite(magnitude) & mine)
                for part, mine in (("all", domains != ""), (HIGH, domains == HIGH), (LOW, domains == LOW))
            }
            for name, magnitude in (("whole", found.whole), ("then", found.then))
        },
    }


def compared(found: Weighed, laws: LuminosityLaws, magnitude: Floats, mine: Bools, seed: int = 0) -> dict[str, Any]:
    """Figures without and with the luminosity, their difference with a 95 % interval by drawing objects."""
    groups = np.array(found.data.groups)
    out: dict[str, Any] = {"spectra": int(mine.sum()), "objects": len(set(groups[mine]))}
    if out["objects"] < SMALLEST:
        return out
    both = found.fine, np.where(mine[:, None], laws.weighed(found.fine, magnitude), found.fine)
    ones = np.ones(len(groups))
    plain, told = (found.figures(fine, mine, ones) for fine in both)
    names, inverse = np.unique(groups, return_inverse=True)
    own, rng = np.unique(inverse[mine]), np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        count = np.bincount(rng.choice(own, len(own)), minlength=len(names)).astype(float)[inverse]
        drawn.append(found.figures(both[1], mine, count) - found.figures(both[0], mine, count))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    for i, name in enumerate(FIGURES):
        numbers = {
            "without": plain[i],
            "with": told[i],
            "difference": told[i] - plain[i],
            "low": low[i],
            "high": high[i],
        }
        out[name] = {k: round(float(v), 4) for k, v in numbers.items()}
    out["classes"] = {name: _class(found, both, mine & (found.data.label == k)) for k, name in enumerate(FINE_CLASSES)}
    out["changed"] = _changed(found, both, mine)
    return out


def _class(found: Weighed, both: tuple[Floats, Floats], mine: Bools) -> dict[str, Any]:
    k = {"spectra": int(mine.sum()), "objects": len({found.data.groups[i] for i in np.flatnonzero(mine)})}
    recall = [round(float((f.argmax(1) == found.data.label)[mine].mean()), 4) if mine.any() else None for f in both]
    return {**k, "without": recall[0], "with": recall[1]}


def _changed(found: Weighed, both: tuple[Floats, Floats], mine: Bools) -> dict[str, int]:
    """How often the class changes, and how often for the better and for the worse."""
    before, after = (f.argmax(1)[mine] for f in both)
    label, other = found.data.label[mine], before != after
    return {
        "spectra": int(other.sum()),
        "better": int((other & (after == label)).sum()),
        "worse": int((other & (before == label)).sum()),
    }
