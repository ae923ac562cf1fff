"""Spectra in FITS tables: a column each for wavelength, flux and what goes with them, a pixel a row or all in one."""

from dataclasses import replace
from typing import Any

import numpy as np

from iris_client.files.columns import choose
from iris_client.files.fits_axis import dispersion
from iris_client.files.fits_parts import MOST_PIXELS, Part, label, native, rank_of, text
from iris_client.files.names import Column
from iris_client.files.trouble import Unreadable


def from_table(hdu: Any, number: int) -> Part | None:
    """The spectrum of a table, as SDSS (`loglam`, `flux`, `ivar`), ESO (`WAVE`, `FLUX`, `ERR`, all in one row), PypeIt
    (`OPT_WAVE`, `OPT_FLAM`) or specutils (`spectral_axis`, `flux`, `uncertainty`) write it; None when it holds none.

    Raises
    ------
    Unreadable
        If it holds several, or two columns could be the flux.
    """
    names = [str(name) for name in hdu.columns.names]
    choice = choose(names, [text(column.unit) for column in hdu.columns])
    if "flux" not in choice.at or not len(hdu.data):
        return None
    values = {role: _column(hdu, names[i]) for role, i in choice.at.items()}
    flux = values["flux"]
    read_as, unit = None, None
    if choice.axis is None:
        if "CRVAL1" not in hdu.header and "COEFF0" not in hdu.header:
            return None
        axis = dispersion(hdu.header, len(flux))
        choice = replace(
            choice,
            at={**choice.at, "wavelength": len(names)},
            columns=[*choice.columns, Column(name="", role="wavelength", words=frozenset())],
        )
        values["wavelength"], unit, read_as = axis.wavelengths, axis.unit, axis.read_as
    if flux.ndim != 1:
        raise Unreadable(f"{label(hdu, number)} holds {flux.shape[0]} spectra in one table; one is needed")
    return Part(
        label=label(hdu, number),
        rank=rank_of(hdu),
        choice=choice,
        values={role: value for role, value in values.items() if np.shape(value) == flux.shape or role == choice.axis},
        header=hdu.header,
        wavelength_unit=unit,
        read_as=read_as or f"{choice.described()} of {label(hdu, number)}",
        good_is_one=any(name.upper().startswith(("OPT_", "BOX_")) for name in names) or "PYP_SPEC" in hdu.header,
    )


def _column(hdu: Any, name: str) -> Any:
    values = hdu.data[name]
    if np.size(values) > MOST_PIXELS:
        raise Unreadable(f"column {name!r} holds {np.size(values)} values, which no single spectrum has")
    if getattr(values, "dtype", None) is not None and values.dtype.kind in "US":
        raise Unreadable(f"column {name!r} holds text where numbers should be")
    return native(values)
