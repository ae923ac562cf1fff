"""Light curves and hosts of the `needle` commands: parquet files in the layout that README and docs describe."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from iris_client.brokers.history import MJD_0
from iris_client.brokers.words import band as short_band
from iris_client.brokers.words import numbered_band, truth
from models.domain import PHOTO_Z_ERROR, Host, LightCurve

NEEDED = ("object_id", "mjd", "band", "mag")
NUMBERS = ("ra", "dec", "mjd", "mag", "magerr", "limmag", "ebv_mw", "redshift", "mag_obs")
TEXTS = ("object_id", "band", "needle3", "class", "subclass", "source", "phot_type", "telescope", "quality")
ABOUT = ("needle3", "class", "subclass", "source", "phot_type", "redshift", "telescope", "quality")
ALIASES = {
    "objectId": "object_id", "oid": "object_id", "jd": "mjd", "filter": "band", "filtercode": "band", "fid": "band",
    "magpsf": "mag", "sigmapsf": "magerr", "mag_err": "magerr", "diffmaglim": "limmag", "limiting_mag": "limmag",
}  # fmt: skip
"""ZTF's, its archive's and SkyPortal's names of the columns, for files without ours."""
MOST_ROWS = 20_000_000
FLAGS = ("is_limit", "primary", "isdiffpos")
_NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a", "--"})
FILL_MAG = 90.0
JD_RANGE = (2_400_000.5, 2_500_000.0)
HOST_BANDS = ("u", "g", "r", "i", "z", "y")
MAG_RANGE = (5.0, 30.0)
MAX_SEPARATION_ARCSEC = 60.0
NEAREST_SOURCE = "ZTF alert packet (PS1)"
"""Rows of this source name the nearest catalogue object, often a star: a host only if it looks like a galaxy nearby."""
NOT_ZTF = "literature_nonZTF"
NEAREST_GALAXY_SCORE, NEAREST_ARCSEC = 0.5, 10.0


class NeedleInputError(ValueError):
    """The file as a whole cannot be used: unreadable, or without a column that is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One object of a light-curve file.

    Parameters
    ----------
    curve : LightCurve or None
        None when no row could be used; `trouble` then says why.
    ebv_mag : float or None
        None where the file has none.
    notes : tuple of str
        What was taken for what, and what could not be used; for caveats and refusals.
    about : mapping of str to object
        The first value of each text and number column, for training.
    """

    object_id: str
    curve: LightCurve | None
    ra_deg: float | None
    dec_deg: float | None
    ebv_mag: float | None
    dropped_rows: int
    trouble: str | None
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any]


def read_curves(path: Path, *, training: bool = False, preferred: bool = True) -> Iterator[Curve]:
    """Read every object of a file, in the order of their first rows.

    Parameters
    ----------
    training : bool
        Keep the rows of the preferred source only (`primary`), of objects that ZTF saw only what ZTF saw, and take
        `mag_obs` for the magnitude where it is given.
    preferred : bool
        With `training`: False keeps the rows of every source.

    Raises
    ------
    NeedleInputError
        If the file is no parquet or lacks a column.
    """
    with _readable(path):
        columns = _columns(path)
    keep = np.ones(len(columns["object_id"]), bool)
    if training:
        keep &= columns["primary"] | (not preferred)
        keep &= np.array([_survey(t) for t in columns["telescope"]]) | (columns["phot_type"] == NOT_ZTF)
        columns["mag"] = np.where(np.isfinite(columns["mag_obs"]), columns["mag_obs"], columns["mag"])
    names = columns["object_id"]
    order = np.flatnonzero(keep)
    groups: dict[str, list[int]] = {}
    for i in order:
        groups.setdefault(str(names[i]), []).append(int(i))
    for name, rows in groups.items():
        yield _curve(name, {k: v[rows] for k, v in columns.items()})


def read_hosts(path: Path) -> dict[str, Host]:
    """The host of each object: the catalogue row with an offset first, missing bands filled from the others.

    Raises
    ------
    NeedleInputError
        If the file is no parquet or has no `object_id`.
    """
    rows: dict[str, list[Host]] = {}
    with _readable(path):
        for record in _table(path, ("object_id",)).to_pylist():
            host = _host(record)
            if host is not None:
                rows.setdefault(str(record["object_id"]), []).append(host)
    return {name: _joined(found) for name, found in rows.items()}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What a damaged file raises, as the one error that a caller has to know."""
    try:
        yield
    except NeedleInputError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError, MemoryError) as error:
        why = f"{type(error).__name__}: {str(error)[:200]}"
        raise NeedleInputError(f"{path}: not a readable parquet file: {why}") from error


def _table(path: Path, needed: tuple[str, ...]) -> pa.Table:
    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise NeedleInputError(f"{path}: {file.metadata.num_rows} rows, at most {MOST_ROWS} are read at once")
        table = file.read()
    names = list(table.column_names)
    for theirs, ours in ALIASES.items():
        if theirs in names and ours not in names:
            names[names.index(theirs)] = ours
    missing = [name for name in needed if name not in names]
    if missing:
        raise NeedleInputError(f"{path}: no column {', '.join(missing)}; the columns are {', '.join(names)[:200]}")
    return table.rename_columns(names)


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    table = _table(path, NEEDED)
    n = len(table)
    columns: dict[str, NDArray[Any]] = {}
    for name in NUMBERS:
        columns[name] = _numbers(table, name) if name in table.column_names else np.full(n, np.nan)
    with np.errstate(invalid="ignore"):  # 99 and -999 stand for no magnitude
        columns["mag"] = np.where(np.abs(columns["mag"]) >= FILL_MAG, np.nan, columns["mag"])
    for name in TEXTS:
        values = table.column(name).to_pylist() if name in table.column_names else [None] * n
        columns[name] = np.array(["" if v is None else str(v) for v in values], dtype=object)
    for name in FLAGS:
        columns[name] = (
            _flags(table, name, path, columns["mag"]) if name in table.column_names else _default_flags(name, columns)
        )
    return columns


def _default_flags(name: str, columns: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Without the column: no magnitude but a limit is a non-detection; every row is preferred, every one positive."""
    if name == "is_limit":
        return np.asarray(~np.isfinite(columns["mag"]) & np.isfinite(columns["limmag"]))
    return np.ones(len(columns["mag"]), bool)


def _flags(table: pa.Table, name: str, path: Path, mag: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Truth values in any spelling; where a row says nothing, what its magnitude and limit say.

    Raises
    ------
    NeedleInputError
        If a row says something that is neither yes nor no.
    """
    values = table.column(name).to_pylist()
    default = name != "is_limit"
    found = np.full(len(values), default)
    for i, value in enumerate(values):
        said = truth(value)
        if said is not None:
            found[i] = said
        elif value is None or value != value or (isinstance(value, str) and value.strip().lower() in _NOTHING):
            found[i] = default if default else not np.isfinite(mag[i])
        else:
            raise NeedleInputError(f"{path}: {name} is {str(value)[:30]!r} in row {i + 1}; true or false is needed")
    return found


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = table.column(name)
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.asarray(column.cast(pa.float64()).fill_null(np.nan).to_numpy(), float)
    return np.array([_number(v) for v in column.to_pylist()])


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def _curve(name: str, columns: dict[str, NDArray[Any]]) -> Curve:
    bands, notes = _bands(columns["band"])
    columns = {**columns, "band": bands, **_repaired(columns, notes)}
    usable = np.isfinite(columns["mjd"]) & (columns["band"] != "")
    usable &= columns["is_limit"] | np.isfinite(columns["mag"])
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(columns["mjd"][rows], kind="stable")]
    trouble = None
    if not name:
        trouble = "rows without object_id"
    elif not len(rows):
        trouble = _incomplete(columns)
    else:
        trouble = _cannot_be_used(columns, rows)
    return Curve(
        object_id=name,
        curve=None if trouble else _light_curve(rows, columns),
        ra_deg=_first(columns["ra"]),
        dec_deg=_first(columns["dec"]),
        ebv_mag=_first(np.where(columns["ebv_mw"] >= 0, columns["ebv_mw"], np.nan)),
        dropped_rows=int(len(usable) - usable.sum()),
        trouble=trouble,
        notes=tuple(notes),
        about={k: columns[k][0] for k in ABOUT},
    )


def _light_curve(rows: NDArray[np.int64], columns: dict[str, NDArray[Any]]) -> LightCurve:
    return LightCurve(
        mjd=columns["mjd"][rows],
        band=tuple(str(b) for b in columns["band"][rows]),
        mag=np.where(columns["is_limit"][rows], np.nan, columns["mag"][rows]),
        mag_error=columns["magerr"][rows],
        limit_mag=columns["limmag"][rows],
        is_limit=columns["is_limit"][rows].astype(float),
    )


def _survey(telescope: str) -> bool:
    """Whether a row is from the survey, or does not say."""
    return not telescope or telescope.lower().startswith(("p48", "ztf"))


def _bands(names: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """Short names of the bands, and what is to be said about them: filter numbers are read only if all are numbers."""
    given = [str(name).strip() for name in names]
    numbers = {name: numbered_band(name) for name in set(given) if name}
    if numbers and all(numbers.values()):
        said = ", ".join(f"{name} as {letter}" for name, letter in sorted(numbers.items()))
        return np.array([numbers.get(name) or "" for name in given], dtype=object), [f"filter numbers read: {said}"]
    return np.array([short_band(name) if name else "" for name in given], dtype=object), []


def _repaired(columns: dict[str, NDArray[Any]], notes: list[str]) -> dict[str, NDArray[Any]]:
    """Dates as MJD, negative subtractions as non-detections."""
    mjd, limit = columns["mjd"], columns["is_limit"]
    julian = (mjd > JD_RANGE[0]) & (mjd < JD_RANGE[1])
    if julian.any():
        notes.append("dates that are Julian ones (JD) taken as such")
        mjd = np.where(julian, mjd - MJD_0, mjd)
    negative = ~columns["isdiffpos"] & ~limit
    if negative.any():
        notes.append(f"{int(negative.sum())} negative subtractions count as non-detections")
    return {"mjd": mjd, "is_limit": limit | negative}


def _incomplete(columns: dict[str, NDArray[Any]]) -> str:
    """What the rows lack of which none is complete."""
    n = len(columns["mjd"])
    nothing = ~np.isfinite(columns["mag"]) & ~columns["is_limit"]
    lacks = {"mjd": ~np.isfinite(columns["mjd"]), "band": columns["band"] == "", "mag or is_limit": nothing}
    said = ", ".join(f"{int(out.sum())} without {name}" for name, out in lacks.items() if out.any())
    return f"no row has a date, a band, and a magnitude or a limit: of {n} rows {said}"


def _cannot_be_used(columns: dict[str, NDArray[Any]], rows: NDArray[np.int64]) -> str | None:
    """Why rows that are complete give no light curve: filters that are not known, or mostly negative subtractions."""
    bands = [str(band) for band in columns["band"][rows]]
    if not set(bands) & {"g", "r"}:
        found = ", ".join(f"{name!r} ({bands.count(name)})" for name in sorted(set(bands))[:8])
        return f"no row in g or r: the bands are {found}"
    negative = int((~columns["isdiffpos"][rows]).sum())
    detected = int((~columns["is_limit"][rows]).sum())
    if negative > detected:
        return f"{negative} of {negative + detected} subtractions are negative: it is mostly fainter than its reference"
    return None


def _first(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[0]) if len(known) else None


def _host(record: Mapping[str, Any]) -> Host | None:
    mags = {b: value for b in HOST_BANDS if MAG_RANGE[0] < (value := _number(record.get(b))) < MAG_RANGE[1]}
    separation = _number(record.get("sep_arcsec"))
    near = 0 <= separation <= MAX_SEPARATION_ARCSEC
    source = str(record.get("source") or "") or None
    if source == NEAREST_SOURCE:
        galaxy = _number(record.get("galaxy_score")) >= NEAREST_GALAXY_SCORE
        if not galaxy or not separation <= NEAREST_ARCSEC:
            return None
    if not mags.keys() & {"g", "r"}:
        return None
    redshift, error = _redshift(record)
    return Host(
        mags=mags,
        separation_arcsec=separation if near else None,
        redshift=redshift,
        redshift_error=error,
        source=source,
    )


def _redshift(record: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The galaxy's own redshift and its error, from a spectrum first.

    Columns `redshift` and `redshift_src` are the transient's, of the spectrum that named its class: never read.
    """
    specz, photoz, error = (_number(record.get(name)) for name in ("specz", "photoz", "photoz_err"))
    if specz > 0:
        return specz, None
    if photoz > 0:
        return photoz, error if error > 0 else PHOTO_Z_ERROR
    return None, None


def _joined(found: list[Host]) -> Host:
    ranked = sorted(found, key=lambda h: (h.source == NEAREST_SOURCE, h.separation_arcsec is None))
    best = ranked[0]
    mags = {band: mag for host in reversed(ranked) for band, mag in host.mags.items()}
    far = next((host for host in ranked if host.redshift is not None), best)
    return replace(best, mags=mags, redshift=far.redshift, redshift_error=far.redshift_error)
