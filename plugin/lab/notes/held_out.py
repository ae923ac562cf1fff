"""Held-out objects as they were on one night: spectra of the SED Machine, and light curves up to then."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from astropy.coordinates import SkyCoord

from models.domain import LightCurve
from models.training.needle.examples import Labelled
from plugin.lab.needle.data import load as load_needle
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import Json, forced_free_packet

DAYS: Final = 28
"""Spectra taken in so many days up to a night are answered in it."""
RARE_WEIGHT: Final = 4
"""A spectrum of a rare kind counts as so many when the night is chosen."""
_EPOCH: Final = date(1858, 11, 17)
_JD_0: Final = 2400000.5
_NAMED: Final = re.compile(r"(?:SN|AT|TDE)(20\d\d[a-z]+)")
_COLUMNS: Final = ["spec_id", "object_id", "fine_class", "rare_class", "obs_date", "wavelength", "flux"]
_MOST_DAYS: Final = 60.0
_LEAST_DAYS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSpectrum:
    """A spectrum of the SED Machine that no network learned from."""

    name: str
    truth: str
    taken: date
    wavelengths: Any
    fluxes: Any
    ra: float
    dec: float


def held_spectra(data: Path, held: Collection[str]) -> list[HeldSpectrum]:
    """Those of the SED Machine in the test split, and those of rare kinds, of objects with a name of the TNS.

    Parameters
    ----------
    held : collection of str
        Ids of the spectra of the test split.

    Raises
    ------
    OSError
        If a file is missing.
    """
    aux = pq.read_table(data / "sedm_aux.parquet", columns=["spec_id", "ra", "dec"]).to_pylist()
    places = {row["spec_id"]: (row["ra"], row["dec"]) for row in aux if row["ra"] and row["dec"]}
    found = []
    for file in ("spectra_pool_sedm", "spectra_rare_sedm"):
        for row in pq.read_table(data / "spectra" / f"{file}.parquet", columns=_COLUMNS).to_pylist():
            named = _NAMED.fullmatch(row["object_id"])
            is_held = row["rare_class"] is not None or row["spec_id"] in held
            if not is_held or named is None or row["spec_id"] not in places or not row["obs_date"]:
                continue
            ra, dec = _degrees(*places[row["spec_id"]])
            truth = row["fine_class"] or row["rare_class"]
            taken = date.fromisoformat(str(row["obs_date"])[:10])
            arrays = {"wavelengths": np.array(row["wavelength"]), "fluxes": np.array(row["flux"])}
            found.append(HeldSpectrum(name=named[1], truth=truth, taken=taken, ra=ra, dec=dec, **arrays))
    return sorted(found, key=lambda s: (s.taken, s.name))


def fullest_night(spectra: Sequence[HeldSpectrum]) -> tuple[date, list[HeldSpectrum]]:
    """The night with most spectra in the weeks before it, and these; one that is full of rare kinds before others."""
    weight = Counter({s.taken: 0 for s in spectra})
    for night in weight:
        weight[night] = sum(
            1 if s.truth in _KNOWN else RARE_WEIGHT for s in spectra if night - timedelta(days=DAYS) < s.taken <= night
        )
    night = max(sorted(weight), key=lambda day: weight[day])
    return night, [s for s in spectra if night - timedelta(days=DAYS) < s.taken <= night]


def add_spectra(sandbox: Sandbox, spectra: Iterable[HeldSpectrum]) -> None:
    """Put them into a sandbox under the names of the TNS, as if nobody had classified them."""
    for one in spectra:
        if one.name not in sandbox.state.sources:
            sandbox.add_source(one.name, ra=one.ra, dec=one.dec, tns_name=f"AT {one.name}")
        sandbox.add_spectrum(
            one.name,
            wavelengths=one.wavelengths,
            fluxes=one.fluxes,
            observed_at=datetime.combine(one.taken, datetime.min.time()),
            truth=one.truth,
        )


def held_light_curves(data: Path) -> list[Labelled]:
    """Objects of NEEDLE's test split with a position."""
    return [one for one in load_needle(data).test if one.ra_deg is not None and one.dec_deg is not None]


def busiest_night(objects: Sequence[Labelled]) -> tuple[date, list[Labelled]]:
    """The night on which most rare ones had been seen for two days and not for two months, and all such objects."""
    firsts = {one.object_id: float(_detected(one.curve).min()) for one in objects}
    rare = [firsts[one.object_id] for one in objects if one.label > 0]
    nights = sorted({int(first) + 20 for first in rare})
    night = max(nights, key=lambda mjd: sum(_LEAST_DAYS <= mjd - first <= _MOST_DAYS for first in rare))
    chosen = [one for one in objects if _LEAST_DAYS <= night - firsts[one.object_id] <= _MOST_DAYS]
    return _EPOCH + timedelta(days=night), chosen


def add_light_curves(sandbox: Sandbox, objects: Iterable[Labelled], night: date, *, first: int = 1) -> None:
    """Put what was known by the night into a sandbox: photometry, and an alert for the last detection; no stamps.

    Parameters
    ----------
    first : int
        The number of the first alert; each must be given once.
    """
    end = float((night - _EPOCH).days) + 0.99
    for number, one in enumerate(objects, first):
        sandbox.add_source(one.object_id, ra=one.ra_deg or 0.0, dec=one.dec_deg or 0.0)
        curve = one.curve
        rows = [_row(curve, int(i)) for i in np.flatnonzero(curve.mjd <= end) if curve.band[i] in "gr"]
        for row in rows:
            sandbox.add_photometry(
                one.object_id,
                mjd=row["jd"] - _JD_0,
                band=f"ztf{row['band']}",
                mag=row.get("magpsf"),
                magerr=row.get("sigmapsf"),
                limiting_mag=row["diffmaglim"],
            )
        last = max((r for r in rows if "magpsf" in r), key=lambda r: r["jd"])
        history = [r for r in rows if r["jd"] < last["jd"]]
        place = {"ra": one.ra_deg, "dec": one.dec_deg, "xpos": 900.0, "ypos": 900.0}
        sandbox.add_alert(forced_free_packet(one.object_id, number, last | place | _host(one), history))
        sandbox.object_truths[one.object_id] = one.kind


_KNOWN: Final = frozenset({"SN Ia", "SN Ibc", "SLSN", "SN II", "AGN", "CV", "TDE"})


def _degrees(ra: str, dec: str) -> tuple[float, float]:
    """Of hours and degrees with minutes and seconds."""
    place = SkyCoord(ra, dec, unit=("hourangle", "deg"))
    return float(place.ra.deg), float(place.dec.deg)


def _detected(curve: LightCurve) -> Any:
    return curve.mjd[(curve.is_limit == 0) & np.isfinite(curve.mag)]


def _row(curve: LightCurve, i: int) -> Json:
    limit = float(curve.limit_mag[i])
    row: Json = {"jd": float(curve.mjd[i]) + _JD_0, "fid": 1 if curve.band[i] == "g" else 2, "band": curve.band[i]}
    row |= {"programid": 1, "diffmaglim": limit if np.isfinite(limit) else 20.5}
    if curve.is_limit[i] == 0 and np.isfinite(curve.mag[i]):
        error = float(curve.mag_error[i])
        row |= {"magpsf": float(curve.mag[i]), "sigmapsf": error if np.isfinite(error) else 0.1, "isdiffpos": "t"}
    return row


def _host(one: Labelled) -> Json:
    host = one.host
    if host is None or host.separation_arcsec is None:
        return {}
    row: Json = {"distpsnr1": host.separation_arcsec, "sgscore1": 0.05, "simag1": -999.0, "szmag1": -999.0}
    return row | {"sgmag1": host.mags.get("g", -999.0), "srmag1": host.mags.get("r", -999.0)}
