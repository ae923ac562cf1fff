"""Every table of light curves of the data folder as labelled objects: one kind of photometry for every class.

An object may come with two curves, such as a published one and that of its alerts: both have its name. The alerts are
what the service sees, so they stand beside whatever else there is, and the test takes them where it can.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from models.domain import NEEDLE_CLASSES, Host
from models.training.needle.examples import Labelled
from plugin.batch.needle_files import NOT_ZTF, Curve, read_curves

FIRST: Final = "lightcurves.parquet"
FORCED: Final = ("lightcurves_extra.parquet", "lightcurves_extra2.parquet")
ALERTS: Final = ("lightcurves_alerce.parquet", "lightcurves_alerce_ia.parquet")
ALERT: Final = "alert_diff"
MAX_SLSN_REDSHIFT: Final = 0.6
"""Farther ones, of deeper surveys, are nothing that ZTF finds."""
EXTINCTION_V: Final = 3.19
"""A_V of the BTS table over the E(B-V) of the other tables, measured on 178 objects of both."""
UNTAUGHT: Final = {"SLSN-II": 0}
"""Kinds that are told where they land, and are neither trained on nor in any figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """Places and reddening by object, and names of one object, from the catalogues of the folder."""

    places: Mapping[str, tuple[float, float]]
    ebv_mag: Mapping[str, float]
    names: tuple[tuple[str, ...], ...]


def first_table(folder: Path, hosts: Mapping[str, Host]) -> list[Labelled]:
    """The labelled objects of `lightcurves.parquet`, its preferred source each."""
    return [
        labelled(c, hosts.get(c.object_id))
        for c in read_curves(folder / "ztf" / FIRST, training=True)
        if c.curve is not None and c.about["needle3"] in NEEDLE_CLASSES and _near(c, unknown=False)
    ]


def other_tables(folder: Path, hosts: Mapping[str, Host], first: Mapping[str, Labelled]) -> list[Labelled]:
    """New objects, and the alerts of known ones whose photometry is of another kind.

    Objects whose type two catalogues give differently are left out.
    """
    found: list[Labelled] = []
    known = {name: one.label for name, one in first.items()}
    alerts = {name for name, one in first.items() if one.phot_type == ALERT}
    for name in (*FORCED, *ALERTS):
        path = folder / "ztf" / name
        if not path.exists():
            continue
        for curve in _usable(path):
            one = labelled(curve, hosts.get(curve.object_id))
            if known.setdefault(one.object_id, one.label) == one.label and one.object_id not in alerts:
                found.append(one)
                alerts |= {one.object_id} if one.phot_type == ALERT else set()
    return found


def untaught(folder: Path, hosts: Mapping[str, Host]) -> list[Labelled]:
    """Objects of kinds that no model knows, each once, from alerts first; labelled as SN, which they are not quite."""
    found: dict[str, Labelled] = {}
    for name in (*ALERTS, *FORCED, FIRST):
        path = folder / "ztf" / name
        for curve in read_curves(path, training=True, preferred=name not in ALERTS) if path.exists() else ():
            if curve.curve is not None and curve.about["class"] in UNTAUGHT:
                found.setdefault(curve.object_id, labelled(curve, hosts.get(curve.object_id)))
    return list(found.values())


def labelled(curve: Curve, host: Host | None) -> Labelled:
    """One curve with its class."""
    assert curve.curve is not None
    about, redshift = curve.about, float(curve.about["redshift"])
    kind = str(about["class"])
    return Labelled(
        object_id=curve.object_id,
        label=UNTAUGHT[kind] if kind in UNTAUGHT else NEEDLE_CLASSES.index(about["needle3"]),
        kind=kind,
        subclass=str(about["subclass"]) or kind,
        curve=curve.curve,
        ebv_mag=curve.ebv_mag,
        ra_deg=curve.ra_deg,
        dec_deg=curve.dec_deg,
        redshift=redshift if redshift > 0 else None,
        host=host,
        source=str(about["source"]),
        phot_type=str(about["phot_type"]),
        survey=about["phot_type"] != NOT_ZTF,
    )


def read_sky(folder: Path) -> Sky:
    """Places, reddening and names from `bts_catalog`, `crossid` and `hosts_yse`, where they are there."""
    places: dict[str, tuple[float, float]] = {}
    ebv: dict[str, float] = {}
    names: list[tuple[str, ...]] = []
    for row in _rows(folder / "ztf" / "hosts_yse.parquet"):
        _put(ebv, row["object_id"], row["ebv"], 1.0)
        places |= _place(row)
        names.append((row["object_id"], *_iau(row["iau"])))
    for row in _rows(folder / "ztf" / "bts_catalog.parquet"):
        _put(ebv, row["object_id"], row["A_V"], EXTINCTION_V)
        places |= _place(row)
    for row in _rows(folder / "ztf" / "crossid.parquet"):
        places |= _place(row)
        others = [n.strip() for key in ("ztf_ids", "other") for n in (row[key] or "").split(";") if n.strip()]
        names.append((row["object_id"], *others, *_iau(row["iau"])))
    return Sky(places=places, ebv_mag=ebv, names=tuple(names))


def _usable(path: Path) -> Iterator[Curve]:
    for curve in read_curves(path, training=True, preferred=path.name not in ALERTS):
        about = curve.about
        if curve.curve is None or about["needle3"] not in NEEDLE_CLASSES or "conflict" in about["quality"]:
            continue
        if about["phot_type"] != NOT_ZTF and _near(curve, unknown=True):
            yield curve


def _near(curve: Curve, *, unknown: bool) -> bool:
    """Whether it may count: what is not of ZTF only teaches SNe; SLSNe-I only where ZTF sees them."""
    label, redshift = curve.about["needle3"], float(curve.about["redshift"])
    if curve.about["phot_type"] == NOT_ZTF:
        return bool(label == "SN")
    return bool(label != "SLSN-I" or redshift < MAX_SLSN_REDSHIFT or (unknown and not redshift > 0))


def _rows(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist() if path.exists() else []


def _place(row: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    ra, dec = row["ra"], row["dec"]
    known = ra is not None and dec is not None and ra == ra and dec == dec
    return {row["object_id"]: (float(ra), float(dec))} if known else {}


def _put(into: dict[str, float], name: str, value: object, unit: float) -> None:
    try:
        number = float(value) / unit  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return
    if number >= 0:
        into.setdefault(name, number)


def _iau(name: str | None) -> tuple[str, ...]:
    """Both spellings that an object of the tables may have for a name such as 2019bgj."""
    bare = (name or "").removeprefix("SN").removeprefix("AT").strip()
    return (f"SN{bare}", f"AT{bare}") if bare[:4].isdigit() else ()
