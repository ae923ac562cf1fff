"""What the name of a column says: its role, what qualifies it, and its unit.

Names are read word by word and not looked up in a list of spellings: `lambda_obs`, `WAVELENGTH_REST(A)`, `fluxErr`,
`OPT_FLAM_IVAR` and `Flux / erg s-1 cm-2 A-1` are all understood, and so is a name that nobody has used before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_KINDS: Final[dict[str, str]] = {
    "wave": "wave waves wavelength wavelengths wavelen wavelenght wavel wlen wvl wvlen wl lam lambda lambdas wav awav "
    "wlambda longitud axis",
    "log": "log log10 lg dex",
    "ln": "ln loge",
    "frequency": "freq frequency frequencies ghz hz thz wavenumber",
    "energy": "energy ev kev",
    "flux": "flux fluxes flx flam flambda fl fluxdensity fluxd spec spectrum spectra intensity intens",
    "per_hz": "fnu flnu",
    "mag": "mag mags abmag magnitude magnitudes",
    "counts": "count counts cts ct adu adus dn electron electrons photons countrate",
    "error": "err errs error errors sigma sig sigmas unc uncert uncertainty uncertainties std stdev stddev stderr rms "
    "noise eflux dflux efl",
    "variance": "var variance vars",
    "ivar": "ivar invvar ivars",
    "inverse": "inverse inv",
    "mask": "mask masks flag flags qual quality dq bpm bad badpix badpixel badpixels bitmask masked pixmask andmask "
    "ormask",
    "good": "good goodpix valid isgood usable",
    "sky": "sky background bkg bkgd bgflux skyflux skyback moon",
    "other": "cont continuum model fit fits template bestfit resid residual residuals response sens sensitivity "
    "sensfunc resolution snr s2n airmass extinction weight weights exposure exptime width dispersion wdisp fwhm psf "
    "trace profile min max range start end step delta signal npix ncombine nexp transmission atmosphere ratio arc "
    "flat lamp dark bias standard throughput calibration line lines redshift",
    "index": "pix pixel pixels index idx id ids row rows no nr unnamed chan channel order aperture number",
}
"""The words of which names are made, by what they mean."""

WORD: Final = {word: kind for kind, words in _KINDS.items() for word in words.split()}
REST: Final = frozenset({"rest", "restframe", "emitted", "deredshifted", "dez", "intrinsic"})
OBSERVED: Final = frozenset({"obs", "observed", "observer", "observers"})
_SUBTRACTED: Final = frozenset({"sub", "subtracted", "subtr", "minus", "less", "corrected"})
_BARE: Final = {
    "x": "wave", "y": "flux", "f": "flux", "w": "wave", "i": "index", "n": "index", "ap": "index", "e": "error",
    "angstrom": "wave", "angstroms": "wave", "nm": "wave", "micron": "wave", "microns": "wave", "bg": "sky",
    "stat": "variance", "loglam": "log", "nu": "frequency", "data": "flux", "sci": "flux", "science": "flux",
    "object": "flux", "obj": "flux", "target": "flux",
}  # fmt: skip
"""Words that mean something only when they stand alone."""
_UNIT_SUFFIXES: Final = {
    "a": "Angstrom", "aa": "Angstrom", "ang": "Angstrom", "angs": "Angstrom", "angstrom": "Angstrom",
    "angstroms": "Angstrom", "nm": "nm", "um": "um", "micron": "um", "microns": "um", "jy": "Jy", "mjy": "mJy",
    "ujy": "uJy", "ghz": "GHz", "hz": "Hz",
}  # fmt: skip
_GLUE: Final = frozenset(WORD) | REST | {"obs", "air", "vac", "cal", "corr", "opt", "box", "norm", "sub"}
_LETTERS: Final = str.maketrans({"λ": "lambda", "Å": "angstrom", "\u212b": "angstrom", "å": "angstrom", "σ": "sigma",
                                 "ν": "nu", "μ": "u", "µ": "u"})  # fmt: skip
_BRACKET: Final = re.compile(r"[(\[{<]\s*(.*?)\s*[)\]}>]")
_IN: Final = re.compile(r"^(.+?)(?:\s+in\s+|\s*/\s*)(.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's name, understood.

    Parameters
    ----------
    name : str
        As it stands in the file.
    role : str
        `wavelength`, `log_wavelength`, `ln_wavelength`, `frequency`, `flux`, `counts`, `log_flux`, `error`,
        `variance`, `ivar`, `mask`, `good`, `sky`, `index`, `other`; empty when the name says nothing known.
    words, remark : frozenset of str
        The words of the name, and those in its brackets.
    unit : str or None
        As the name gives it.
    """

    name: str
    role: str
    words: frozenset[str]
    remark: frozenset[str] = frozenset()
    unit: str | None = None

    @property
    def rest(self) -> bool:
        """Whether it is at rest wavelengths, by its name."""
        said = self.words | self.remark
        return bool(said & REST) and not said & OBSERVED

    @property
    def observed(self) -> bool:
        """Whether it is in the observer's frame, by its name."""
        return bool((self.words | self.remark) & OBSERVED)


@lru_cache(maxsize=4096)
def understood(name: str, unit: str | None = None) -> Column:
    """Read a name; `unit`, from elsewhere, goes before one in the name."""
    bare, remark = _taken_apart(name.strip().strip("\"'`").strip()[:200])
    words = list(_words(bare))
    said = list(_words(remark))
    if len(words) > 1 and words[-1] in _UNIT_SUFFIXES and _fits(_UNIT_SUFFIXES[words[-1]], words[:-1]):
        remark = remark or _UNIT_SUFFIXES[words.pop()]
    if len(words) == 1 and words[0] in ("log", "log10", "ln") and said:  # log10(wavelength)
        words, said, remark = words + said, [], ""
    if len(words) == 1 and words[0] in ("angstrom", "angstroms", "nm", "micron", "microns"):
        remark = remark or words[0]
    role, implied = _role(words)
    known = unit or _unit(remark) or implied
    return Column(name=name, role=role, words=frozenset(words), remark=frozenset(said), unit=known)


def _fits(unit: str, words: list[str]) -> bool:
    """Whether a last word is a unit: `wave_a` ends with one, `flux_a` is the flux of something called A."""
    kinds = {WORD.get(word) for word in words}
    if unit.endswith("Jy"):
        return bool(kinds & {"flux", "per_hz", "error"})
    return bool(kinds & {"wave", "frequency"}) and not kinds & {"flux", "counts"} and "f" not in words


def _taken_apart(name: str) -> tuple[str, str]:
    """The name without what is in brackets, after a slash or after `in`, and that."""
    bracket = _BRACKET.search(name)
    if bracket is not None:
        return f"{name[: bracket.start()]} {name[bracket.end() :]}".strip(" /"), bracket.group(1)
    parts = _IN.match(name)
    if parts is not None and any(w in WORD or w in _BARE for w in _words(parts.group(1))):
        return parts.group(1), parts.group(2)
    return name, ""


def _words(text: str) -> Iterator[str]:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text.translate(_LETTERS))
    for word in re.findall(r"[a-z]+10|[a-z]+|\d+", text.lower().replace("s/n", "snr")):
        yield from _unglued(word)


def _unglued(word: str) -> tuple[str, ...]:
    """`fluxerr` is two words; a word that is known, or cannot be taken apart into known ones, stays whole."""
    if word in WORD or word in _BARE or word in _UNIT_SUFFIXES or len(word) < 6:
        return (word,)
    for cut in range(len(word) - 2, 2, -1):
        if word[:cut] in _GLUE:
            rest = _unglued(word[cut:])
            if all(part in _GLUE for part in rest):
                return (word[:cut], *rest)
    return (word,)


def _unit(remark: str) -> str | None:
    """The unit in a remark such as `vacuum, Angstrom`: the part that looks most like one."""
    from iris_client.quality.units import is_unit

    parts = [remark, *re.split(r"[,;]", remark)] if remark else []
    return next((part.strip() for part in parts if is_unit(part)), None)


def _role(words: list[str]) -> tuple[str, str | None]:
    """The role, and a unit that it implies."""
    if len(words) == 1 and words[0] in _BARE:
        return {"wave": "wavelength", "log": "log_wavelength"}.get(_BARE[words[0]], _BARE[words[0]]), None
    kinds = {WORD[word] for word in words if word in WORD}
    if len(words) > 1 and words[0] in ("e", "d", "s") and kinds & {"flux", "per_hz"}:  # e_flux, as in catalogues
        kinds.add("error")
    if {"f", "nu"} <= set(words) or ("flux" in kinds and "nu" in words):
        kinds.add("per_hz")
    if "f" in words and "wave" in kinds:  # f_lambda
        kinds = (kinds - {"wave"}) | {"flux"}
    if ("sky" in kinds or "bg" in words) and not ("sky" in kinds and set(words) & _SUBTRACTED):
        return "sky", None
    if "signal" in words and kinds <= {"other"}:
        kinds = {"flux"}
    if "other" in kinds:
        return "other", None
    return _measured(kinds, set(words))


def _measured(kinds: set[str], words: set[str]) -> tuple[str, str | None]:
    light = kinds & {"flux", "per_hz", "counts", "mag"}
    if kinds & {"error", "variance", "ivar"}:
        if "wave" in kinds and not light:
            return "other", None
        if "ivar" in kinds or {"inverse", "variance"} <= kinds:
            return "ivar", None
        return ("variance" if "variance" in kinds else "error"), None
    if "inverse" in kinds and not light:
        return "ivar", None
    for role in ("mask", "good"):
        if role in kinds:
            return role, None
    if "index" in kinds and not kinds & {"per_hz", "counts", "mag"} and "flux" not in words:
        return "index", None
    if "per_hz" in kinds:
        return ("log_flux" if kinds & {"log", "ln"} else "flux"), "erg/s/cm2/Hz"
    if light:
        return _brightness(kinds)
    if "wave" in kinds:
        return ("log_wavelength" if "log" in kinds else "ln_wavelength" if "ln" in kinds else "wavelength"), None
    return next((kind for kind in ("frequency", "energy", "index") if kind in kinds), ""), None


def _brightness(kinds: set[str]) -> tuple[str, str | None]:
    if "mag" in kinds:
        return "flux", "AB"
    if kinds & {"log", "ln"}:
        return "log_flux", None
    return ("flux", None) if "flux" in kinds else ("counts", "counts")
