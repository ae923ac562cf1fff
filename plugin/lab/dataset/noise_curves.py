"""How the noise of real spectra runs along wavelength, from the errors that came with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from models.spectral.prepare import GRID_A

FILE: Final = "sedm_aux.parquet"
"""Inside the data folder: `spec_id`, and `flux_err` for each pixel of that spectrum."""
MOST: Final = 600
LIMITS: Final = (0.2, 15.0)
"""Of a curve whose median is 1: beyond lie single bad pixels and the very edge."""


def noise_curves(folder: Path, wavelengths: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32] | None:
    """Errors on the network's grid, each curve divided by its median; at most `MOST` of them, evenly picked.

    Parameters
    ----------
    wavelengths : mapping of str to ndarray
        Pixels of each spectrum whose errors may be used, by its id: those of the training split.

    Returns
    -------
    ndarray of float32, shape (curves, 4096), or None
        None if the data folder has no errors of them.
    """
    path = folder / FILE
    if not path.exists():
        return None
    table = pq.read_table(path, columns=["spec_id", "flux_err"])
    found = []
    for name, errors in zip(table["spec_id"].to_pylist(), table["flux_err"], strict=True):
        if name in wavelengths and errors.is_valid:
            curve = _on_grid(wavelengths[name], errors.values.to_numpy(zero_copy_only=False))
            if curve is not None:
                found.append(curve)
    if not found:
        return None
    picked: NDArray[np.float32] = np.stack(found)[np.linspace(0, len(found) - 1, min(MOST, len(found))).astype(int)]
    return picked


def _on_grid(wavelength_A: NDArray[np.floating], error: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """One curve; None where errors are missing for more than a few pixels."""
    if len(error) != len(wavelength_A):
        return None
    good = np.isfinite(error) & (error > 0)
    if good.mean() < 0.9:
        return None
    smooth = median_filter(error[good], 3).astype(float)
    curve: NDArray[np.float64] = np.interp(GRID_A, np.asarray(wavelength_A)[good], smooth)
    return np.clip(curve / np.median(curve), *LIMITS).astype(np.float32)
