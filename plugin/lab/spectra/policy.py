"""How often each answer is given to ordinary spectra, and how often the class is then right."""

import numpy as np
from numpy.typing import NDArray

from models.conformal.policy import Policy, decide, fit_thresholds
from models.conformal.spread import decompose
from models.spectral.ensemble import EnsemblePrediction
from models.training.metrics import binomial_interval

Floats = NDArray[np.float64]


def policy_of(
    prediction: EnsemblePrediction,
    labels: NDArray[np.int64],
    anomaly: Floats,
    calibrate: EnsemblePrediction,
    calibrate_anomaly: Floats,
) -> dict[str, dict[str, float]]:
    """By answer: how many spectra, their share, and the share of right classes with its binomial interval.

    Parameters
    ----------
    anomaly, calibrate_anomaly : ndarray
        Scores of the anomaly layer, of the spectra and of the calibration spectra that set the thresholds.
    """
    epistemic = decompose(calibrate.member_fine).epistemic
    cut = fit_thresholds(calibrate.fine.max(1), calibrate_anomaly, epistemic)
    pairs = zip(prediction.fine.max(1), anomaly, strict=True)
    said = np.array([str(decide(float(c), float(a), cut)) for c, a in pairs])
    right = prediction.fine.argmax(1) == labels
    out = {}
    for policy in map(str, Policy):
        hits, n = int(right[said == policy].sum()), int((said == policy).sum())
        low, high = binomial_interval(hits, n) if n else (0.0, 1.0)
        row = {"share": n / len(said), "accuracy": hits / max(n, 1), "low": low, "high": high}
        out[policy] = {"spectra": n} | {k: round(v, 4) for k, v in row.items()}
    return out
