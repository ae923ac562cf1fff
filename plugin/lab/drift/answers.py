"""Answers to real spectra, as they are and disturbed: what streams of the evaluation are drawn from."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.bundle import Bundle
from models.conformal.spread import decompose
from models.recalibration.rows import Rows
from models.spectral.prepare import GRID_A, GRID_SIZE, extent
from models.training.dataset import SPLITS, Dataset
from models.training.evaluate import predict_dataset
from models.training.spectral.augment import rescale
from models.training.spectral.controls import degraded
from plugin.ops.progress import Advance

Started = Callable[[str, int], AbstractContextManager[Advance]]
HALVED_RESOLUTION: Final = 50.0
"""Half of the SED Machine's."""
SLOPE: Final = 2.0
"""Power of wavelength by which flux is tilted: a factor of 5.5 between the ends of the window."""


def rows_of(bundle: Bundle, data: Dataset, *, started: Started, what: str, kept: Path | None = None) -> Rows:
    """What the bundle says of every spectrum without redshift, in the columns that calibration needs.

    Parameters
    ----------
    kept : Path, optional
        Folder where answers stay, by bundle and spectra.

    Raises
    ------
    ValueError
        If the bundle has no anomaly layer.
    """
    if bundle.sentinel is None:
        raise ValueError("this bundle has no anomaly layer")
    told = [extent(mask) for mask in data.masks()]
    known: dict[str, Any] = {
        "label": data.label,
        "spacing": data.spacing.astype(float),
        "coverage": np.array([e.coverage for e in told]),
        "blue_end": np.array([e.blue_end for e in told]),
        "red_end": np.array([e.red_end for e in told]),
        "objects": np.array(data.groups),
        "answered_at": np.zeros(len(data)),
        "cut": np.zeros(len(data), bool),
    }
    seen = f"{bundle.bundle_id} {data.hash()}".encode()
    name = hashlib.sha256(seen + data.flux.tobytes() + data.mask.tobytes()).hexdigest()
    path = None if kept is None else kept / f"{name[:24]}.safetensors"
    if path is not None and path.is_file():
        kept_arrays: dict[str, Any] = load_file(path)
        return Rows(**known, **kept_arrays)
    with started(what, len(data)) as advance:
        prediction = predict_dataset(bundle.ensemble, data, progress=advance)
    judged = bundle.sentinel.judge(prediction)
    found: dict[str, Any] = {
        "fine": prediction.fine,
        "seed_scores": judged.seed_scores,
        "families": judged.families,
        "epistemic": decompose(prediction.member_fine).epistemic,
    }
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: np.ascontiguousarray(v) for k, v in found.items()}, path)
    return Rows(**known, **found)


def tilted(data: Dataset, slope: float = SLOPE) -> Dataset:
    """The same spectra with flux multiplied by a power of wavelength, scaled anew."""
    ramp = torch.from_numpy((GRID_A / GRID_A.mean()) ** slope).float()
    mask = torch.from_numpy(np.unpackbits(data.mask, axis=1, count=GRID_SIZE)).float()
    flux = torch.from_numpy(data.flux).float() + torch.from_numpy(data.floor)[:, None]
    return replace(data, flux=rescale(flux * ramp, mask).clamp(-6e4, 6e4).half().numpy())


def halved(data: Dataset) -> Dataset:
    """Spectra of the SED Machine as one of half its resolution would have taken them, its pixels unchanged."""
    return degraded(data, resolution=HALVED_RESOLUTION)


def split_of(data: Dataset) -> NDArray[np.str_]:
    """Name of each spectrum's split."""
    return np.array(SPLITS)[data.split]
