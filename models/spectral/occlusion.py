"""Where the networks looked: how much their answer changes when a piece of the spectrum is hidden.

Occlusion (Zeiler & Fergus 2014, ECCV; arXiv:1311.2901) of the spectrum as observed: one window after another is
replaced by a straight bridge over it, and the log-odds of a class are asked for again. What it shows is how these
networks depend on each piece, the rest left as it is; it is no proof that a line is there, or that the class is right.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.domain.looked import WINDOW_A, Looked
from models.spectral.ensemble import Ensemble, Metadata, encode, within_then_across
from models.spectral.prepare import GRID_A, PIXEL_A, Prepared

Floats = NDArray[np.float64]

STEP_A: Final = 50.0
_SOFT_A: Final = 50.0
"""Over which a window begins and ends, so that no edge is cut into the spectrum."""
_FOOT_A: Final = 60.0
"""On either side of a window: the bridge stands on the mean flux there."""
_LEAST: Final = 0.5
"""Share of a window that must be measured."""
_ROWS: Final = 16
"""Windows in one pass. Others than `BATCH` may differ in the last bit, which no picture shows."""


def where_looked(ensemble: Ensemble, prepared: Prepared, label: int, metadata: Metadata | None = None) -> Looked:
    """Hide one window after another, and ask again.

    Parameters
    ----------
    label : int
        Index into `FINE_CLASSES`.
    metadata : Metadata, optional
        What the networks were told when they gave the answer that is looked into.
    """
    centres, hidden = occluded(prepared)
    rows = np.concatenate([prepared.flux[None], hidden]).astype(np.float32)
    fine = _probabilities(ensemble, rows, prepared.mask, metadata or Metadata())
    p = np.clip(fine[:, label], 1e-9, 1 - 1e-9)
    log_odds = np.log(p / (1 - p))
    return Looked(label=label, wavelength_A=centres, change=log_odds[0] - log_odds[1:], log_odds=float(log_odds[0]))


def occluded(prepared: Prepared) -> tuple[Floats, NDArray[np.float32]]:
    """The middles of the windows, and the spectrum with each of them hidden, shape (windows, 4096)."""
    flux, mask = prepared.flux.astype(np.float64), prepared.mask
    centres, hidden = [], []
    for centre in np.arange(GRID_A[0] + WINDOW_A / 2, GRID_A[-1] - WINDOW_A / 2 + 1.0, STEP_A):
        weight = _window(centre)
        core = weight > 0.5
        if mask[core].mean() < _LEAST:
            continue
        bridge = _bridge(flux, mask, centre)
        centres.append(float(centre))
        hidden.append(np.where(mask, flux + weight * (bridge - flux), 0.0).astype(np.float32))
    return np.array(centres), np.array(hidden, np.float32).reshape(-1, GRID_A.size)


def _window(centre: float) -> Floats:
    """One inside, zero outside, a cosine in between; shape (4096,)."""
    outside = np.clip((np.abs(GRID_A - centre) - (WINDOW_A - _SOFT_A) / 2) / _SOFT_A, 0.0, 1.0)
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * outside)))


def _bridge(flux: Floats, mask: NDArray[np.bool_], centre: float) -> Floats:
    """A line between the mean flux on both sides of a window; level where only one side is measured."""
    half = (WINDOW_A + _SOFT_A) / 2
    feet = []
    for at in (centre - half, centre + half):
        near = mask & (np.abs(GRID_A - at) <= _FOOT_A / 2 + PIXEL_A)
        feet.append(float(flux[near].mean()) if near.any() else np.nan)
    left, right = feet
    if not np.isfinite(feet).all():
        known = float(np.nanmean(feet)) if np.isfinite(feet).any() else float(flux[mask].mean())
        left = right = known
    return np.asarray(left + (right - left) * (GRID_A - centre + half) / (2 * half))


@torch.inference_mode()
def _probabilities(
    ensemble: Ensemble, rows: NDArray[np.float32], mask: NDArray[np.bool_], metadata: Metadata
) -> Floats:
    """Fine probabilities of spectra that share a mask, shape (n, 7)."""
    value, valid = encode([metadata])
    parts = []
    for start in range(0, len(rows), _ROWS):
        flux = torch.from_numpy(rows[start : start + _ROWS]).to(ensemble.device)
        n = len(flux)
        seen = torch.from_numpy(mask.astype(np.float32)).to(ensemble.device).expand(n, -1).contiguous()
        told = (value.expand(n, -1).to(ensemble.device), valid.expand(n, -1).to(ensemble.device))
        logits = [m.net(flux, seen, *told).fine_logits.cpu().numpy() for m in ensemble.members]
        parts.append(within_then_across(np.stack([ensemble.readout(x) for x in logits]), ensemble.seeds))
    return np.concatenate(parts)
