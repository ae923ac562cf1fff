"""What SkyPortal sends with a request: tables as CSV text, whose cells hold Python's way of writing lists.

Nothing in it is evaluated: a list of numbers is split at its commas. Whatever is larger than agreed is refused, and so
is whatever is no table; what a table lacks is missing, not an error. Columns that hold dictionaries are not read.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from iris_client.marshal import parse
from models.domain import LightCurve, RawSpectrum

LATEST: Final = 12
"""Spectra that are read, the latest; others are left out."""
MOST_SPECTRA: Final = 1_000
MOST_PIXELS: Final = 100_000
MOST_POINTS: Final = 50_000
_LONGEST_CELL: Final = 25 * MOST_PIXELS  # "-1.0104587876315905e-16, " is one number
_MAGNITUDES: Final = ("mjd", "mag", "magerr", "limiting_mag")
_TEXTS: Final = ("observed_at", "units", "origin", "modified", "created_at", "type")
_ARRAYS: Final = ("wavelengths", "fluxes", "errors")

Cells = list[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was sent with a request, as plain JSON values.

    Parameters
    ----------
    spectra : sequence of mapping
        The latest ones, latest first: `observed_at`, `wavelengths`, `fluxes`, `errors`, `units`, `origin`, `modified`,
        `created_at`, `type`; no ids.
    photometry : sequence of mapping
        `mjd`, `mag`, `magerr`, `limiting_mag`, `filter`, `magsys`.
    """

    spectra: Sequence[Mapping[str, Any]] = ()
    photometry: Sequence[Mapping[str, Any]] = ()
    redshift: float | None = None
    redshift_origin: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON values, from which it is made again by `Inputs(**values)`."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def raw_spectra(self, target_id: str) -> list[RawSpectrum]:
        """The spectra as quality control takes them, latest first; `spectrum_id` is empty, for none was sent."""
        return [_raw(row, target_id) for row in self.spectra]

    def light_curve(self) -> LightCurve | None:
        """The photometry, sorted; None when not one row holds a magnitude or a limit."""
        return parse.light_curve(self.photometry)


def read(sent: Mapping[str, Any]) -> Inputs:
    """Read the `inputs` of a request.

    Raises
    ------
    ValueError
        If something is not as SkyPortal sends it, or larger than agreed; the message says what.
    """
    redshift = next(_rows(sent, "redshift", 1), {})
    every = sorted(_rows(sent, "spectra", MOST_SPECTRA), key=lambda row: row.get("observed_at") or "", reverse=True)
    return Inputs(
        spectra=[_spectrum(row) for row in every[:LATEST]],
        photometry=[_point(row) for row in _rows(sent, "photometry", MOST_POINTS)],
        redshift=_number(redshift.get("redshift")),
        redshift_origin=_text(redshift.get("redshift_origin")),
    )


def numbers(text: str | None, what: str) -> Cells | None:
    """The numbers of a list as Python writes it: "[3800.0, nan, None]"; what is not finite is None.

    Raises
    ------
    ValueError
        If it is no such list, or longer than agreed.
    """
    if _text(text) is None:
        return None
    assert text is not None
    inside = text.strip()
    if not (inside.startswith("[") and inside.endswith("]")):
        raise ValueError(f"{what}: expected a list of numbers, got {inside[:40]!r}")
    cells = inside[1:-1].split(",") if inside[1:-1].strip() else []
    if len(cells) > MOST_PIXELS:
        raise ValueError(f"{what}: more than {MOST_PIXELS} values")
    return [_number(cell.strip(), what) for cell in cells]


def _rows(sent: Mapping[str, Any], name: str, most: int) -> Iterator[Mapping[str, str]]:
    """The rows of one table; none when it was not sent, or is empty."""
    text = sent.get(name)
    if text is None or text == "":
        return
    if not isinstance(text, str):
        raise ValueError(f"{name}: expected a table as text, got {type(text).__name__}")
    if csv.field_size_limit() < _LONGEST_CELL:  # Python's own limit is shorter than a spectrum
        csv.field_size_limit(_LONGEST_CELL)
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text), strict=True)):
            if number >= most:
                raise ValueError(f"{name}: more than {most} rows")
            yield row
    except csv.Error as error:
        raise ValueError(f"{name}: no table of comma-separated values ({error})") from None


def _spectrum(row: Mapping[str, str]) -> dict[str, Any]:
    arrays: dict[str, Any] = {name: numbers(row.get(name), f"spectra: {name}") for name in _ARRAYS}
    return {**arrays, **{name: _text(row.get(name)) for name in _TEXTS}}


def _point(row: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: _number(row.get(name), f"photometry: {name}") for name in _MAGNITUDES}
    return {**values, "filter": _text(row.get("filter")), "magsys": _text(row.get("magsys"))}


def _number(text: str | None, what: str = "redshift") -> float | None:
    """A number; None for an empty cell, and for what is not finite."""
    if _text(text) is None:
        return None
    assert text is not None
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{what}: {text[:40]!r} is no number") from None
    return value if math.isfinite(value) else None


def _text(text: str | None) -> str | None:
    """A cell's text; None for an empty one."""
    return text if isinstance(text, str) and text.strip() not in ("", "None") else None


def _raw(row: Mapping[str, Any], target_id: str) -> RawSpectrum:
    return RawSpectrum(
        spectrum_id="",
        target_id=target_id,
        wavelengths=row["wavelengths"] or (),
        fluxes=row["fluxes"] or (),
        errors=row["errors"],
        units=row["units"],
        kind=row["type"] or "source",
        observed_at=row["observed_at"],
        modified=row["modified"],
        origin=row["origin"],
    )
