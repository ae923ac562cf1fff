"""What the data folder tells of the sources of labelled spectra: time, place, light curves, what lies there."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from iris_client.taxonomy.names import translate
from models.domain import Target
from models.domain.joined import Surrounding
from models.joined.evidence import surrounding
from models.training.dataset import Dataset
from plugin.lab.dataset.contested import CATALOGUE, bare
from plugin.lab.luminosity.curves import Curves, read_curves

AUXILIARY: Final = "sedm_aux.parquet"
HOSTS: Final = Path("ztf", "hosts.parquet")
HOSTS_FROM: Final = "gmzsebastian/FLEET"
"""The one table of hosts with supernovae and cataclysmic variables alike, and a score of star or galaxy."""
ALERTS: Final = Path("ztf", "alerts_index.parquet")
SAME_DEG: Final = 2.0 / 3600.0
_COLUMNS: Final = ("spec_id", "object_id", "aliases", "mjd")


@dataclass(frozen=True, slots=True)
class Nearest:
    """The catalogue source that lies at an object's place: star score, arcsec, and the object's class."""

    star_score: float
    arcsec: float
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """By bare name.

    Parameters
    ----------
    taken : mapping of str to float
        MJD of each spectrum, by its id.
    names : mapping of str to tuple of str
        Bare names of the object of each spectrum, by its id.
    places : mapping of str to (float, float)
        Right ascension and declination, degrees.
    nearest : mapping of str to Nearest
    """

    taken: Mapping[str, float]
    names: Mapping[str, tuple[str, ...]]
    places: Mapping[str, tuple[float, float]]
    nearest: Mapping[str, Nearest]
    curves: Curves

    def around(self, spec_id: str, group: str) -> tuple[Surrounding, float | None]:
        """What is known of a spectrum's source, and when the spectrum was taken."""
        names = (*self.names.get(spec_id, ()), bare(group))
        place = next((self.places[n] for n in names if n in self.places), (None, None))
        curve = next((self.curves.names[n] for n in names if n in self.curves.names), "")
        near = next((self.nearest[n] for n in names if n in self.nearest), None)
        found = surrounding(
            Target(target_id=group, ra_deg=place[0], dec_deg=place[1]),
            self.curves.curves.get(curve),
            star_score=None if near is None else near.star_score,
            nearest_arcsec=None if near is None else near.arcsec,
        )
        taken = self.taken.get(spec_id, math.nan)
        return found, taken if math.isfinite(taken) else None

    def strangers(self, data: Dataset) -> dict[str, Nearest]:
        """Catalogue sources at the places of objects that have no spectrum here, by name or within two arcsec."""
        mine = {name for i, g in zip(data.ids, data.groups, strict=True) for name in (*self.names.get(i, ()), bare(g))}
        taken = np.array([self.places[n] for n in mine if n in self.places]).reshape(-1, 2)
        known = {id(near) for name, near in self.nearest.items() if name in mine}
        out: dict[str, Nearest] = {}
        for name, near in self.nearest.items():
            place = self.places.get(name)
            if id(near) not in known and not (place and _near(place, taken)):
                out[name] = near
            known.add(id(near))
        return out


def read_sources(folder: Path) -> Sources:
    """Everything there is in a data folder.

    Raises
    ------
    ValueError
        If there are no light curves.
    """
    taken: dict[str, float] = {}
    names: dict[str, tuple[str, ...]] = {}
    for path in sorted((folder / "spectra").glob("*.parquet")):
        for row in _rows(path, _COLUMNS):
            taken[row["spec_id"]] = math.nan if row["mjd"] is None else float(row["mjd"])
            names[row["spec_id"]] = tuple(map(bare, filter(None, [row["object_id"], *_split(row["aliases"])])))
    places: dict[str, tuple[float, float]] = {}
    for row in _rows(folder / AUXILIARY, ("spec_id", "ztf_id", "ra", "dec")):
        names[row["spec_id"]] = (*names.get(row["spec_id"], ()), bare(row["ztf_id"]))
        if row["ra"] and row["dec"]:
            places[bare(row["ztf_id"])] = (15.0 * _sexagesimal(row["ra"]), _sexagesimal(row["dec"]))
    others = {}
    for row in _rows(folder / CATALOGUE, ("object_id", "ztf_ids", "iau", "other", "cls", "ra", "dec")):
        each = [bare(n) for k in ("object_id", "ztf_ids", "iau", "other") for n in _split(row[k])]
        others[row["object_id"]] = (each, translate(row["cls"] or "").fine)
        if row["ra"] is not None and row["dec"] is not None:
            places.update({name: (row["ra"], row["dec"]) for name in each if name not in places})
    return Sources(
        taken=taken, names=names, places=places, nearest=_nearest(folder, others), curves=read_curves(folder)
    )


def _nearest(folder: Path, others: Mapping[str, tuple[list[str], str | None]]) -> dict[str, Nearest]:
    """By every name of an object; the alert's own catalogue where there is an alert, as at run time."""
    found: dict[str, Nearest] = {}
    for row in _rows(folder / HOSTS, ("object_id", "sep_arcsec", "galaxy_score", "source")):
        if row["source"] == HOSTS_FROM and row["sep_arcsec"] is not None and row["galaxy_score"] is not None:
            found[row["object_id"]] = Nearest(1.0 - row["galaxy_score"], row["sep_arcsec"], None)
    for row in _rows(folder / ALERTS, ("object_id", "sgscore1", "distpsnr1", "class")):
        if row["class"] and row["sgscore1"] is not None and row["distpsnr1"] is not None:
            found[row["object_id"]] = Nearest(row["sgscore1"], row["distpsnr1"], translate(row["class"]).fine)
    out: dict[str, Nearest] = {}
    for name, near in found.items():
        names, label = others.get(name, ([bare(name)], near.label))
        told = replace(near, label=label or near.label)
        out.update(dict.fromkeys({bare(name), *names}, told))
    return out


def _rows(path: Path, columns: Iterable[str]) -> list[dict[str, Any]]:
    return pq.read_table(path, columns=list(columns)).to_pylist() if path.exists() else []


def _split(text: str | None) -> list[str]:
    return [name for name in re.split(r"[|,; ]", text or "") if name]


def _sexagesimal(text: str) -> float:
    first, minutes, seconds = (float(part) for part in text.split(":"))
    size = abs(first) + minutes / 60.0 + seconds / 3600.0
    return -size if text.strip().startswith("-") else size


def _near(place: tuple[float, float], others: np.ndarray) -> bool:
    if not len(others):
        return False
    across = ((others[:, 0] - place[0] + 180.0) % 360.0 - 180.0) * math.cos(math.radians(place[1]))
    return bool((np.hypot(across, others[:, 1] - place[1]) < SAME_DEG).any())
