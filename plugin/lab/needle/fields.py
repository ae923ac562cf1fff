"""Real fields for semi-real images, from the good stamps of the data folder, and which split each belongs to."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from models.needle.images.quality import Checker
from models.needle.images.stamps import ImageError, background, central
from models.training.needle.semireal import Field, empty_field, zero_difference
from plugin.lab.needle.stamps import INDEX, AlertStamps, read_stamps

TEST: Final = -1
"""The `fold` of fields that only test images may use."""
TEST_SHARE: Final = 0.25
ZERO_MAGS: Final = (24.0, 27.5)
MAX_SEEING_PIXELS: Final = 5.0
MAX_SKY_SIGMA: Final = 40.0
REFERENCE_ZERO_OFFSET: Final = -0.07
"""Median of what `zero_difference` finds: for fields without stars to measure it on."""
HOSTS_TABLE, SIZE_SOURCE = "hosts.parquet", "gmzsebastian/FLEET"


def read_fields(data: Path, checker: Checker, known: Mapping[str, int], folds: int) -> list[Field]:
    """Every usable field of `DATA/ztf`, emptied.

    Parameters
    ----------
    checker : Checker
        Both stamps of a field must be good.
    known : mapping of str to int
        Fold, or `TEST`, of the objects that have a light curve; others are assigned by a hash of their name.
    """
    table = pq.read_table(data / "ztf" / INDEX, columns=["candid", "magzpsci", "fwhm", "object_id"]).to_pylist()
    rows = {str(row["candid"]): row for row in table}
    found = []
    for alert in read_stamps(data):
        row = rows.get(alert.cutouts.candid) if alert.cutouts else None
        field = _field(alert, row, checker) if row else None
        if row and field:
            canonical = str(row["object_id"] or alert.object_id)
            fold = known.get(canonical, known.get(alert.object_id, hashed_fold(alert.object_id, folds)))
            found.append(replace(field, fold=fold))
    return found


def by_band(fields: list[Field]) -> dict[str, list[Field]]:
    """Fields in g and in r."""
    return {band: [f for f in fields if f.band == band] for band in ("g", "r")}


def hashed_fold(name: str, folds: int) -> int:
    """A fold, or `TEST`, that is the same for a name on every machine."""
    share = int(hashlib.sha256(name.encode()).hexdigest()[:12], 16) / 16**12
    return TEST if share < TEST_SHARE else int((share - TEST_SHARE) / (1 - TEST_SHARE) * folds)


def radii(data: Path) -> dict[str, float]:
    """Half-light radius of each host, arcsec, where a catalogue has one."""
    table = pq.read_table(data / "ztf" / HOSTS_TABLE, columns=["object_id", "source", "radius_arcsec"]).to_pylist()
    return {
        row["object_id"]: float(row["radius_arcsec"])
        for row in table
        if row["source"] == SIZE_SOURCE and (row["radius_arcsec"] or 0) > 0
    }


def _field(alert: AlertStamps, row: Mapping[str, Any], checker: Checker) -> Field | None:
    cutouts = alert.cutouts
    zero, seeing = row["magzpsci"] or 0.0, row["fwhm"] or 0.0
    if cutouts is None or cutouts.science is None or cutouts.template is None:
        return None
    if not ZERO_MAGS[0] < zero < ZERO_MAGS[1] or not 0 < seeing <= MAX_SEEING_PIXELS:
        return None
    try:
        science, reference = (central(s, cutouts.center_yx) for s in (cutouts.science, cutouts.template))
    except ImageError:
        return None
    if not all(quality.good for quality in checker.judge([science, reference])):
        return None
    if background(science).sigma > MAX_SKY_SIGMA:
        return None
    offset = zero_difference(science, reference)
    offset = REFERENCE_ZERO_OFFSET if offset is None or not np.isfinite(offset) or abs(offset) > 1 else offset
    whole = Field(
        object_id=alert.object_id,
        band=cutouts.band,
        science=science,
        reference=reference,
        science_zero_mag=float(zero),
        reference_zero_mag=float(zero) + offset,
        seeing_pixels=float(seeing),
    )
    seed = int(hashlib.sha256(cutouts.candid.encode()).hexdigest()[:12], 16)
    return empty_field(whole, np.random.default_rng(seed))
