"""Which matches a person is shown over a spectrum, and what is said of each: a wrong one must not look right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.domain import Report
from models.matching.overlay import Overlay, laid_over
from plugin.cycle.spectra.matched import named

Floats = NDArray[np.float64]
Matched = Callable[[str], tuple[Floats, Floats]]
"""From the id of a spectrum of the bank to rest wavelength in Angstrom and flux, NaN where missing."""
SURE: Final = 0.9
"""Share of the best peak. Of smaller ones 46 of 151 redshifts were wrong on the `select` split, of larger 15 of 445."""
EXCUSE: Final = "No redshift can be believed, so no match is drawn"
_SIMULATED: Final = "simulat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One match at one redshift.

    Parameters
    ----------
    redshift : float
        At which lines are marked; `match_redshift` is where this match fits best, within some lags of it.
    words : str
        Whose redshift it is, and which match: to be read before the picture is believed.
    doubts : tuple of str
        What speaks against it.
    """

    match: Mapping[str, object]
    redshift: float
    words: str
    doubts: tuple[str, ...] = ()

    def overlay(self, wave: Floats, flux: Floats, matched: Matched) -> Overlay:
        """The match in the units of the spectrum."""
        at_rest, flux_at_rest = matched(str(self.match["spectrum"]))
        return laid_over(wave, flux, at_rest, flux_at_rest, float(str(self.match["redshift"])))


def panels(report: Report) -> tuple[Panel, ...]:
    """The best match, and that at the other redshift where there is one; none where no redshift can be believed."""
    told = report.redshift
    if told is None or not report.matches or (told.value is None and told.known is None):
        return ()
    known, best = told.known, f"z = {told.best:.4f}, share {told.share:.2f}"
    doubts = [] if told.agrees is not False else [f"the spectrum shows z = {told.best:.4f}"]
    if known is None and told.share < SURE:
        doubts.append(f"a redshift with a share below {SURE} is often wrong")
    origin = f" ({told.known_origin})" if told.known_origin else ""
    where = f"At {best}" if known is None else f"At the known z = {known:.4f}{origin}"
    first = told.best if known is None else known
    found = [_panel(report, report.matches[0], first, where, doubts)]
    if report.other_match is None:
        return tuple(found)
    if known is not None:
        found.append(_panel(report, report.other_match, told.best, f"At {best}, found without the known one", []))
    elif told.second is not None and told.second_share is not None:
        where = f"Or at z = {told.second:.4f}, share {told.second_share:.2f}"
        found.append(_panel(report, report.other_match, told.second, where, []))
    return tuple(found)


def no_redshift(report: Report) -> str | None:
    """The sentence for a spectrum whose redshift cannot be believed, with its best guesses; None for others."""
    told = report.redshift
    if told is None or told.value is not None or told.known is not None:
        return None
    guesses = f"z = {told.best:.4f} (share {told.share:.2f})"
    if told.second is not None:
        guesses += f" or {told.second:.4f} ({told.second_share:.2f})"
    return f"{EXCUSE}. The best guesses are {guesses}."


def _panel(report: Report, match: Mapping[str, object], redshift: float, where: str, doubts: list[str]) -> Panel:
    verdict = report.verdict
    if verdict is not None and match["class"] != verdict.label:
        doubts = [*doubts, f"this match is of another class than the answer, {verdict.label}"]
    if _SIMULATED in str(match.get("source", "")).lower():
        doubts = [*doubts, "this match is simulated"]
    words = f"{where}: {named(match)}, score {float(str(match['score'])):.2f}"
    return Panel(match=match, redshift=redshift, words=words, doubts=tuple(doubts))


def fits(explained: float | None) -> str:
    """How much of the lines a match explains, in words; empty where it cannot be said."""
    if explained is None:
        return ""
    return f"explains {max(explained, 0.0):.0%} of what a smooth curve leaves"
