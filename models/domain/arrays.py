"""Arrays that nobody can change behind another's back."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def frozen(values: Iterable[float] | NDArray[np.floating], *, name: str, ndim: int = 1) -> FloatArray:
    """Copy `values` into a read-only float64 array.

    Raises
    ------
    ValueError
        If the values are not numbers or have another number of dimensions.
    """
    array = np.array(values, dtype=np.float64)
    if array.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} dimension(s), got {array.ndim}")
    array.setflags(write=False)
    return array
