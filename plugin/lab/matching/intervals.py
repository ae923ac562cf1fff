"""Whether intervals and sets of matching cover as promised. The unit is the object: spectra of one err together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.matching.fitted import BELIEVABLE, DOMAINS, SHARES, Fitted
from models.training.metrics import binomial_band, conformal_band

ALPHAS: Final = (0.05, 0.1, 0.2)
SPLITS: Final = 200
"""Random halves of the calibration objects."""
Bools = NDArray[np.bool_]


def coverage(
    inside: Bools, objects: Sequence[str] | NDArray[np.int64], alpha: float, calibrated: int
) -> dict[str, Any]:
    """How many are covered, each object once, and where that lies in 95 % of right tests.

    Parameters
    ----------
    inside : ndarray of bool, shape (n,)
        Which spectra are covered.
    objects : sequence, length n
        Which object each is of; it counts by the share of its spectra that are covered.
    calibrated : int
        Objects that the interval was calibrated on: few of them make it too wide or too narrow by chance.
    """
    if not inside.size:
        return {"alpha": alpha, "spectra": 0}
    _, index, counts = np.unique(np.asarray(objects), return_inverse=True, return_counts=True)
    value, count = float((np.bincount(index, inside) / counts).mean()), len(counts)
    binomial, band = binomial_band(1 - alpha, count), conformal_band(alpha, count, calibrated)
    return {
        "alpha": alpha,
        "spectra": len(inside),
        "objects": count,
        "calibrated": calibrated,
        "coverage": round(value, 4),
        "by_spectra": round(float(inside.mean()), 4),
        "binomial": [round(v, 4) for v in binomial],
        "inside_binomial": bool(binomial[0] <= value <= binomial[1]),
        "band": [round(v, 4) for v in band],
        "inside": bool(band[0] <= value <= band[1]),
    }


def reach(fitted: Fitted, domain: str, share: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Half the interval of each spectrum; the least believed cell's where no redshift is given."""
    cells = [fitted.redshift_cell(domain, edge, alpha).half for edge in SHARES]
    return np.array(cells)[np.maximum(np.searchsorted(SHARES, share, "right") - 1, 0)]


def halves(fitted: Fitted, domain: str, seed: int = 0) -> list[dict[str, Any]]:
    """Calibrate on a random half of the calibration objects of a domain, cover the other; often."""
    own = (fitted.domain == DOMAINS.index(domain)) & (fitted.share >= BELIEVABLE)
    names = np.unique(fitted.objects[own])
    if len(names) < 2 * len(ALPHAS):
        return []
    rng = np.random.default_rng(seed)
    rows: dict[float, list[Mapping[str, Any]]] = {alpha: [] for alpha in ALPHAS}
    for _ in range(SPLITS):
        first = np.isin(fitted.objects, rng.permutation(names)[: len(names) // 2])
        half = replace(fitted, **{k: getattr(fitted, k)[own & first] for k in _RESIDUALS})
        asked = np.flatnonzero(own & ~first)
        for alpha in ALPHAS:
            inside = fitted.residual[asked] <= reach(half, domain, fitted.share[asked], alpha)
            rows[alpha].append(coverage(inside, fitted.objects[asked], alpha, len(names) // 2))
    return [_summed(alpha, found) for alpha, found in rows.items()]


_RESIDUALS: Final = ("residual", "share", "domain", "objects")


def _summed(alpha: float, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    of = {
        k: np.array([row[k] for row in found], float) for k in ("coverage", "by_spectra", "inside", "inside_binomial")
    }
    return {
        "alpha": alpha,
        "splits": len(found),
        "objects": found[0]["objects"],
        **{k: round(float(v.mean()), 4) for k, v in of.items()},
        "deviation": round(float(of["coverage"].std()), 4),
    }
