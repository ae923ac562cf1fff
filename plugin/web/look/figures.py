"""The figures of one spectrum, from what is kept beside its report: on its page, and in a file."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from models.domain import FINE_CLASSES
from plugin.cycle.spectra.looked import DISCLAIMER, from_facts
from plugin.cycle.spectra.overlays import fits, no_redshift, panels
from plugin.cycle.spectra.sketch import unpacked
from plugin.store import Filed
from plugin.web.look.match import draw_looked, draw_match
from plugin.web.look.spectrum import draw

_MOST_CLASSES: Final = 3


class Figure(NamedTuple):
    """A picture and its words; `doubts` are what speaks against it."""

    words: str
    doubts: tuple[str, ...]
    picture: Markup


def figures_of(filed: Filed) -> list[Figure]:
    """Matches or the spectrum alone, and where the networks looked; none where nothing was kept to draw."""
    shown = match_figures(filed)
    if not shown and (alone := spectrum_picture(filed)) is not None:
        shown = [Figure(no_redshift(filed.report) or f"Spectrum {filed.subject.id}", (), alone)]
    looked = looked_figure(filed)
    return shown if looked is None else [*shown, looked]


def match_figures(filed: Filed) -> list[Figure]:
    """The spectrum over its best match, and over that at another redshift; none where none can be believed."""
    report, ours = filed.report, unpacked(filed.facts.get("sketch"))
    found = []
    for n, panel in enumerate(panels(report), 1):
        theirs = unpacked(filed.facts.get(f"match_{n}"))
        if ours is None or theirs is None or report.verdict is None:
            continue
        alt = f"Spectrum {filed.subject.id} and a match over it, with what it leaves. {panel.words}."
        picture = draw_match(
            ours, theirs, label=report.verdict.label, redshift=panel.redshift, alt=alt, doubted=bool(panel.doubts)
        )
        explained = filed.facts.get(f"match_{n}_fit")
        said = fits(float(explained) if isinstance(explained, int | float) else None)
        found.append(Figure("; ".join(filter(None, (panel.words, said))), panel.doubts, picture))
    return found


def spectrum_picture(
    filed: Filed, *, redshift: float | None = None, lines: Sequence[str] = (), why: str = ""
) -> Markup | None:
    """The spectrum alone, with the lines of some classes; None where no line of it was kept."""
    line, verdict = unpacked(filed.facts.get("sketch")), filed.report.verdict
    if line is None:
        return None
    alt = f"Flux against wavelength of spectrum {filed.subject.id}. {why}".strip()
    label = None if verdict is None else verdict.label
    return draw(*line, label=label, redshift=redshift, alt=alt, lines=lines[:_MOST_CLASSES])


def looked_figure(filed: Filed) -> Figure | None:
    """Where the networks looked; None where nobody has asked yet."""
    found = from_facts(filed.facts)
    if found is None:
        return None
    words = DISCLAIMER.format(label=FINE_CLASSES[found.label])
    return Figure(words, (), draw_looked(found, alt=words))
