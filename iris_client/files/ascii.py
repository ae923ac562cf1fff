"""One spectrum in a text table: two or three columns, split by blanks, commas, semicolons or tabs."""

import re
from collections.abc import Sequence
from typing import Final

from iris_client.files.trouble import Unreadable, find_columns
from models.domain import RawSpectrum

_COMMENT: Final = ("#", "%", "!", "//", ";", "\\", "|")
_MISSING: Final = {"", "--", "null", "none", "masked", "n/a", "na"}
_SPLIT: Final = re.compile(r"\s*[,;\t]\s*|\s+")
_HAS_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f]")

Cell = float | str | None


def read_ascii(content: bytes, stem: str) -> RawSpectrum:
    """Read a text table: wavelength, flux and perhaps an error, or columns in any order under their names.

    Raises
    ------
    Unreadable
        If it is not text, has no rows, or has fewer than two columns.
    """
    header, rows = _table(_text(content))
    if not rows:
        raise Unreadable("no line of numbers in it")
    columns = find_columns(header)
    if not {"wavelength", "flux"} <= set(columns):
        columns = {"wavelength": 0, "flux": 1, "error": 2}
    widths = {len(row) for row in rows}
    if min(widths) <= max(columns["wavelength"], columns["flux"]):
        raise Unreadable(f"a line with {min(widths)} column(s), where wavelength and flux are needed")
    return RawSpectrum(
        spectrum_id=stem,
        wavelengths=_column(rows, columns["wavelength"]),
        fluxes=_column(rows, columns["flux"]),
        errors=_column(rows, columns["error"]) if columns.get("error", 99) < min(widths) else None,
    )


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if _HAS_CONTROL.search(text[:4096]):
        raise Unreadable("neither Parquet, FITS nor text")
    return text


def _table(text: str) -> tuple[list[str], list[list[Cell]]]:
    """The column names, if any line before the numbers gives them, and the rows."""
    header: list[str] = []
    rows: list[list[Cell]] = []
    for line in text.splitlines():
        words = _words(line)
        if not words:
            continue
        comment = line.lstrip().startswith(_COMMENT)
        cells = [] if comment else [_cell(word) for word in words]
        if cells and (rows or isinstance(cells[0], float)):
            rows.append(cells)
        elif not rows and len(find_columns(words)) >= 2:
            header = words
    return header, rows


def _words(line: str) -> list[str]:
    """The cells of a line; a comma at its end makes none, an empty cell in its middle does, a unit in brackets not."""
    bare = line.strip().lstrip("#%!|\\/ ").rstrip(",;| \t")
    return [word for word in _SPLIT.split(bare) if not word.startswith(("(", "["))] if bare else []


def _cell(word: str) -> Cell:
    """A number, None for a missing one, or the text itself: quality control will say what it thinks of that."""
    word = word.strip("\"'")
    if word.lower() in _MISSING:
        return None
    try:
        return float(word)
    except ValueError:
        return word[:40]


def _column(rows: Sequence[Sequence[Cell]], position: int) -> list[Cell]:
    return [row[position] for row in rows]
