"""Spectra in a FITS file: images and tables, of which the names say what they hold.

Every part of the file is looked at before one is chosen: a picture, a sky or a variance before the spectrum does not
hide it. Two parts that could each be the spectrum are refused, and named.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from iris_client.files.assemble import assemble, guessed
from iris_client.files.fits_images import from_image
from iris_client.files.fits_many import is_desi, read_desi
from iris_client.files.fits_parts import NO_SPECTRUM, Part, role_of, text
from iris_client.files.fits_tables import from_table
from iris_client.files.trouble import Unreadable
from models.domain import Caveat, RawSpectrum

_NOT_FLUX = ("sky", "error", "variance", "ivar", "mask", "good", "other", "wavelength", "log_wavelength", "index")


def read_fits(content: bytes, stem: str) -> Iterator[RawSpectrum]:
    """Read the spectrum of a FITS file, or all of them from a file of DESI's.

    Raises
    ------
    Unreadable
        If the file is truncated or broken, or holds no spectrum, or does not tell which of several is meant.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*truncated.*")
            with fits.open(io.BytesIO(content), lazy_load_hdus=False) as hdus:
                if is_desi(hdus):
                    yield from read_desi(hdus, stem)
                else:
                    yield _spectrum(hdus, stem)
    except Unreadable:
        raise
    except (AstropyWarning, UserWarning) as problem:
        raise Unreadable("the FITS file is truncated") from problem
    except Exception as problem:
        # astropy, and the C code it unpacks pictures with, report a broken file by whatever they happen to meet first
        raise Unreadable(f"broken FITS file ({type(problem).__name__}: {str(problem)[:120]})") from problem


def _spectrum(hdus: Any, stem: str) -> RawSpectrum:
    parts, troubles = _parts(list(enumerate(hdus)))
    if not parts:
        said = "; ".join(dict.fromkeys(troubles))[:300]
        raise Unreadable(said or "no spectrum in this FITS file: no flux with a wavelength scale")
    best = min(part.rank for part in parts)
    if best >= NO_SPECTRUM:
        named = ", ".join(part.label for part in parts[:5])
        raise Unreadable(f"only {named} in it, by the name no spectrum{''.join(f'; {t}' for t in troubles)[:200]}")
    chosen = [part for part in parts if part.rank == best]
    if len(chosen) > 1 and not _alike(chosen):
        listed = ", ".join(_described(part) for part in chosen[:6])
        raise Unreadable(f"{len(chosen)} parts of the file could be the spectrum: {listed}; keep the one that is meant")
    part = chosen[0]
    about = {key: _text(key, part.header, hdus[0].header) for key in ("INSTRUME", "DATE-OBS")}
    return assemble(
        stem,
        part.choice,
        part.values,
        units=part.units,
        wavelength_unit=part.wavelength_unit,
        rest_frame=part.rest_frame or _at_rest(part.header, hdus[0].header),
        read_as=part.read_as,
        good_is_one=part.good_is_one,
        notes=(*part.notes, *_unused(part, parts)),
        instrument=about["INSTRUME"],
        observed_at=about["DATE-OBS"],
    )


def _parts(hdus: Sequence[tuple[int, Any]]) -> tuple[list[Part], list[str]]:
    """Every part with a spectrum in it, and why others have none."""
    images = [(n, h) for n, h in hdus if getattr(h, "is_image", False) and h.shape and 0 not in h.shape]
    parts: list[Part] = []
    troubles: list[str] = []
    for number, hdu in hdus:
        try:
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU) and not isinstance(hdu, fits.CompImageHDU):
                found = from_table(hdu, number)
            elif (number, hdu) in images and role_of(hdu) not in _NOT_FLUX:
                others = [(n, h) for n, h in images if n != number]
                found = from_image(hdu, number, others)
            else:
                continue
        except Unreadable as problem:
            troubles.append(str(problem))
            continue
        if found is not None:
            parts.append(found)
    return parts, troubles


def _alike(parts: Sequence[Part]) -> bool:
    first = np.asarray(parts[0].values["flux"])
    return all(np.array_equal(first, np.asarray(part.values["flux"]), equal_nan=True) for part in parts[1:])


def _described(part: Part) -> str:
    axis = part.choice.axis
    values = np.asarray(part.values[axis]) if axis else np.zeros(1)
    seen = values[np.isfinite(values)]
    span = f" ({seen.min():.5g} to {seen.max():.5g})" if seen.size else ""
    return f"{part.label}{span}"


def _unused(part: Part, parts: Sequence[Part]) -> list[Caveat]:
    others = [other.label for other in parts if other is not part]
    return [guessed(f"the spectrum is taken from {part.label}; not from {', '.join(others[:6])}")] if others else []


def _at_rest(*headers: Any) -> str | None:
    """Whether a card says that the spectrum was brought to rest."""
    for header in headers:
        for key in ("DEREDSHF", "RESTFRAM", "REST", "DEREDSHI"):
            if header.get(key) in (True, "T", "True", "true", "yes", "YES"):
                return f"the header says {key} = {header.get(key)!r}"
        if str(header.get("FRAME", "")).strip().lower().startswith("rest"):
            return f"the header says FRAME = {header.get('FRAME')!r}"
    return None


def _text(key: str, own: Any, primary: Any) -> str | None:
    return text(own.get(key)) or text(primary.get(key))
