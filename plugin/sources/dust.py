"""The dust map of Schlegel, Finkbeiner and Davis (1998), where the operator has its two files."""

from pathlib import Path
from typing import Final

from models.needle.objects import Reddening

FILES: Final = ("SFD_dust_4096_ngp.fits", "SFD_dust_4096_sgp.fits")
MAP_RANGE_MAG: Final = (0.0, 200.0)


class DustMapError(ValueError):
    """The folder lacks a file of the map, or the package that reads it is not installed."""


def dust_map(folder: Path) -> Reddening:
    """E(B-V) in magnitudes by right ascension and declination in degrees, ICRS; None where the map has no number.

    Values are those of the map as it was published, without the factor 0.86 of Schlafly and Finkbeiner (2011): their
    coefficients, which NEEDLE uses, are for it. A hemisphere is read when a position in it is asked for, and takes
    64 MiB of memory.

    Raises
    ------
    DustMapError
        If a file is missing, or the extra `dust` is not installed.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise DustMapError(f"{folder} has no {' and no '.join(missing)}")
    try:
        from sfdmap2.sfdmap import SFDMap
    except ImportError as error:
        raise DustMapError("reading a dust map needs the extra `dust` (sfdmap2)") from error
    read = SFDMap(str(folder), scaling=1.0)

    def reddening(ra_deg: float, dec_deg: float) -> float | None:
        low, high = MAP_RANGE_MAG
        value = float(read.ebv(ra_deg, dec_deg))
        return value if low <= value <= high else None

    return reddening
