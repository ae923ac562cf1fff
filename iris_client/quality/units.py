"""Units of wavelength and of flux, however they are spelt.

The words are ours (people write `ergs/cm**2/sec/Ang`, `erg s**(-1) cm**(-2) nm**(-1)`, `1E-17 erg/cm^2/s/A`), the
dimensions are `astropy.units`. The scale of a flux does not matter to anything that follows, so it is not kept.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np

from models.domain import Caveat, CaveatCode
from models.domain.arrays import FloatArray

_SPELLINGS: Final[dict[str, str]] = {
    "Angstrom": "a aa ang angs angst angstrom angstroms angstroem ångström angstr",
    "nm": "nm nanometer nanometers nanometre nanometres",
    "um": "um micron microns micrometer micrometers micrometre micrometres mu",
    "mm": "mm",
    "cm": "cm centimeter centimeters centimetre",
    "m": "m meter meters metre metres",
    "erg": "erg ergs",
    "J": "j joule joules",
    "W": "w watt watts",
    "s": "s sec secs second seconds",
    "Hz": "hz hertz",
    "GHz": "ghz",
    "THz": "thz",
    "Jy": "jy jansky janskys mjy ujy njy",
    "photon": "ph phot photon photons",
    "ct": "ct cts count counts adu adus dn e electron electrons",
    "eV": "ev",
    "keV": "kev",
    "": "sr arcsec arcsecs spaxel fiber fibre pix pixel beam",
}
"""What does not matter to the shape of a spectrum (per pixel of the sky) counts as no unit."""
_UNIT: Final = {word: ours for ours, words in _SPELLINGS.items() for word in words.split()}
_NO_UNIT: Final = {"", "none", "null", "nan", "arbitrary", "arb", "arb. units", "arb.units", "arb. unit", "a.u.",
                   "uncalibrated", "relative", "unknown", "dimensionless", "scaled", "normalized", "normalised", "-",
                   "--", "relative flux", "arbitrary units"}  # fmt: skip
_AB: Final = {"ab", "abmag", "mag(ab)", "mag", "ab mag", "mag (ab)", "mag_ab", "magnitude", "ab magnitude", "ab_mag"}
_F_LAMBDA: Final = {"flam", "f_lambda", "flambda", "f_lam"}
_F_NU: Final = {"fnu", "f_nu"}
_SUPERSCRIPT: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SCALE: Final = re.compile(
    r"^[\s*]*(?:\d+(?:\.\d*)?\s*[x*×]\s*)?(?:10\s*\(?[-+]\d+\)?|\d+(?:\.\d*)?(?:e[-+]?\d+)?)[\s*]*"
)
_TOKEN: Final = re.compile(r"\(|\)|/|[a-zå]+|[-+]?\d+(?:\.\d+)?")
_PLAUSIBLE_MAG: Final = (1.0, 35.0)


def _units() -> Any:
    """`astropy.units`, imported when a unit has to be understood: it takes longer than an answer to one spectrum."""
    from astropy import units

    return units


@lru_cache(maxsize=1024)
def parsed(text: str, *, all_below: bool = False) -> Any | None:
    """The `astropy` unit that a text means, without its scale; None when a word of it is not known.

    Parameters
    ----------
    all_below : bool
        Whether everything behind a slash stands below the line (`erg/s cm2 A`), and not only the next word.
    """
    u = _units()
    plain = _plain_spelling(text[:200])
    scale = _SCALE.match(plain)
    plain = plain[scale.end() :] if scale is not None else plain
    if re.sub(_TOKEN, "", plain).strip(" .*_·"):
        return None
    found, sign, levels, word = u.dimensionless_unscaled, 1, [1], None
    powers: list[list[Any]] = []
    for piece in _TOKEN.findall(plain):
        if piece == "(":
            levels.append(levels[-1] * sign)
            sign = 1
        elif piece == ")":
            levels = levels[:-1] or [1]
        elif piece == "/":
            sign = -1
        elif piece[-1].isdigit():
            if word is None or abs(float(piece)) > 9:
                return None
            powers[-1][1] *= float(piece)
            word = None
        else:
            word = _UNIT.get(piece)
            if word is None:
                return None
            powers.append([word, sign * levels[-1]])
            sign = sign if all_below else 1
    for word, power in powers:
        found = found * u.Unit(word) ** power if word else found
    return found if powers else None


def _plain_spelling(text: str) -> str:
    text = text.strip().strip("\"'").lower().translate(_SUPERSCRIPT).replace("å", "angstrom").replace("µ", "u")
    text = re.sub(r"\\(mathrm|rm|text|,|;|!| )|mathrm", " ", text.replace("μ", "u").replace("å", "angstrom"))
    text = re.sub(r"\*\*|\^|[{}$\\\[\]_]", lambda m: " " if m.group() == "_" else "", text)
    text = re.sub(r"(?<=[a-z])\s*\(([-+]?\d+)\)", r"\1", text)
    return re.sub(r"\bper\s+", "/", text)


def is_unit(text: object) -> bool:
    """Whether it is one, of wavelength or of flux."""
    return isinstance(text, str) and bool(text.strip()) and (
        parsed(text) is not None or text.strip().lower() in _AB | _F_LAMBDA | _F_NU
    )  # fmt: skip


def to_angstrom(unit: object) -> Callable[[FloatArray], FloatArray] | None:
    """How to make Angstrom of wavelengths or frequencies in `unit`; None when it is neither. No unit means Angstrom."""
    text = "" if unit is None else unit.strip() if isinstance(unit, str) else None
    if text is None:
        return None
    if text.lower() in _NO_UNIT or _UNIT.get(text.lower()) == "Angstrom":
        return _same
    u = _units()
    found = parsed(text)
    if (
        found is None
        or not found.is_equivalent(u.Angstrom, u.spectral())
        or (found.is_equivalent(u.J) and found != u.eV)
    ):
        return None
    if found == u.Angstrom:
        return _same

    def convert(values: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return np.asarray(found.to(u.Angstrom, values, equivalencies=u.spectral()), dtype=np.float64)

    return convert


def is_same(convert: Callable[[FloatArray], FloatArray]) -> bool:
    """Whether a converter of `to_angstrom` leaves the values as they are."""
    return convert is _same


def _same(values: FloatArray) -> FloatArray:
    return values


@cache
def _kinds() -> tuple[Any, Any, Any]:
    """A unit of F_lambda, of F_nu, and of photons per wavelength."""
    u = _units()
    area = u.s * u.cm**2
    return u.erg / area / u.Angstrom, u.erg / area / u.Hz, u.photon / area / u.Angstrom


def flux_converter(unit: object) -> tuple[Callable[[FloatArray, FloatArray], FloatArray], Caveat | None]:
    """How to make F_lambda (in any scale) of flux in `unit`, given (wavelength in Angstrom, flux), and what to note.

    SkyPortal knows `erg/s/cm/cm/AA`, `Jy`, `AB` and null. Null is by far the most common and is taken as F_lambda in an
    arbitrary scale, which is all that the network needs. Jansky, AB magnitudes and photons convert exactly.

    Raises
    ------
    ValueError
        If the unit is something else.
    """
    if unit is not None and not isinstance(unit, str):
        raise ValueError(f"the flux unit is of type {type(unit).__name__}, not text")
    text = (unit or "").strip().lower()
    if text in _NO_UNIT or not re.search(r"[a-z]", text):
        note = "no flux unit given; taken as F_lambda in an arbitrary scale"
        return as_is, Caveat(code=CaveatCode.UNITS_UNKNOWN, text=note)
    if text in _AB:
        return _from_ab, Caveat(code=CaveatCode.REPAIRED, text="flux converted from AB magnitudes to F_lambda")
    if text in _F_LAMBDA:
        return as_is, None
    note = f"flux converted from {(unit or '').strip()[:40]} to F_lambda"
    per_lambda, per_nu, photons = _kinds()
    for reading in (False, True):
        found = parsed(text, all_below=reading)
        if text in _F_NU or (found is not None and found.is_equivalent(per_nu)):
            return _from_f_nu, Caveat(code=CaveatCode.REPAIRED, text=note)
        if found is not None and found.is_equivalent(per_lambda):
            return as_is, None
        if found is not None and found.is_equivalent(photons):
            return _from_photons, Caveat(code=CaveatCode.REPAIRED, text=note)
    raise ValueError(f"flux unit {text[:40]!r} is not known; F_lambda, Jy or AB expected")


def as_is(wavelength_A: FloatArray, flux: FloatArray) -> FloatArray:
    """Leave flux that is F_lambda already."""
    return flux


def _from_f_nu(wavelength_A: FloatArray, flux: FloatArray) -> FloatArray:
    """F_lambda is F_nu c / lambda^2; the constant does not matter, so the scale stays that of F_nu at 6000 Angstrom."""
    with np.errstate(all="ignore"):
        return np.asarray(flux * (6000.0 / wavelength_A) ** 2)


def _from_photons(wavelength_A: FloatArray, flux: FloatArray) -> FloatArray:
    """The energy of a photon is h c / lambda."""
    with np.errstate(all="ignore"):
        return np.asarray(flux * (6000.0 / wavelength_A))


def is_linear(convert: Callable[[FloatArray, FloatArray], FloatArray]) -> bool:
    """Whether errors are converted as the flux is."""
    return convert is not _from_ab


def _from_ab(wavelength_A: FloatArray, mag: FloatArray) -> FloatArray:
    seen = mag[np.isfinite(mag)]
    low, high = _PLAUSIBLE_MAG
    if seen.size and not (low <= seen.min() and seen.max() <= high):
        raise ValueError(f"values from {seen.min():.4g} to {seen.max():.4g} cannot be AB magnitudes, as the unit says")
    return _from_f_nu(wavelength_A, 10 ** (-0.4 * (mag - 20.0)))
