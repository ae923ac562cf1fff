"""DESI's coadds: many spectra in a file, each in three arms with arrays of their own (`B_FLUX`, `R_IVAR`...)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from iris_client.files.fits_parts import native
from iris_client.files.trouble import Unreadable
from models.domain import RawSpectrum

_ARMS: Final = ("B", "R", "Z")
_MOST_VALUES: Final = 40_000_000


def is_desi(hdus: Any) -> bool:
    """Whether a file is laid out as DESI's spectra and coadds are."""
    names = {str(hdu.name).upper() for hdu in hdus}
    return any({f"{arm}_WAVELENGTH", f"{arm}_FLUX"} <= names for arm in (*_ARMS, "BRZ"))


def read_desi(hdus: Any, stem: str) -> Iterator[RawSpectrum]:
    """Read every spectrum of a DESI file, the arms joined, in the order of its rows; sky fibres are left out.

    Raises
    ------
    Unreadable
        If the arrays do not go together.
    """
    names = {str(hdu.name).upper(): hdu for hdu in hdus}
    arms = [arm for arm in (*_ARMS, "BRZ") if f"{arm}_FLUX" in names]
    shapes = [names[f"{arm}_FLUX"].shape for arm in arms]
    if any(len(shape) != 2 or shape[0] != shapes[0][0] or np.prod(shape) > _MOST_VALUES for shape in shapes):
        raise Unreadable(f"DESI's arrays do not go together: {shapes}")
    fibers = names["FIBERMAP"].data if "FIBERMAP" in names else None
    columns = {} if fibers is None else {str(name).upper(): fibers[name] for name in fibers.names}
    count = shapes[0][0]
    for row in range(count):
        if row < len(columns.get("OBJTYPE", ())) and str(columns["OBJTYPE"][row]).strip() == "SKY":
            continue
        target = str(columns["TARGETID"][row]) if row < len(columns.get("TARGETID", ())) else None
        wave, flux, ivar = _joined([_arm(names, arm, row) for arm in arms])
        name = stem if count == 1 else f"{stem}:{target or row + 1}"
        yield RawSpectrum(
            spectrum_id=name,
            target_id=target,
            wavelengths=wave,
            fluxes=flux,
            errors=np.where(ivar > 0, np.where(ivar > 0, ivar, 1.0) ** -0.5, np.nan),
            bad=ivar <= 0,
            bad_because="ivar or mask",
            units="1e-17 erg/s/cm2/A",
            instrument="DESI",
            read_as=f"arms {', '.join(arms)} of DESI, row {row + 1}",
        )


def _arm(names: Mapping[str, Any], arm: str, row: int) -> tuple[Any, Any, Any]:
    wave = native(names[f"{arm}_WAVELENGTH"].data)
    flux = native(names[f"{arm}_FLUX"].section[row])
    ivar_hdu, mask_hdu = names.get(f"{arm}_IVAR"), names.get(f"{arm}_MASK")
    ivar = np.ones(wave.size) if ivar_hdu is None else native(ivar_hdu.section[row])
    if mask_hdu is not None:
        ivar = np.where(native(mask_hdu.section[row]) == 0, ivar, 0.0)
    if not wave.shape == flux.shape == ivar.shape:
        raise Unreadable(f"DESI's arm {arm}: {wave.size} wavelengths, {flux.size} fluxes")
    return wave, flux, ivar


def _joined(arms: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """Weighted means where arms overlap; their grids fall together there."""
    wave, flux, ivar = (np.concatenate(column) for column in zip(*arms, strict=True))
    at, place = np.unique(np.round(wave, 2), return_inverse=True)
    weight = np.bincount(place, weights=ivar)
    some = np.where(weight > 0, weight, 1.0)
    mean = np.bincount(place, weights=np.where(ivar > 0, flux, 0.0) * ivar) / some
    return at, np.where(weight > 0, mean, np.nan), weight
