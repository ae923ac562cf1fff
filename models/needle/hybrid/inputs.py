"""What the hybrid network sees: two images on one scale, and the features; for one object and for many."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.needle.images.mask import MaskedPair, match_intensity
from models.needle.images.stamps import SOFTENING, FloatImage, background
from models.needle.lightcurves.lightcurve import Floats

Images = NDArray[np.float16]
_PER_BAND: Final = (
    "m_peak", "m_discovery", "dm_discovery", "dt_discovery", "dt_discovery_any", "slope_recent", "slope_discovery",
    "dslope", "rise",
)  # fmt: skip
_TRANSIENT: Final = (
    *(f"{name}_{band}" for band in ("g", "r") for name in _PER_BAND),
    *("dm_peak_gr", "dt_peak_gr", "dm_discovery_gr", "dcolour_transient"),
    *("since_peak", "colour_mean", "colour_last", "colour_slope"),
)
_HOST: Final = (
    "dm_host_peak_g", "dm_host_peak_r", "separation_arcsec", "host_g", "host_r", "host_gr", "dcolour_host_transient",
)  # fmt: skip
FEATURES: Final = {"TH": _TRANSIENT + _HOST, "T": _TRANSIENT}
"""What each variant knows of Table 1, and rise time and colours; written out here, for trained weights hang on them.

Magnitudes of the host in i, z and y come for one class alone and would name it."""
NAMES: Final = FEATURES["TH"]
"""Columns of `Samples.x`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Rows for the network.

    Parameters
    ----------
    images : ndarray, shape (n, 2, 60, 60)
        `network_input` of each.
    x : ndarray, shape (n, features)
        In the order of `NAMES`; NaN where missing.
    label, object_index : ndarray of int, shape (n,)
    weight : ndarray, shape (n,)
        Sums to one for each object.
    days : ndarray, shape (n,)
        Since the first usable detection.
    folds : ndarray of int, shape (n, 3)
        Of the object, of whose galaxy it is, and of the field around it. A network may learn from a row only if it is
        measured on none of the three.
    """

    images: Images
    x: Floats
    label: NDArray[np.int64]
    object_index: NDArray[np.int64]
    weight: Floats
    days: Floats
    folds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, keep: NDArray[np.bool_]) -> "Samples":
        """Some of the rows."""
        return Samples(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})


def concatenate(parts: "list[Samples]") -> Samples:
    """All rows of several sets; an object's weights are made to sum to one again."""
    joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in Samples.__dataclass_fields__}
    return Samples(**{**joined, "weight": object_weights(joined["object_index"])})


def object_weights(object_index: NDArray[np.int64]) -> Floats:
    """One over the number of rows of the same object."""
    _, inverse, counts = np.unique(object_index, return_inverse=True, return_counts=True)
    return 1.0 / counts[inverse]


def masked_input(pair: MaskedPair) -> Images:
    """The images of a masked pair, shape (2, 60, 60)."""
    return _scaled(pair.science, pair.reference)


def plain_input(science: FloatImage, reference: FloatImage) -> Images:
    """The images of a pair that was not masked, the reference brought to the science's intensities (Eq. 2)."""
    return _scaled(science, match_intensity(reference, like=science))


def _scaled(science: FloatImage, reference: FloatImage) -> Images:
    """Arcsinh of the signal over five sigma of the science image's sky: the same for both, as Eq. 2 wants it."""
    sky = background(science)
    both = np.stack([science, reference])
    return np.arcsinh((both - sky.level) / (SOFTENING * sky.sigma)).astype(np.float16)
