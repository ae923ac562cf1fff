"""Exact search for the spectra most like one, over the archive and over whatever else is put on the shelf.

Two measures, each with what it is good for:

- **shape**: the correlation of the observed fluxes over the pixels that both have. It finds another spectrum of the
  same object, a copy, or the same class at the same redshift and phase. It needs no network.
- **network**: the cosine between the networks' embeddings (ASTRANet paper, App. H). It finds the same kind of object
  at another redshift.

`both` joins their ranks by reciprocal-rank fusion (Cormack, Clarke & Buettcher 2009, SIGIR, p. 758), with a constant
of 3 where they have 60: a spectrum that one measure puts first belongs among the first. Chosen on `select` spectra.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from models.sentinel.analogs import SKETCH, Analogs

Way = Literal["both", "shape", "network"]
WAYS: Final[tuple[Way, ...]] = get_args(Way)
WINDOW_A: Final = (3850.0, 9000.0)
POINTS_A: Final = WINDOW_A[0] + (np.arange(SKETCH) + 0.5) / SKETCH * (WINDOW_A[1] - WINDOW_A[0])
DIMENSIONS: Final = 192
MISSING: Final = 255
LEAST_OVERLAP: Final = 0.4
"""Share of the window that two spectra must both cover before their shapes are compared."""
_FUSED: Final = 4.0  # ranks start at zero
_CHUNK: Final = 16384

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for.

    Parameters
    ----------
    shape : ndarray of float, shape (200,)
        Flux at `POINTS_A` in any unit; NaN where missing.
    unit : ndarray of float, shape (192,), optional
        The embedding, of unit length.
    """

    shape: NDArray[np.floating]
    unit: NDArray[np.floating] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One spectrum that is like the query.

    Parameters
    ----------
    entry : object
        What the shelf was told about it.
    row : int
        Where it stands on the shelf.
    shape, network : float or None
        Correlation of the shapes, cosine of the embeddings; None where one of the two spectra lacks what it takes.
    """

    entry: Any
    row: int
    shape: float | None
    network: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Spectra that can be found.

    Parameters
    ----------
    shape : ndarray of uint8, shape (n, 200)
        Flux at `POINTS_A` from 0 to 254 in any linear scale, 255 where missing.
    unit : ndarray of float16, shape (n, 192)
        Embeddings of unit length; NaN where there is none.
    objects : tuple of str, length n
        The object of each spectrum: of several spectra of one object the best is named.
    entries : tuple, length n
        Whatever tells the spectrum.
    """

    shape: Bytes
    unit: NDArray[np.float16]
    objects: tuple[str, ...]
    entries: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.objects)

    @classmethod
    def of_archive(cls, analogs: Analogs) -> Self:
        """The public archive spectra of a bundle; the entries are dicts as the neighbours of a report."""
        entries = tuple(analogs.entry(i) for i in range(len(analogs.names)))
        return cls(shape=analogs.sketch, unit=analogs.unit, objects=analogs.names, entries=entries)

    def beside(self, other: "Shelf") -> "Shelf":
        """This shelf and another as one."""
        return replace(
            self,
            shape=np.concatenate([self.shape, other.shape]),
            unit=np.concatenate([self.unit, other.unit]),
            objects=self.objects + other.objects,
            entries=self.entries + other.entries,
        )

    def nearest(self, query: Query, k: int = 10, *, way: Way = "both", without: str | None = None) -> list[Found]:
        """The best spectrum of each of the k objects most like the query, best first.

        Parameters
        ----------
        way : str
            One of `WAYS`; `both` is `shape` where the query has no embedding.
        without : str, optional
            An object that is not named: the query's own.

        Raises
        ------
        ValueError
            If the query has no embedding and `network` is asked for.
        """
        if query.unit is None and way == "network":
            raise ValueError("this spectrum has no embedding: it was not shown to the networks")
        shape = self.correlations(query.shape)
        network = None if query.unit is None else self.cosines(query.unit)
        score: NDArray[np.float64]
        if network is None or way == "shape":
            score = shape.astype(float)
        elif way == "network":
            score = network.astype(float)
        else:
            score = _fused(shape) + _fused(network)
        found: dict[str, Found] = {}
        # A score that is not known is below all others, and is not named.
        for i in np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable"):
            if len(found) == k or np.isnan(score[i]):
                break
            if self.objects[i] == without or self.objects[i] in found:
                continue
            found[self.objects[i]] = Found(
                entry=self.entries[i],
                row=int(i),
                shape=_number(shape[i]),
                network=None if network is None else _number(network[i]),
            )
        return list(found.values())

    def correlations(self, shape: NDArray[np.floating]) -> Floats:
        """Pearson's correlation with every spectrum over the points that both have; NaN where those are too few.

        Parameters
        ----------
        shape : ndarray of float, shape (200,)
            NaN where missing.
        """
        known = np.isfinite(shape)
        scaled = np.zeros(SKETCH, np.float32)
        if known.any():
            spread = float(np.std(shape[known])) or 1.0
            scaled[known] = (shape[known] - np.mean(shape[known])) / spread
        ours = np.stack([known.astype(np.float32), scaled, scaled**2], axis=1)
        out = np.empty(len(self), np.float32)
        for start in range(0, len(self), _CHUNK):
            part = self.shape[start : start + _CHUNK]
            mask = (part != MISSING).astype(np.float32)
            theirs = np.where(part != MISSING, part, 0).astype(np.float32) / MISSING
            n, sum_ours, square_ours = (mask @ ours).T
            sum_theirs, product = (theirs @ ours[:, :2]).T
            square_theirs = theirs**2 @ ours[:, 0]
            with np.errstate(invalid="ignore", divide="ignore"):
                covariance = product - sum_theirs * sum_ours / n
                variance = (square_theirs - sum_theirs**2 / n) * (square_ours - sum_ours**2 / n)
                found = covariance / np.sqrt(variance)
            out[start : start + _CHUNK] = np.where((n >= LEAST_OVERLAP * SKETCH) & (variance > 0), found, np.nan)
        return out

    def cosines(self, unit: NDArray[np.floating]) -> Floats:
        """Cosine with every embedding; NaN for a spectrum without one."""
        ours = unit.astype(np.float32) / np.linalg.norm(unit)
        parts = [self.unit[start : start + _CHUNK].astype(np.float32) @ ours for start in range(0, len(self), _CHUNK)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _fused(score: Floats) -> NDArray[np.float64]:
    """One over the rank and a constant; nothing where the score is not known."""
    rank = np.empty(len(score))
    rank[np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")] = np.arange(len(score))
    return np.where(np.isnan(score), 0.0, 1.0 / (_FUSED + rank))


def shape_of(wavelength_A: NDArray[np.floating], flux: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean flux in the 200 even bins of the window, shape (200,).

    Parameters
    ----------
    wavelength_A, flux : ndarray, shape (n,)
        Ascending wavelengths; coarser spectra than a bin are interpolated, NaN pixels and what lies outside is missing.
    """
    good = np.isfinite(flux)
    wave, value = np.asarray(wavelength_A, float)[good], np.asarray(flux, float)[good]
    out = np.full(SKETCH, np.nan)
    if wave.size < 2:
        return out
    width = (WINDOW_A[1] - WINDOW_A[0]) / SKETCH
    at = np.floor((wave - WINDOW_A[0]) / width).astype(int)
    inside = (at >= 0) & (at < SKETCH)
    count = np.bincount(at[inside], minlength=SKETCH)
    total = np.bincount(at[inside], weights=value[inside], minlength=SKETCH)
    gap = np.diff(wave)
    left = np.clip(np.searchsorted(wave, POINTS_A, side="right") - 1, 0, wave.size - 2)
    between = (wave[0] <= POINTS_A) & (wave[-1] >= POINTS_A) & (gap[left] <= max(3 * np.median(gap), 2 * width))
    out[between] = np.interp(POINTS_A[between], wave, value)
    out[count > 0] = total[count > 0] / count[count > 0]
    return out


def to_bytes(shape: NDArray[np.floating]) -> Bytes:
    """A shape (200,) from its 1st to its 99th percentile in bytes, 255 where missing."""
    known = np.isfinite(shape)
    codes = np.full(SKETCH, MISSING, np.uint8)
    if known.any():
        low, high = np.percentile(shape[known], (1, 99))
        span = max(high - low, 1e-30)
        codes[known] = np.round(np.clip((shape[known] - low + 0.1 * span) / (1.2 * span), 0, 1) * 254)
    return codes


def unit_from_text(text: str | None) -> NDArray[np.float16] | None:
    """The embedding that `unit_to_text` wrote; None for none, or for one that is none."""
    try:
        raw = base64.b64decode(text or "", validate=True)
    except ValueError:
        return None
    return np.frombuffer(raw, "<f2") if len(raw) == 2 * DIMENSIONS else None


def unit_to_text(embedding: NDArray[np.floating]) -> str:
    """An embedding (192,) at unit length, little-endian half precision, in base64."""
    unit = np.asarray(embedding, float) / np.linalg.norm(embedding)
    return base64.b64encode(unit.astype("<f2").tobytes()).decode("ascii")


def stacked(rows: Sequence[NDArray[np.float16] | None]) -> NDArray[np.float16]:
    """Embeddings as rows; NaN where there is none."""
    out = np.full((len(rows), DIMENSIONS), np.nan, np.float16)
    for i, row in enumerate(rows):
        if row is not None:
            out[i] = row
    return out


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
