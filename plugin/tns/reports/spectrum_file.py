"""A spectrum as the TNS takes it: an ASCII table with a header."""

import re
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from models.domain import Spectrum
from plugin.clock import moment


def file_name(name: str, observed: datetime | None, instrument: str) -> str:
    """A plain name such as `2026abc_20260609_SEDM.ascii`."""
    day = "nodate" if observed is None else f"{observed:%Y%m%d}"
    return f"{_plain(name)}_{day}_{_plain(instrument) or 'spectrum'}.ascii"


def ascii_file(
    spectrum: Spectrum, *, name: str, instrument: str, observer: str, units: str, exposure_s: float | None
) -> str:
    """The file: lines that begin with `#`, then wavelength in Angstrom, flux, and error where there is one.

    Pixels without a flux are left out, and errors that are none are written as `nan`.
    """
    has_error = spectrum.flux_error is not None
    head = {
        "OBJECT": name,
        "DATE-OBS": when.isoformat(timespec="seconds") if (when := observed(spectrum.observed_at)) else "unknown",
        "INSTRUMENT": instrument,
        "OBSERVER": observer or "unknown",
        **({} if exposure_s is None else {"EXPTIME": f"{exposure_s:g} s"}),
        "WAVELENGTH": "Angstrom, observer frame",
        "FLUX": f"F_lambda, {units}",
        "COLUMNS": "wavelength flux" + (" flux_error" if has_error else ""),
    }
    lines = [f"# {key:<10} = {_line(value)}" for key, value in head.items()]
    return "\n".join([*lines, *_rows(spectrum)]) + "\n"


def observed(text: str | None) -> datetime | None:
    """When it was taken, UTC; None where that cannot be read."""
    try:
        return None if text is None else moment(text)
    except ValueError:
        return None


def _rows(spectrum: Spectrum) -> Iterator[str]:
    columns = [spectrum.wavelength_A, spectrum.flux]
    columns += [] if spectrum.flux_error is None else [spectrum.flux_error]
    for row in np.column_stack(columns)[np.isfinite(spectrum.flux)]:
        yield f"{row[0]:.3f} " + " ".join(f"{value:.6e}" for value in row[1:])


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9+-]+", "-", text).strip("-")[:60]
