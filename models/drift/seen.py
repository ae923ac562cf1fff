"""What the tests take from an answer, and from the calibration spectra."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One answer or refusal; the scores are None for a refusal.

    Parameters
    ----------
    cell : str
        Which calibration spectra it is compared with, such as "low resolution".
    confidence : float or None
        `1 - p(predicted class)`.
    anomaly : float or None
        0 to 1.
    mix : float or None
        Probability of the most frequent class, SN Ia: it tells of the mix of classes.
    summary : tuple of float
        Of the embedding, see `summaries`; empty where there is none.
    spacing : float or None
        Median pixel, Angstrom.
    alert : bool
        Whether the policy is ALERT.
    unlike : bool
        Whether there are no calibration spectra of its own domain.
    """

    cell: str = ""
    confidence: float | None = None
    anomaly: float | None = None
    mix: float | None = None
    summary: tuple[float, ...] = ()
    spacing: float | None = None
    refused: bool = False
    alert: bool = False
    unlike: bool = False
    instrument: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The truth about an answer.

    Parameters
    ----------
    nonconformity : float
        `1 - p(true class)`; 1 for a rare type, which is none of the classes.
    misses : mapping of float to bool
        By error rate, whether the prediction set that was given lacks the true class.
    alpha : float
        The operator's error rate, of which an alarm tells.
    calibration : float
        Independent calibration spectra behind it.
    """

    cell: str
    nonconformity: float
    misses: Mapping[float, bool]
    alpha: float
    calibration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The calibration spectra of one cell, each of the first three of shape (n,), `nonconformity` of those known."""

    confidence: Floats
    anomaly: Floats
    mix: Floats
    nonconformity: Floats
    summary: Floats


def summaries(families: Floats, anomaly: Floats, confidence: Floats, epistemic: Floats) -> Floats:
    """A small summary of the embedding, shape (n, families + 3), each number within 0 and 1.

    Reports keep no embeddings. How far it lies from the trained spectra by distance, density, neighbours and
    disagreement (the four families of anomaly scores, as ranks) says where it is as far as an answer depends on it.
    """
    return np.column_stack([families, anomaly, confidence, np.minimum(epistemic / 0.3, 1.0)])


def reference(
    fine: Floats, label: NDArray[np.int64], seed_scores: Floats, families: Floats, epistemic: Floats
) -> Reference:
    """From columns of calibration spectra; a label of -1 is one that nobody knows, which has no nonconformity."""
    known = label >= 0
    confidence, anomaly = 1.0 - fine.max(1), seed_scores.mean(1)
    return Reference(
        confidence=confidence,
        anomaly=anomaly,
        mix=fine[:, 0],
        nonconformity=1.0 - fine[known, label[known]],
        summary=summaries(families, anomaly, confidence, epistemic),
    )


References = Mapping[str, Reference]
