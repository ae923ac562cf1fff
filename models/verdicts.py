"""From the networks' prediction to the values of a report."""

from collections.abc import Sequence

import numpy as np

from models.conformal.spread import decompose
from models.decision import PLAIN, Decision
from models.domain import COARSE_CLASSES, FINE_CLASSES, Basis, Verdict
from models.spectral.ensemble import EnsemblePrediction
from models.spectral.prepare import Prepared

DIGITS = 6


def verdict_of(prediction: EnsemblePrediction, i: int, decision: Decision = PLAIN) -> Verdict:
    """The class of one spectrum."""
    fine = prediction.fine[i]
    return Verdict(
        label=FINE_CLASSES[int(decision.named(fine))],
        probabilities=named(FINE_CLASSES, fine),
        coarse=named(COARSE_CLASSES, prediction.coarse[i]),
        spread=named(FINE_CLASSES, prediction.spread[i]),
        members=len(prediction.seeds),
        strategy=decision.strategy,
    )


def entropies(prediction: EnsemblePrediction, i: int) -> dict[str, float]:
    """Total, aleatoric and epistemic entropy of one spectrum, nats (Eq. 4)."""
    parts = decompose(prediction.member_fine[:, i : i + 1])
    return {name: round(float(getattr(parts, name)[0]), DIGITS) for name in ("total", "aleatoric", "epistemic")}


def basis_of(plain: EnsemblePrediction, i: int, prepared: Prepared, *, unlike: bool) -> Basis:
    """What one spectrum would be calibrated by; `plain` is the prediction without any metadata."""
    extent = prepared.extent
    return Basis(
        probabilities=named(FINE_CLASSES, plain.fine[i]),
        epistemic=entropies(plain, i)["epistemic"],
        spacing_A=round(prepared.spacing_A, DIGITS),
        coverage=round(extent.coverage, DIGITS),
        blue_end=round(extent.blue_end, DIGITS),
        red_end=round(extent.red_end, DIGITS),
        unlike=unlike,
    )


def named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    """Values by name, rounded as reports are."""
    return {name: round(float(v), DIGITS) for name, v in zip(names, values, strict=True)}
