"""One spectrum in a text table: wavelength, flux and what goes with them, in columns of any order under their names.

What the header names is used. What has to be guessed is said in a caveat. What can be read in two ways is refused.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from iris_client.files.ascii_cells import Cell, Dialect, dialect_of
from iris_client.files.ascii_header import Header, read_header
from iris_client.files.assemble import assemble, floats, guessed
from iris_client.files.columns import Choice, choose
from iris_client.files.names import understood
from iris_client.files.text import decoded
from iris_client.files.trouble import Unreadable
from models.domain import Caveat, RawSpectrum
from models.domain.arrays import FloatArray

_COMMENT: Final = ("#", "%", "!", "//", ";", "\\", "*")
_MOST_ROWS: Final = 1_000_000
_MOST_ABOVE: Final = 20_000
_LONGEST_LINE: Final = 100_000
_OPTICAL_A: Final = (1000.0, 30_000.0)


def read_ascii(content: bytes, stem: str) -> RawSpectrum:
    """Read a text table.

    Raises
    ------
    Unreadable
        If it is not text, has no rows, or does not tell which of its columns are wavelength and flux.
    """
    above, lines = _parted(decoded(content))
    if not lines:
        raise Unreadable("no line of numbers in it")
    dialect = dialect_of(lines)
    rows = _rows(lines, dialect)
    width = min(map(len, rows))
    numbers = [floats([row[i] for row in rows]) for i in range(width)]
    index = width > 2 and _counts_rows(numbers[0])
    header = read_header(above, width, dialect, index=index)
    choice, notes = _chosen(header, numbers, index)
    values: dict[str, Any] = {role: [row[i] for row in rows] for role, i in choice.at.items()}
    return assemble(
        stem,
        choice,
        values,
        units=header.flux_unit,
        wavelength_unit=header.wavelength_unit,
        notes=notes,
        rest_frame=None if _said_observed(choice) else header.rest_frame,
    )


def _parted(text: str) -> tuple[list[str], list[str]]:
    """The lines above the first number, and those that hold numbers; comments among the numbers are left out."""
    above: list[str] = []
    rows: list[str] = []
    plain = Dialect("")
    for line in io.StringIO(text, newline=None):
        if len(line) > _LONGEST_LINE or len(above) > _MOST_ABOVE:
            raise Unreadable(f"a line of {len(line)} characters, or no number in {len(above)} lines: no table")
        stripped = line.strip()
        if not stripped:
            continue
        bare = stripped.lstrip("|").strip()
        first = (bare.replace(";", " ").replace("|", " ").replace("&", " ").replace(",", " ").split() or [""])[0]
        comment = stripped.startswith(_COMMENT)
        number = not comment and isinstance(plain.cell(first), float)
        if number or (rows and not comment and plain.cell(first) is None):
            rows.append((line.split("#")[0] if "#" in line else line).rstrip("\n"))
            if len(rows) > _MOST_ROWS:
                raise Unreadable(f"more than {_MOST_ROWS} lines of numbers, which no single spectrum has")
        elif not rows:
            above.append(line.rstrip("\n"))
        elif not comment:
            raise Unreadable(f"text among the numbers: {stripped[:60]!r}")
    return above, rows


def _rows(lines: Sequence[str], dialect: Dialect) -> list[list[Cell]]:
    rows = [[dialect.cell(word) for word in dialect.split(line)] for line in lines]
    widths = np.array([len(row) for row in rows])
    usual = int(np.bincount(widths).argmax())
    if usual < 2:
        raise Unreadable(f"a table with {usual} column(s), where wavelength and flux are needed")
    short = np.flatnonzero(widths < usual)
    if short.size:
        line = lines[int(short[0])].strip()[:40]
        raise Unreadable(
            f"{short.size} line(s) with fewer than {usual} columns, such as {line!r}: is the file cut off?"
        )
    return rows


def _counts_rows(values: FloatArray) -> bool:
    """Whether a column only counts the rows, from 0 or 1."""
    return bool(values[0] in (0.0, 1.0) and values.size > 2 and (np.diff(values) == 1).all())


def _chosen(header: Header, numbers: Sequence[FloatArray], index: bool) -> tuple[Choice, list[Caveat]]:
    if not header.names:
        return _by_position(header, numbers, index)
    choice = choose(header.names, header.units)
    if choice.axis is not None and "flux" in choice.at:
        return choice, []
    return _completed(choice, numbers)


def _completed(choice: Choice, numbers: Sequence[FloatArray]) -> tuple[Choice, list[Caveat]]:
    """One of wavelength and flux has a name; the other is guessed where only one column can be it."""
    taken = set(choice.at.values())
    nameless = [
        i for i, c in enumerate(choice.columns) if not c.role and i not in taken and not _counts_rows(numbers[i])
    ]
    if choice.axis is None:
        role, fit = "wavelength", [i for i in nameless if _like_wavelengths(numbers[i])]
    else:
        role, fit = "flux", nameless
    if ("flux" not in choice.at and choice.axis is None) or len(fit) != 1:
        names = ", ".join(repr(c.name[:30]) for c in choice.columns[:20])
        raise Unreadable(f"no column is called {role} and it cannot be told which one is; the columns are {names}")
    name = choice.columns[fit[0]].name
    note = guessed(f"column {fit[0] + 1} {name[:30]!r} is taken for the {role}: no other can be it")
    return replace(choice, at={**choice.at, role: fit[0]}), [note]


def _by_position(header: Header, numbers: Sequence[FloatArray], index: bool) -> tuple[Choice, list[Caveat]]:
    """Wavelength, flux, error in this order; a first column that only counts the rows is none of them."""
    first = 1 if index and _like_wavelengths(numbers[1], strictly=False) else 0
    if not _in_order(numbers[first]):
        better = [i + 1 for i, values in enumerate(numbers) if _like_wavelengths(values)]
        if better:
            said = header.doubted or "no line names the columns"
            raise Unreadable(f"column {better[0]} looks like the wavelengths, column {first + 1} does not ({said!r})")
    if len(numbers) > first + 1 and _like_wavelengths(numbers[first + 1]) and _like_wavelengths(numbers[first]):
        said = header.doubted or "no line names the columns"
        raise Unreadable(f"columns {first + 1} and {first + 2} both look like wavelengths ({said!r})")
    width = len(numbers) - first
    if header.doubted is not None and width > 2 and header.other_before_flux:
        raise Unreadable(
            f"{header.doubted!r} speaks of columns that cannot be matched with the {len(numbers)} there are"
        )
    roles: Sequence[str] = ("wavelength", "flux", "error")[: min(width, 3)]
    if len(roles) < 2:
        raise Unreadable(f"a table with {width} column(s), where wavelength and flux are needed")
    notes = []
    if first:
        notes.append(guessed("the first column only counts the rows; the next ones are taken for wavelength and flux"))
    if header.doubted is not None:
        text = (
            f"columns taken by position, 1 wavelength, 2 flux: {header.doubted!r} does not name {len(numbers)} columns"
        )
        notes.append(guessed(text))
    if width > 2:
        roles, note = _third(roles, numbers[first + 1], numbers[first + 2], width)
        notes += [note] if note else []
    at = {role: first + i for i, role in enumerate(roles)}
    return Choice(at=at, columns=[understood("")] * len(numbers)), notes


def _third(
    roles: Sequence[str], flux: FloatArray, third: FloatArray, width: int
) -> tuple[Sequence[str], Caveat | None]:
    """Whether a third column without a name can be the error: not negative, and not as large as the flux."""
    seen = third[np.isfinite(third)]
    usual = float(np.nanmedian(np.abs(flux))) if np.isfinite(flux).any() else 0.0
    fits = seen.size and (seen >= 0).all() and float(np.median(seen)) < usual
    if not fits or width > 3:
        return roles[:2], guessed(f"of {width} columns without names the first two are taken for wavelength and flux")
    return roles, None


def _in_order(values: FloatArray) -> bool:
    seen = values[np.isfinite(values)]
    steps = np.diff(seen)
    return seen.size > 2 and bool((steps >= 0).mean() > 0.98 or (steps <= 0).mean() > 0.98)


def _like_wavelengths(values: FloatArray, *, strictly: bool = True) -> bool:
    seen = values[np.isfinite(values)]
    low, high = _OPTICAL_A
    return (
        _in_order(values) and bool(seen.min() >= low and seen.max() <= high) and (not strictly or seen[0] != seen[-1])
    )


def _said_observed(choice: Choice) -> bool:
    axis = choice.axis
    return axis is not None and choice.columns[choice.at[axis]].observed
