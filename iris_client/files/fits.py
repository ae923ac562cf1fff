"""One spectrum in a FITS file: a one-dimensional image, the first row of an IRAF stack, or a binary table."""

import io
import warnings
from typing import Any, Final

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from iris_client.files.fits_axis import dispersion
from iris_client.files.trouble import Unreadable, find_columns
from models.domain import RawSpectrum

_MAX_ROWS: Final = 32
"""More rows than this, and a two-dimensional image is a picture of the slit, not a stack of extracted spectra."""


def read_fits(content: bytes, stem: str) -> RawSpectrum:
    """Read the first spectrum of a FITS file.

    Raises
    ------
    Unreadable
        If the file is truncated or broken, or holds no spectrum with a wavelength scale.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            warnings.filterwarnings("error", message=".*truncated.*")
            with fits.open(io.BytesIO(content), lazy_load_hdus=False) as hdus:
                return _first_spectrum(hdus, stem)
    except AstropyWarning as problem:
        raise Unreadable("the FITS file is truncated") from problem
    except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, fits.VerifyError) as problem:
        # astropy reports a broken header or table by whichever of these its code happens to meet first
        raise Unreadable(f"broken FITS file ({type(problem).__name__}: {str(problem)[:120]})") from problem


def _first_spectrum(hdus: Any, stem: str) -> RawSpectrum:
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            found = _from_table(hdu)
        elif hdu.is_image and hdu.data is not None:
            found = _from_image(hdu)
        else:
            continue
        if found is not None:
            return RawSpectrum(spectrum_id=stem, **found, **_about(hdus[0].header, hdu.header))
    raise Unreadable("no spectrum in this FITS file: no flux with a wavelength scale")


def _from_table(hdu: Any) -> dict[str, Any] | None:
    """Columns by name, as SDSS (`loglam`, `flux`, `ivar`) or ESO (`WAVE`, `FLUX`, `ERR`, all in one row) write them."""
    names = list(hdu.columns.names)
    where = find_columns(names)
    if "flux" not in where or not {"wavelength", "loglam"} & set(where):
        return None
    values = {ours: _native(hdu.data[names[i]]) for ours, i in where.items()}
    if "wavelength" not in values:
        values["wavelength"] = _power_of_ten(values["loglam"])
    unit = _text(hdu.columns[where["wavelength"]].unit) if "wavelength" in where else None
    return {
        "wavelengths": values["wavelength"],
        "fluxes": values["flux"],
        "errors": values.get("error", _sigma(values.get("ivar"))),
        "wavelength_unit": unit,
        "units": _text(hdu.columns[where["flux"]].unit),
    }


def _from_image(hdu: Any) -> dict[str, Any] | None:
    data = _native(hdu.data, ndim=None)
    rows = data.size // data.shape[-1] if data.size else 0
    if rows > _MAX_ROWS:
        raise Unreadable(f"an image of {' x '.join(map(str, data.shape))} pixels, not an extracted spectrum")
    if not rows:
        return None
    stack = data.reshape(rows, data.shape[-1])
    wavelengths, unit = dispersion(hdu.header, stack.shape[1])
    return {
        "wavelengths": wavelengths,
        "fluxes": stack[0],
        "errors": _sigma_band(hdu.header, data),
        "wavelength_unit": unit,
        "units": _text(hdu.header.get("BUNIT")),
    }


def _sigma_band(header: Any, data: Any) -> Any:
    """IRAF keeps the errors in a band of their own, named in BANDIDn."""
    if data.ndim != 3:
        return None
    names = [str(header.get(f"BANDID{band + 1}", "")).lower() for band in range(data.shape[0])]
    return next((data[i, 0] for i, name in enumerate(names) if "sigma" in name), None)


def _sigma(ivar: Any) -> Any:
    """Errors from inverse variances; zero means that the pixel is not known."""
    if ivar is None:
        return None
    good = ivar > 0
    return np.where(good, 1.0 / np.sqrt(np.where(good, ivar, 1.0)), np.nan)


def _power_of_ten(values: Any) -> Any:
    with np.errstate(over="ignore"):
        return 10.0**values


def _native(values: Any, ndim: int | None = 1) -> Any:
    """Native byte order, masked values as NaN, and a vector cell of a one-row table as a plain vector."""
    array = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    return array[0] if ndim == 1 and array.ndim == 2 and array.shape[0] == 1 else array


def _about(primary: Any, own: Any) -> dict[str, Any]:
    def first(key: str) -> str | None:
        return _text(own.get(key)) or _text(primary.get(key))

    return {"instrument": first("INSTRUME"), "observed_at": first("DATE-OBS")}


def _text(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, str) else None
