"""Why an answer is believed: matches at both redshifts and where the networks looked, in a terminal or a file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from iris_client.quality.control import examine
from models.domain import FINE_CLASSES, Report
from models.domain.looked import WINDOW_A, Looked
from plugin.cycle.spectra.lines import LINES
from plugin.cycle.spectra.looked import DISCLAIMER, from_facts, looked_at, to_facts
from plugin.cycle.spectra.overlays import no_redshift, panels
from plugin.cycle.spectra.producer import without_secrets
from plugin.parts import make_analyst, quality_rules
from plugin.settings import Settings
from plugin.sources.marshal import make_source
from plugin.store import Filed

__all__ = ["looked_into", "looked_table", "match_tables", "redshift_of", "strongest", "to_facts", "write_picture"]
_STRONGEST: Final = 5
_BLUEWARD_A: Final = 250.0
"""How far blueward of a line at rest its absorption is looked for: 12,000 km/s at 6355 Angstrom."""


def match_tables(report: Report) -> Iterator[RenderableType]:
    """The matches at the redshift that is told, and the best one at the other; none where there are no matches."""
    if not report.matches:
        return
    table = Table("at z", "match", "class", "subtype", "phase", "score", "from", title="matches", title_justify="left")
    for match in report.matches:
        table.add_row(*_cells(match))
    if report.other_match is not None:
        table.add_section()
        table.add_row(*_cells(report.other_match))
    yield table
    if (excuse := no_redshift(report)) is not None:
        yield f"  [yellow]{escape(excuse.replace('no match is drawn', 'none of these matches can be'))}[/]"
    for panel in panels(report):
        if panel.doubts:
            yield f"  [yellow]{escape(panel.words)}: but {escape('; '.join(panel.doubts))}[/]"


def looked_table(looked: Looked, redshift: float | None) -> Iterator[RenderableType]:
    """The windows whose loss changes the answer most; with the lines of the class that may stand there."""
    label = FINE_CLASSES[looked.label]
    yield f"  {escape(DISCLAIMER.format(label=label))}"
    table = Table("observed, \u00c5", "at rest", "nats", "lines of the class there")
    for i in strongest(looked.change, looked.wavelength_A):
        at = float(looked.wavelength_A[i])
        rest = "" if redshift is None else f"{at / (1 + redshift):.0f}"
        near = "" if redshift is None else ", ".join(lines_at(label, at / (1 + redshift)))
        table.add_row(f"{at - WINDOW_A / 2:.0f}-{at + WINDOW_A / 2:.0f}", rest, f"{looked.change[i]:+.2f}", near)
    yield table


def looked_into(settings: Settings, filed: Filed) -> tuple[Looked, str]:
    """Where the networks looked, as it is on file, or found now from the marshal's spectrum; and what to know of that.

    Raises
    ------
    UpstreamError
        If the marshal does not give the spectrum.
    ValueError
        If the spectrum is not good enough any more.
    """
    kept = from_facts(filed.facts)
    if kept is not None:
        return kept, ""
    with closing(make_source(settings)) as marshal:
        raw = without_secrets(marshal.spectrum(filed.subject.id), settings.secrets)
    spectrum = examine(raw, quality_rules(settings)).spectrum
    if spectrum is None:
        raise ValueError(f"spectrum {filed.subject.id} does not pass quality control any more")
    analyst = make_analyst(settings)
    looking = getattr(analyst, "looked", None)
    looked = None if looking is None else looked_at(filed.report, spectrum, looking)
    if looked is None:
        raise ValueError(f"{analyst.bundle_id} cannot say where it looked")
    other = "" if analyst.bundle_id == filed.report.bundle else f"; asked of {analyst.bundle_id}, which did not answer"
    return looked, other


def redshift_of(report: Report) -> float | None:
    """The known redshift, else the one that is found and believed."""
    told = report.redshift
    return None if told is None else told.known if told.known is not None else told.value


def strongest(change: np.ndarray, wavelength_A: np.ndarray) -> Sequence[int]:
    """The windows with most change, of those that overlap only the first."""
    chosen: list[int] = []
    for i in np.argsort(-np.abs(change), kind="stable"):
        if all(abs(wavelength_A[i] - wavelength_A[j]) >= WINDOW_A for j in chosen):
            chosen.append(int(i))
        if len(chosen) == _STRONGEST:
            break
    return chosen


def lines_at(label: str, rest_A: float) -> list[str]:
    """Lines of a class whose emission or absorption lies in a window around a rest wavelength."""
    half = WINDOW_A / 2
    return [name for name, line in LINES[label] if line - _BLUEWARD_A - half <= rest_A <= line + half]


def write_picture(filed: Filed, path: Path) -> None:
    """Write the picture of a spectrum as a file of its own, SVG.

    Raises
    ------
    ValueError
        If nothing of the spectrum was kept that could be drawn.
    """
    from plugin.web.look.alone import picture_alone  # the pages' drawings, which nothing else of the service needs

    path.write_text(picture_alone(filed), encoding="utf-8")


def _cells(match: Mapping[str, object]) -> list[str]:
    phase = match.get("phase_days")
    days = "" if phase is None else f"{float(str(phase)):+.0f} d"
    texts = (match["object"], match["class"], match.get("subtype") or "", days, match["score"], match.get("source", ""))
    return [f"{float(str(match['redshift'])):.4f}", *(escape(str(t)) for t in texts)]
