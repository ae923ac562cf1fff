"""The numbers of a text table: how its lines are split, and what its cells mean.

Separators are blanks, tabs, commas, semicolons, bars or ampersands; the decimal sign is a point, or a comma where
something else separates. `1.5D-16` and `1.5-116` are Fortran's, INDEF is IRAF's.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from iris_client.files.trouble import Unreadable

Cell = float | str | None

_MISSING: Final = frozenset(
    {"", "-", "--", "---", "?", "...", "null", "none", "masked", "n/a", "na", "nan", "-nan", "+nan", "#n/a", "undef",
     "undefined", "indef", "indefr", "indefd", "missing", "nodata", "void"}
)  # fmt: skip
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z|[-+]?inf(?:inity)?\Z", re.IGNORECASE)
_FORTRAN: Final = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))[dDqQ]([-+]?\d+)\Z")
_NO_LETTER: Final = re.compile(r"([-+]?\d*\.\d+)([-+]\d{2,3})\Z")
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d*,\d+(?:[eEdD][-+]?\d+)?\Z")
_THOUSANDS: Final = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+\.\d*(?:[eE][-+]?\d+)?\Z")
_LOOSE: Final = re.compile(r"\s*[,;\t]\s*|\s+")
_SAMPLE: Final = 200


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a line becomes cells.

    Parameters
    ----------
    separator : str
        One character; empty for blanks, and for a mixture of everything.
    decimal_comma : bool
    """

    separator: str
    decimal_comma: bool = False

    def split(self, line: str) -> list[str]:
        """The cells of a line; a separator at its end makes none, an empty cell in its middle does."""
        line = line.strip().rstrip("\\").strip() if self.separator == "&" else line.strip(" \r\n")
        if self.separator == "|":
            line = line.strip().strip("|")
        if not self.separator:
            bare = line.strip()
            return (bare.split() if self.decimal_comma else _LOOSE.split(bare.rstrip(",; \t"))) if bare else []
        quoted = '"' in line and self.separator in ",;\t"
        cells = next(csv.reader([line], delimiter=self.separator), []) if quoted else line.split(self.separator)
        cells = [cell.strip() for cell in cells]
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
        return cells

    def cell(self, word: str) -> Cell:
        """A number, None for a missing one, or the text itself: quality control will say what it thinks of that."""
        word = word.strip().strip("\"'").strip().replace("\u2212", "-")
        if self.decimal_comma:
            word = word.replace(",", ".", 1)
        if _NUMBER.match(word):
            return float(word)
        if word.lower() in _MISSING or (word and not word.strip("*")):  # ***** is a Fortran field that overflowed
            return None
        fortran = _FORTRAN.match(word) or _NO_LETTER.match(word)
        return float(f"{fortran.group(1)}e{fortran.group(2)}") if fortran else word[:40]


def dialect_of(lines: Sequence[str]) -> Dialect:
    """How the lines of a table are split, from the first of them.

    Raises
    ------
    Unreadable
        If a comma could be the decimal sign as well as the separator.
    """
    sample = [line for line in lines[:_SAMPLE] if line.strip()]
    separator = next((s for s in "|&;\t" if _throughout(sample, s)), "")
    separator = separator or ("," if _throughout(sample, '","') else "")
    rows = [Dialect(separator, decimal_comma=True).split(line) for line in sample]
    cells = [cell for row in rows for cell in row]
    thousands = next((cell for cell in cells if _THOUSANDS.match(cell.strip("\"'"))), None)
    if thousands is not None:
        raise Unreadable(f"{thousands[:30]!r} has a comma for the thousands; numbers without it are needed")
    if _is_decimal_comma(rows):
        return Dialect(separator, decimal_comma=True)
    if separator in ("|", "&"):
        return Dialect(separator)
    if _torn(sample):
        raise Unreadable(f"in {sample[0].strip()[:40]!r} commas could be decimal signs as well as separators")
    return Dialect("," if _throughout(sample, ",") else separator if _single(sample, separator) else "")


def _throughout(sample: Sequence[str], separator: str) -> bool:
    """Whether it stands between the cells of nearly every line."""
    with_it = sum(separator in line.strip().strip(separator) for line in sample)
    return bool(sample) and with_it > 0.8 * len(sample)


def _single(sample: Sequence[str], separator: str) -> bool:
    """Whether no cell between two separators holds several numbers: `3500.0\t1.0 0.1` is split at blanks, too."""
    return bool(separator) and not any(" " in cell.strip() for line in sample for cell in line.split(separator))


def _is_decimal_comma(rows: Sequence[Sequence[str]]) -> bool:
    """Whether commas are inside the cells, and no point is the decimal sign.

    Two numbers with a comma between them and nothing else on the line are two columns.
    """
    if any(len(row) < 2 for row in rows):
        return False
    cells = [cell.strip("\"'") for row in rows for cell in row]
    with_comma = [cell for cell in cells if "," in cell]
    point = any("." in cell and _NUMBER.match(cell) for cell in cells)
    return bool(with_comma) and not point and all(map(_DECIMAL_COMMA.match, with_comma))


def _torn(sample: Sequence[str]) -> bool:
    """Whether commas alone separate, all cells are whole numbers, and some of them begin with a zero as only
    decimals do: `3500,00,1,01451`.
    """
    rows = [line.strip().rstrip(",").split(",") for line in sample]
    cells = [cell.strip() for row in rows for cell in row]
    whole = all(cell.lstrip("+-").isdigit() for cell in cells)
    return whole and len(rows[0]) >= 3 and any(len(c) > 1 and c.startswith("0") for c in cells)
