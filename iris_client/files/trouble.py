"""What every reader of files shares: the one exception, and the names under which columns travel."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final


class Unreadable(Exception):
    """This file holds no spectrum we can read; the message says why, for the person who sent it."""


COLUMN_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "wavelength": (
            "wavelength",
            "wavelengths",
            "wave",
            "lambda",
            "wl",
            "lam",
            "wavelength_a",
            "lambda_a",
            "angstrom",
        ),
        "loglam": ("loglam", "log_lambda", "loglambda"),
        "flux": ("flux", "fluxes", "flam", "f_lambda", "flux_lambda", "spec", "intensity"),
        "error": (
            "error",
            "errors",
            "err",
            "flux_err",
            "fluxerr",
            "flux_error",
            "e_flux",
            "sigma",
            "std",
            "uncertainty",
        ),
        "ivar": ("ivar", "invvar"),
    }
)
"""Our name of a column, and what others call it (lower case, units in brackets taken off)."""


def find_columns(names: Iterable[str]) -> dict[str, int]:
    """Where each of our columns is among `names`; the first match in the order of `COLUMN_NAMES` wins."""
    plain = [_plain(name) for name in names]
    found = {}
    for ours, theirs in COLUMN_NAMES.items():
        position = next((plain.index(name) for name in theirs if name in plain), None)
        if position is not None:
            found[ours] = position
    return found


def _plain(name: str) -> str:
    for bracket in "([":
        name = name.split(bracket)[0]
    return name.strip().strip("\"'").lower()
