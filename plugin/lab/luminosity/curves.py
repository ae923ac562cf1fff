"""Absolute magnitudes of labelled objects: the data folder's light curves, at the catalogue's redshifts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.domain import Evidence, LightCurve, Target
from models.joined.evidence import AFTER_DAYS
from models.luminosity import luminosity_of
from models.training.dataset import Dataset
from plugin.lab.dataset.contested import CATALOGUE, bare

CURVES: Final = "lightcurves*.parquet"
_COLUMNS: Final = ("object_id", "mjd", "band", "mag", "magerr", "is_limit", "primary")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curves:
    """Detections by object of the folder, and the object that each bare name means."""

    curves: Mapping[str, LightCurve]
    names: Mapping[str, str]

    def magnitude(self, group: str, redshift: float, phase_days: float | None = None) -> float:
        """Absolute magnitude of the brightest detection; NaN where there is none, or no distance.

        Parameters
        ----------
        group : str
            The object's name in the labelled spectra.
        phase_days : float, optional
            Only what was detected up to a spectrum of this phase, at rest, from the brightest detection: labelled
            spectra have phases, and no dates.
        """
        curve = self.curves.get(self.names.get(bare(group), ""))
        if curve is None or not np.isfinite(redshift):
            return float("nan")
        until = np.inf
        if phase_days is not None:
            until = curve.mjd[int(curve.mag.argmin())] + phase_days * (1 + redshift) + AFTER_DAYS
        kept = cut(curve, np.flatnonzero(curve.mjd <= until))
        found = luminosity_of(Evidence(target=Target(target_id=group), light_curve=kept), float(redshift), "catalogue")
        return float("nan") if found is None else found.magnitude

    def magnitudes(self, data: Dataset, *, then: bool = False) -> Floats:
        """Of the object of each spectrum, shape (n,); NaN where unknown. `then`: as it was at the spectrum's phase."""
        rows = zip(data.groups, data.redshift, data.phase_days, strict=True)
        return np.array([self.magnitude(g, float(z), float(p) if then else None) for g, z, p in rows], dtype=float)


def read_curves(folder: Path) -> Curves:
    """The light curves in `ztf` of a data folder: each object's preferred source, detections only.

    Raises
    ------
    ValueError
        If there are none.
    """
    paths = sorted((folder / CATALOGUE.parent).glob(CURVES))
    if not paths:
        raise ValueError(f"{folder} has no light curves ({CATALOGUE.parent / CURVES})")
    found: dict[str, list[tuple[float, str, float, float]]] = {}
    for path in paths:
        table = pq.read_table(path, columns=list(_COLUMNS))
        kept = pc.and_(table["primary"], pc.and_(pc.invert(table["is_limit"]), pc.is_valid(table["mag"])))
        columns = table.filter(kept).to_pydict()
        rows = zip(*(columns[k] for k in ("object_id", "mjd", "band", "mag", "magerr")), strict=True)
        for name, mjd, band, mag, error in rows:
            found.setdefault(name, []).append((mjd, band, mag, np.nan if error is None else error))
    names = {bare(name): name for name in found}
    catalogue = pq.read_table(folder / CATALOGUE, columns=["object_id", "ztf_ids", "iau", "other"]).to_pylist()
    for row in catalogue:
        if row["object_id"] in found:
            parts = re.split(r"[|,; ]", " ".join(row[k] or "" for k in ("ztf_ids", "iau", "other")))
            names.update({bare(name): row["object_id"] for name in parts if name})
    return Curves({name: _curve(sorted(rows)) for name, rows in found.items()}, names)


def cut(curve: LightCurve, rows: NDArray[np.int64]) -> LightCurve:
    """Some detections of a light curve."""
    return LightCurve(
        mjd=curve.mjd[rows],
        band=tuple(curve.band[i] for i in rows),
        mag=curve.mag[rows],
        mag_error=curve.mag_error[rows],
        limit_mag=curve.limit_mag[rows],
        is_limit=curve.is_limit[rows],
    )


def _curve(rows: Sequence[tuple[float, str, float, float]]) -> LightCurve:
    mjd, band, mag, error = zip(*rows, strict=True)
    return LightCurve(
        mjd=np.array(mjd, dtype=float),
        band=tuple(band),
        mag=np.array(mag, dtype=float),
        mag_error=np.array(error, dtype=float),
        limit_mag=np.full(len(rows), np.nan),
        is_limit=np.zeros(len(rows)),
    )
