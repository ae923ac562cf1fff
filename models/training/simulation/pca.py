"""Principal components of spectra that cover different ranges: missing columns are filled from the fit itself."""

from dataclasses import dataclass

import numpy as np

from models.simulation.grid import FloatArray

_ROUNDS = 25
_RIDGE = 1e-2


@dataclass(frozen=True, slots=True)
class Components:
    """Mean and components of a population.

    Parameters
    ----------
    mean : ndarray, shape (columns,)
        Mean spectrum; NaN in columns that too few spectra cover.
    vectors : ndarray, shape (k, columns)
        Orthonormal components, 0 where the mean is NaN.
    coefficients : ndarray, shape (n, k)
        Of every spectrum that went in.
    residual : ndarray, shape (n,)
        Standard deviation of each spectrum about its reconstruction.
    """

    mean: FloatArray
    vectors: FloatArray
    coefficients: FloatArray
    residual: FloatArray


def principal_components(rows: FloatArray, k: int, *, least_share: float = 0.2) -> Components:
    """Iterated singular value decomposition with imputation (expectation-maximisation for missing data).

    Parameters
    ----------
    rows : ndarray, shape (n, columns)
        Spectra; NaN is missing.
    k : int
        Number of components.
    least_share : float
        Columns known in a smaller share of the spectra are left out.

    Raises
    ------
    ValueError
        If there are not more spectra than components.
    """
    n = rows.shape[0]
    if n <= k:
        raise ValueError(f"{n} spectra cannot give {k} components")
    used = np.isfinite(rows).mean(axis=0) >= least_share
    data = rows[:, used]
    known = np.isfinite(data)
    mean = np.nanmean(data, axis=0)
    filled = np.where(known, data, mean)
    vectors = np.zeros((k, data.shape[1]))
    for _ in range(_ROUNDS):
        mean = filled.mean(axis=0)
        vectors = np.linalg.svd(filled - mean, full_matrices=False)[2][:k]
        coefficients = _project(data - mean, known, vectors)
        filled = np.where(known, data, mean + coefficients @ vectors)
    left = np.where(known, data - mean - coefficients @ vectors, np.nan)
    return Components(
        mean=_spread(mean, used, np.nan),
        vectors=_spread(vectors, used, 0.0),
        coefficients=coefficients,
        residual=np.nanstd(left, axis=1),
    )


def _project(centred: FloatArray, known: FloatArray, vectors: FloatArray) -> FloatArray:
    """Least-squares coefficients on the known columns, slightly damped where few are known."""
    found = np.empty((centred.shape[0], vectors.shape[0]))
    for i, (row, mask) in enumerate(zip(centred, known, strict=True)):
        basis = vectors[:, mask]
        gram = basis @ basis.T + _RIDGE * np.eye(len(vectors))
        found[i] = np.linalg.solve(gram, basis @ row[mask])
    return found


def _spread(values: FloatArray, used: FloatArray, outside: float) -> FloatArray:
    full = np.full((*values.shape[:-1], used.size), outside)
    full[..., used] = values
    return full
