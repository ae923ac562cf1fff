"""Filling the sandbox: with real spectra from a parquet file, or with simulated ones."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from models.simulation import SimulatedSpectrum, draw, draw_again
from plugin.sandbox.parquet import rows
from plugin.sandbox.sandbox import Sandbox

_COLUMNS = (
    "spec_id", "object_id", "fine_class", "rare_class", "raw_type", "redshift", "mjd", "obs_date", "instrument",
    "origin", "wavelength", "flux", "error",
)  # fmt: skip
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_\-;:+.]+")
_UNDATED = datetime(2000, 1, 1)
_MJD_EPOCH = datetime(1858, 11, 17)
ODD_KINDS = ("blazar", "noise", "M dwarf", "low coverage", "galaxy")
"""The strange ones every simulated sandbox has."""

HUMAN_CLASSES: Mapping[str, str] = {
    "SN Ia": "Ia",
    "SN Ibc": "Ib/c",
    "SLSN": "Ic-SLSN",
    "SN II": "Type II",
    "AGN": "AGN",
    "CV": "Cataclysmic",
    "TDE": "Tidal Disruption Event",
}
"""What a person would choose in the marshal's taxonomy for each class."""


def load_parquet(sandbox: Sandbox, path: Path, *, limit: int | None = None) -> int:
    """Put the spectra of a parquet file into the sandbox; returns how many.

    Column `object_id` becomes the source (made once, saved to the main group), `fine_class` or `rare_class` goes into
    `sandbox.truths` and nowhere into the marshal. `spec_id` is kept in `altdata`. Missing columns are fine, except
    `wavelength` and `flux`.
    """
    count = 0
    for row in rows(path, _COLUMNS):
        if limit is not None and count >= limit:
            break
        source = _NOT_IN_IDS.sub("_", str(row["object_id"] or row["spec_id"] or f"row{count}"))
        if source not in sandbox.state.sources:
            ra, dec = _place(len(sandbox.state.sources))
            sandbox.add_source(source, ra=ra, dec=dec, redshift=row["redshift"])
        sandbox.add_spectrum(
            source,
            wavelengths=() if row["wavelength"] is None else row["wavelength"],
            fluxes=() if row["flux"] is None else row["flux"],
            errors=row["error"],
            observed_at=_observed_at(row),
            origin=row["origin"],
            altdata={"spec_id": row["spec_id"], "instrument": row["instrument"]},
            truth=row["fine_class"] or row["rare_class"],
        )
        count += 1
    return count


def last_night(now: datetime) -> datetime:
    """04:00 UTC of the latest night that is over, naive as SkyPortal's own times."""
    return (now - timedelta(hours=12)).replace(hour=4, minute=0, second=0, microsecond=0, tzinfo=None)


def load_simulated(sandbox: Sandbox, *, n_sources: int = 40, seed: int = 0, night: datetime | None = None) -> int:
    """Fill the sandbox with simulated sources observed in one night, the last one by default; returns the number.

    The last few are odd on purpose (`ODD_KINDS`). A third of the others have another spectrum some nights before,
    half have a redshift, every seventh was classified by a person, and the supernovae have a light curve.
    Every spectrum says `simulated` in `origin` and `altdata`.
    """
    odd = ODD_KINDS[: max(0, n_sources - 1)] if n_sources < 2 * len(ODD_KINDS) else ODD_KINDS
    firsts = draw(n_sources - len(odd), seed, odd=odd)
    before = len(sandbox.state.spectra)
    rng = np.random.default_rng(seed)
    night = night or last_night(datetime.now(UTC))
    for i, first in enumerate(firsts):
        source = f"ZTF26sim{_letters(i)}"
        ordinary = first.kind not in ODD_KINDS
        ra, dec = _place(i)
        redshift = first.redshift if ordinary and i % 2 == 0 else None
        came_from = None if redshift is None else "simulated host"
        sandbox.add_source(
            source, ra=ra, dec=dec, redshift=redshift, altdata={"simulated": True}, redshift_origin=came_from
        )
        when = night + timedelta(minutes=11 * i % 420)
        if ordinary and i % 3 == 0:
            _add(sandbox, source, draw_again(first, seed + 1000 + i), when - timedelta(days=float(rng.integers(4, 12))))
        _add(sandbox, source, first, when)
        if ordinary and i % 7 == 3:
            sandbox.add_classification(source, HUMAN_CLASSES[first.label])
        if first.label.startswith(("SN", "SLSN", "TDE")):
            _light_curve(sandbox, source, when, rng)
    return len(sandbox.state.spectra) - before


def _add(sandbox: Sandbox, source: str, drawn: SimulatedSpectrum, when: datetime) -> None:
    raw: Any = drawn.raw
    number = sandbox.add_spectrum(
        source,
        wavelengths=raw.wavelengths,
        fluxes=raw.fluxes,
        errors=raw.errors,
        units=raw.units,
        kind=raw.kind,
        observed_at=when,
        origin="simulated",
        label=f"simulated SEDM {when:%Y-%m-%d}",
        altdata={"simulated": True},
        truth=drawn.label,
    )
    sandbox.kinds[str(number)] = drawn.kind


def _light_curve(sandbox: Sandbox, source: str, peak: datetime, rng: np.random.Generator) -> None:
    """A plain rise and decline in g and r about the night of the spectrum, with a few limits before."""
    mjd, brightest = (peak - _MJD_EPOCH).total_seconds() / 86400.0, float(rng.uniform(17.0, 18.8))
    for day in (-24, -21, -18):
        sandbox.add_photometry(source, mjd=mjd + day, band="ztfr", limiting_mag=round(float(rng.uniform(20, 20.8)), 2))
    for day in range(-15, 1, 3):
        fading = 0.012 * day * day + 0.03 * float(rng.normal())
        for band, colour in (("ztfg", 0.0), ("ztfr", 0.12)):
            mag = round(min(brightest + fading + colour, 20.3), 3)
            sandbox.add_photometry(source, mjd=mjd + day + 0.02, band=band, mag=mag, magerr=0.06)


def _observed_at(row: Mapping[str, Any]) -> datetime:
    if row["mjd"] is not None:
        return _MJD_EPOCH + timedelta(days=float(row["mjd"]))
    if row["obs_date"] is None:
        return _UNDATED
    return datetime.fromisoformat(str(row["obs_date"])).replace(tzinfo=None)


def _place(i: int) -> tuple[float, float]:
    """Positions spread over the northern sky, never two within a degree for the first few thousand."""
    return round((i * 137.50776) % 360.0, 5), round(-15.0 + (i * 1.61803) % 80.0, 5)


def _letters(i: int) -> str:
    return "".join(chr(ord("a") + (i // 26**k) % 26) for k in (2, 1, 0))
