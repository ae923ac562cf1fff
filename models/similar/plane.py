"""A map of embeddings: where spectra lie in a plane in which like ones are near each other.

Two ways. **umap** (McInnes, Healy & Melville 2018, arXiv:1802.03426; extra `map`) keeps neighbours together, so that
kinds of spectra become islands; distances between islands mean nothing, nor do axes. **pca** is a shadow of the
embeddings along the two directions in which they vary most: distances mean something, islands overlap. It needs numpy
alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

Floats = NDArray[np.float32]
MapWay = Literal["umap", "pca"]
NEIGHBOURS: Final = 15
"""Of UMAP, and of a spectrum that was not there when it was fitted."""
LEAST_DISTANCE: Final = 0.15
SEED: Final = 0
MOST: Final = 20_000
"""Spectra that a map is fitted on; with more a UMAP would take long."""
_CHUNK: Final = 2048


def has_umap() -> bool:
    """Whether the extra is installed; nothing is imported to find out."""
    return find_spec("umap") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A fitted map.

    Parameters
    ----------
    way : str
    bundle : str
        Whose networks the embeddings are of.
    unit : ndarray of float16, shape (n, 192)
        What it was fitted on, of unit length.
    xy : ndarray of float32, shape (n, 2)
        Where that lies: 0 to 1 from its 0.5th to its 99.5th percentile.
    keys : tuple of str, length n
        What each is, so that it is found again.
    axes, centre : ndarray of float32, shape (192, 2) and (2,), or None
        Of `pca`: `unit @ axes - centre` is the place.
    """

    way: MapWay
    bundle: str
    unit: NDArray[np.float16]
    xy: Floats
    keys: tuple[str, ...]
    axes: Floats | None = None
    centre: Floats | None = None

    @classmethod
    def fit(cls, unit: NDArray[np.float16], keys: Sequence[str], *, bundle: str, way: MapWay, seed: int = SEED) -> Self:
        """Fit a map; the same spectra and seed give the same one.

        Parameters
        ----------
        unit : ndarray, shape (n, 192)
            Not NaN.

        Raises
        ------
        ValueError
            If there are too few spectra to fit anything, or `umap` is asked for and not installed.
        """
        told = {"bundle": bundle, "unit": unit, "keys": tuple(keys)}
        if way == "umap":
            return cls(way="umap", xy=_scaled(_umap(unit.astype(np.float32), seed))[0], **told)  # type: ignore[arg-type]
        if len(unit) < 3:
            raise ValueError(f"{len(unit)} spectra are too few for a map")
        wide = unit.astype(np.float32)
        _, _, directions = np.linalg.svd(_covariance(wide))
        axes = directions[:2].T.astype(np.float32)
        # The sign of a direction is a draw: the first spectrum of the archive decides, so that no map is mirrored.
        axes *= np.where((wide @ axes)[0] < 0, -1, 1).astype(np.float32)
        xy, low, span = _scaled(wide @ axes)
        return cls(way="pca", xy=xy, axes=axes / span, centre=low / span, **told)  # type: ignore[arg-type]

    def place(self, unit: NDArray[np.floating], keys: Sequence[str] = ()) -> Floats:
        """Where spectra lie, shape (m, 2).

        What the map was fitted on lies where it lay; of others a UMAP says where their nearest neighbours are, a PCA
        where they themselves are.

        Parameters
        ----------
        unit : ndarray, shape (m, 192)
        keys : sequence of str, optional
            What each is.
        """
        wide = np.asarray(unit, np.float32).reshape(-1, self.unit.shape[1])
        if self.axes is not None and self.centre is not None:
            return np.asarray(wide @ self.axes - self.centre, np.float32)
        known = {key: i for i, key in enumerate(self.keys)}
        at = np.array([known.get(key, -1) for key in keys] or [-1] * len(wide), int)
        out = self.xy[at].copy()
        new = np.flatnonzero(at < 0)
        fitted = self.unit.astype(np.float32).T if len(new) else np.empty((0, 0), np.float32)
        for start in range(0, len(new), _CHUNK):
            rows = new[start : start + _CHUNK]
            out[rows] = self._among(wide[rows] @ fitted)
        return out

    def _among(self, cosine: Floats) -> Floats:
        """The mean place of the nearest, the nearer the more it counts."""
        k = min(NEIGHBOURS, cosine.shape[1])
        near = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        distance = np.maximum(1 - np.take_along_axis(cosine, near, 1), 1e-4)
        weight = 1 / distance
        return np.asarray((self.xy[near] * (weight / weight.sum(1, keepdims=True))[..., None]).sum(1), np.float32)

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all."""
        arrays = {n: getattr(self, n) for n in ("unit", "xy", "axes", "centre") if getattr(self, n) is not None}
        told = {"way": self.way, "bundle": self.bundle, "keys": json.dumps(self.keys, ensure_ascii=False)}
        part = path.with_name(f".{path.name}.part")
        save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, part, metadata=told)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If it is none.
        """
        try:
            with safe_open(path, framework="numpy") as stored:
                told: Mapping[str, str] = stored.metadata() or {}
                arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no dict
            keys, way = tuple(map(str, json.loads(told["keys"]))), told["way"]
            n = len(keys)
            whole = arrays["unit"].shape == (n, 192) and arrays["xy"].shape == (n, 2)
            axes = {"axes": (192, 2), "centre": (2,)} if way == "pca" else {}
            shapes = {name: array.shape for name, array in arrays.items() if name not in ("unit", "xy")}
            sound = all(np.isfinite(array).all() for array in arrays.values())
            if n == 0 or not whole or way not in ("umap", "pca") or shapes != axes or not sound:
                raise ValueError("its parts do not belong together")
            return cls(way=way, bundle=told["bundle"], keys=keys, **arrays)  # type: ignore[arg-type]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no map: {error}") from None


def sample(n: int, most: int, *, seed: int = SEED) -> NDArray[np.int64]:
    """Which of n rows a map is fitted on: all, or `most` of them at random; ascending."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _umap(unit: Floats, seed: int) -> Floats:
    if not has_umap():
        raise ValueError("UMAP is not installed: pip install 'astranet-annotator[map]'")
    if len(unit) <= NEIGHBOURS:
        raise ValueError(f"{len(unit)} spectra are too few for a UMAP")
    import umap  # loaded with the first fit and not before: it compiles itself for seconds

    fitted = umap.UMAP(
        n_neighbors=NEIGHBOURS, min_dist=LEAST_DISTANCE, metric="cosine", random_state=seed, n_jobs=1, low_memory=True
    )
    return np.asarray(fitted.fit_transform(unit), np.float32)


def _covariance(wide: Floats) -> NDArray[np.float64]:
    return np.cov(wide, rowvar=False)


def _scaled(xy: Floats) -> tuple[Floats, Floats, Floats]:
    """Places from 0 to 1 but for the outermost hundredth, and what was taken off and divided by."""
    low, high = np.percentile(xy, (0.5, 99.5), axis=0).astype(np.float32)
    span = np.maximum(high - low, 1e-6)
    return np.asarray((xy - low) / span, np.float32), low, span
