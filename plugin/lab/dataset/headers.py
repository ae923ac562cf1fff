"""What the SED Machine's own pipeline wrote beside its spectra: exposure, quality, and the answer of SNID.

SNID: Blondin & Tonry 2007, ApJ 666, 1024; pysedm: Rigault et al. 2019, A&A 627, A115.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from iris_client.taxonomy.names import translate
from plugin.lab.dataset.noise_curves import FILE

_COLUMNS = ("spec_id", "exptime", "quality", "snidmatchtype", "snidmatchsubtype", "snidmatchrlap", "snidmatchredshift")
_HIGHEST_REDSHIFT_OF_AN_AGN = 0.5
"""A quasar beyond is none of the seven classes, as in the labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Of one spectrum; NaN where the file says nothing.

    Parameters
    ----------
    exposure_s : float
    quality : float
        0 is good, 5 is bad.
    snid : str or None
        Fine class of SNID's best match; None for no match and for what is none of the seven.
    rlap : float
        How good SNID finds its match.
    redshift : float
        Of SNID's best match.
    """

    exposure_s: float
    quality: float
    snid: str | None
    rlap: float
    redshift: float = float("nan")


def read_headers(folder: Path) -> Mapping[str, Header]:
    """By spectrum; empty for a data folder without them."""
    path = folder / FILE
    if not path.exists():
        return {}
    rows = pq.read_table(path, columns=list(_COLUMNS)).to_pylist()
    return {
        row["spec_id"]: Header(
            exposure_s=_number(row["exptime"]),
            quality=_number(row["quality"]),
            snid=snid_class(row["snidmatchtype"], row["snidmatchsubtype"], _number(row["snidmatchredshift"])),
            rlap=_number(row["snidmatchrlap"]),
            redshift=_number(row["snidmatchredshift"]),
        )
        for row in rows
    }


def snid_class(kind: str | None, subtype: str | None, redshift: float) -> str | None:
    """Our class for a type and subtype of SNID; None for no match, galaxies, stars and impostors."""
    if kind == "QSO":
        return "AGN" if redshift < _HIGHEST_REDSHIFT_OF_AN_AGN else None
    if kind == "Ia" and subtype == "csm":
        return translate("Ia-CSM").fine
    # SNID's "M" and "C" are stars, its "Gal" a galaxy: no name of ours, and no match with any of the seven.
    return translate(kind).fine if kind and kind not in ("NONE", "Gal", "M", "C", "typename") else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
