"""Which of several named columns is the wavelength, which the flux, and what goes with it.

One column that fits best is taken; of two that fit equally well neither is, and the refusal names both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from iris_client.files.names import OBSERVED, REST, WORD, Column, understood
from iris_client.files.trouble import Unreadable
from iris_client.quality.units import parsed

_WAVELENGTHS: Final = ("wavelength", "log_wavelength", "ln_wavelength", "frequency")
_PARTNERS: Final = ("error", "ivar", "variance")
_PLAIN_WORDS: Final = (
    "flux f cal calibrated corr total coadd combined object obj sci science final source target density sky sub "
    "subtracted spectrum lambda telluric corrected one d"
)
_AS_GOOD: Final = frozenset(_PLAIN_WORDS.split()) | OBSERVED
"""Words beside `flux` that say nothing against it."""
_WORSE: Final = {
    "reduced": 1, "opt": 1, "optimal": 1, "flam": 0, "weighted": 1, "box": 3, "boxcar": 3, "sum": 3, "ap": 3,
    "norm": 5, "normalized": 5, "normalised": 5, "smooth": 5, "smoothed": 5, "dered": 5, "dereddened": 5, "raw": 5,
    "uncal": 5, "uncalibrated": 5, "scaled": 5, "filtered": 5, "binned": 5, "air": 1, "vac": 1, "vacuum": 1,
    "rest": 9, "restframe": 9, "emitted": 9, "deredshifted": 9,
}  # fmt: skip
_DOUBTFUL: Final = 5
"""From this on a word beside `flux` is worth a caveat."""
_COUNTS: Final = 20
"""Counts are taken only where there is no flux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Positions of the columns that are used.

    Parameters
    ----------
    at : mapping of str to int
        By role: one of the wavelength's, `flux`, and perhaps `error`, `ivar` or `variance`, `mask`, `good`.
    columns : sequence of Column
        All of them.
    doubt : str or None
        What is to be said of the flux: that the only one there is smoothed, normalised or the like.
    """

    at: dict[str, int]
    columns: Sequence[Column] = field(repr=False)
    doubt: str | None = None

    @property
    def axis(self) -> str | None:
        """The role under which the wavelength is known; None when no column is it."""
        return next((role for role in _WAVELENGTHS if role in self.at), None)

    @property
    def rest(self) -> str | None:
        """The name of the wavelengths, where it says that they are at rest."""
        column = None if self.axis is None else self.columns[self.at[self.axis]]
        return column.name if column is not None and column.rest else None

    def unit(self, role: str | None) -> str | None:
        """The unit of the column in that role."""
        return None if role is None or role not in self.at else self.columns[self.at[role]].unit

    def described(self) -> str:
        """Which columns are what, in words."""
        said = []
        for role, position in sorted(self.at.items(), key=lambda item: (item[0] != self.axis, item[0] != "flux")):
            name = self.columns[position].name.strip()
            said.append(f"{role.replace('_', ' ')} from column {position + 1}" + (f" {name[:30]!r}" if name else ""))
        return ", ".join(said)


def choose(names: Iterable[str], units: Sequence[str | None] | None = None) -> Choice:
    """Choose among named columns; what no name tells is not in the choice.

    Parameters
    ----------
    units : sequence of str or None
        Of each column, where the file gives them apart from the names.

    Raises
    ------
    Unreadable
        If two columns are as good for one role.
    """
    names = list(names)
    given = list(units) if units is not None else [None] * len(names)
    columns = [understood(name, unit) for name, unit in zip(names, given, strict=True)]
    at: dict[str, int] = {}
    flux = _best(columns, ("flux", "counts"), "flux")
    if flux is not None:
        at["flux"] = flux
    for role in _WAVELENGTHS:
        position = _best(columns, (role,), "wavelength")
        # Observed wavelengths on a logarithmic scale are better than linear ones at rest.
        if position is not None and (not at.keys() & set(_WAVELENGTHS) or _only_rest(columns, at)):
            at = {k: v for k, v in at.items() if k not in _WAVELENGTHS} | {role: position}
    at |= _partner(columns, at)
    for role in ("mask", "good"):
        own = _qualifiers(columns[at["flux"]]) if "flux" in at else frozenset()
        found = sorted((len(own ^ _qualifiers(c)), i) for i, c in enumerate(columns) if c.role == role)
        if found and [apart for apart, _ in found].count(found[0][0]) == 1:
            at[role] = found[0][1]
    odd = "flux" in at and any(_WORSE.get(word, 0) >= _DOUBTFUL for word in columns[at["flux"]].words)
    doubt = f"the only flux there is is called {columns[at['flux']].name[:40]!r}" if odd else None
    return Choice(at=at, columns=columns, doubt=doubt)


def _only_rest(columns: Sequence[Column], at: dict[str, int]) -> bool:
    return any(columns[at[role]].rest for role in _WAVELENGTHS if role in at)


def _best(columns: Sequence[Column], roles: tuple[str, ...], what: str) -> int | None:
    ranked = sorted((_rank(column), i) for i, column in enumerate(columns) if column.role in roles)
    if not ranked:
        return None
    (best, position), *others = ranked
    equal = [i for rank, i in others if rank == best]
    if equal and best != _rank_of_air():
        listed = " and ".join(repr(columns[i].name[:40]) for i in [position, *equal][:4])
        raise Unreadable(f"columns {listed} could each be the {what}; which one is meant?")
    return position


def _rank_of_air() -> int:
    """Air and vacuum wavelengths differ by less than anybody sees here: of both the first is taken."""
    return _WORSE["air"]


def _rank(column: Column) -> int:
    rank = _COUNTS if column.role == "counts" or _is_counts(column.unit) else 0
    if column.role == "flux" and not any("fl" in word for word in column.words):
        rank += 3  # `spectrum`, `y`, `data`
    for word in column.words | (column.remark & (REST | _WORSE.keys())):
        if word in _WORSE:
            rank += _WORSE[word]
        elif word not in _AS_GOOD and word not in WORD and len(word) > 1:
            rank += 2
    return rank


def _is_counts(unit: str | None) -> bool:
    found = parsed(unit) if unit else None
    return found is not None and any(str(base) in ("ct", "electron", "adu") for base in found.bases)


def _partner(columns: Sequence[Column], at: dict[str, int]) -> dict[str, int]:
    """The error whose name is most like the flux's; none that is the error of another column."""
    if "flux" not in at:
        return {}
    flux = columns[at["flux"]]
    own = _qualifiers(flux)
    found = []
    for i, column in enumerate(columns):
        if column.role in _PARTNERS:
            theirs = _qualifiers(column)
            if not (theirs - own) & {"opt", "box", "counts", "reduced", "flam"}:
                found.append((len(own ^ theirs), _PARTNERS.index(column.role), i, column.role))
    return {min(found)[3]: min(found)[2]} if found else {}


def _qualifiers(column: Column) -> frozenset[str]:
    ignored = ("error", "variance", "ivar", "inverse", "flux", "mask", "good")
    return frozenset(w for w in column.words if WORD.get(w) not in ignored or w == "flam") - REST - {"e", "f", "d", "s"}
