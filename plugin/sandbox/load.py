"""Filling the sandbox: with real spectra from a parquet file, or with simulated ones."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from models.simulation import SimulatedSpectrum, draw, draw_again
from plugin.sandbox.brokers.light_curves import LAST_DAY, NEEDLE_TRUTH, SHAPES, alerts, light_curve
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

CANDIDATE_CLASSES = ("TDE", "SN Ia", "SLSN", "SN II")
"""What objects without a spectrum are, in turn."""

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


def load_simulated(
    sandbox: Sandbox, *, n_sources: int = 40, seed: int = 0, night: datetime | None = None, candidates: int = 0
) -> int:
    """Fill the sandbox with simulated sources observed in one night, the last one by default; returns the number.

    The last few are odd on purpose (`ODD_KINDS`). A third of the others have another spectrum some nights before,
    half have a redshift, every seventh was classified by a person. The supernovae and TDEs have a light curve, and
    alerts with stamps at the broker. Every spectrum says `simulated` in `origin` and `altdata`.

    Parameters
    ----------
    candidates : int
        So many further objects have alerts and no spectrum, and nobody has saved them: like most that are found.
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
        if first.label in SHAPES:
            _alerts(sandbox, source, first.label, when, [seed, i], kind=first.kind.rpartition("/")[2])
    for i in range(n_sources, n_sources + candidates):
        source, (ra, dec) = f"ZTF26sim{_letters(i)}", _place(i)
        sandbox.add_source(source, ra=ra, dec=dec, group_ids=(), altdata={"simulated": True})
        label = CANDIDATE_CLASSES[(i - n_sources) % len(CANDIDATE_CLASSES)]
        _alerts(sandbox, source, label, night + timedelta(minutes=11 * i % 420), [seed, i])
        sandbox.add_candidate(source)
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


def _alerts(sandbox: Sandbox, source: str, label: str, when: datetime, seed: list[int], *, kind: str = "max") -> None:
    """A light curve that ends a few hours before `when`, in the marshal and in alerts at the broker."""
    shape, place = SHAPES[label], sandbox.state.sources[source]
    last = (when - _MJD_EPOCH).total_seconds() / 86400.0 - 0.1
    peak, brightest = last - LAST_DAY.get(kind, 1.0), float(np.random.default_rng(seed).uniform(17.0, 18.6))
    points = light_curve(shape, peak, last, brightest, seed)
    for point in points:
        error = None if point.mag is None else point.error
        sandbox.add_photometry(
            source, mjd=point.mjd, band=f"ztf{point.band}", mag=point.mag, magerr=error, limiting_mag=point.limit
        )
    for packet in alerts(source, points, shape, ra=place.ra, dec=place.dec, seed=seed):
        sandbox.add_alert(packet)
    sandbox.object_truths[source] = NEEDLE_TRUTH[label]


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
