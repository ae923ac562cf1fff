"""Measured figures that notes quote: those of spectra like the ones listed, for answers chosen as the note chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from models.card_fields import BundleCard, DomainFields, IntervalFields
from models.conformal.domains import ALL, HIGH, LOW
from models.conformal.purity import COLUMNS, Chosen, Purities, purities_of
from models.domain import FINE_CLASSES, Confidence
from plugin.notes.wording import listed

KNOWN_REDSHIFT: Final = ", redshift known"
RESOLUTIONS: Final = {
    LOW: "low resolution (such as the SED Machine's)",
    HIGH: "higher resolution (long-slit spectrographs)",
    ALL: "any resolution",
}
"""The domains that figures are measured for, in words."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured fraction with its 95 % interval, and what it was counted from where that is known."""

    value: float
    low: float
    high: float
    counts: str = ""

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"

    @property
    def in_full(self) -> str:
        """With the counts."""
        return f"{str(self)[:-1]}; {self.counts})" if self.counts else str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of one class: None where nothing was called so, or nothing is so."""

    purity: Figure | None = None
    recall: Figure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFigures:
    """Of spectra of one resolution.

    Parameters
    ----------
    measured : mapping of str to Measured
        By class.
    spectra : mapping of str to int
        How many spectra of each class they were measured on.
    """

    measured: Mapping[str, Measured]
    spectra: Mapping[str, int]

    @property
    def test(self) -> str:
        """What they were measured on: "222 spectra (SN Ia 112, SN Ibc 20...)"."""
        mix = ", ".join(f"{label} {count}" for label, count in self.spectra.items() if count)
        return f"{sum(self.spectra.values())} spectra ({mix})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Purity and recall of the classes.

    Parameters
    ----------
    domains : mapping of str to DomainFigures
        By the name of the domain.
    of_selection : bool
        Whether they are of answers chosen as the note chooses; otherwise of every answer.
    """

    domains: Mapping[str, DomainFigures] = field(default_factory=dict)
    of_selection: bool = True

    def domain_of(self, confidence: Confidence | None) -> str | None:
        """Whose figures hold for an answer; None where none were measured for spectra like it."""
        name = "" if confidence is None else (confidence.calibration_cell or "").removesuffix(KNOWN_REDSHIFT)
        return name if name in self.domains else None


def brief_figures(figures: DomainFigures, labels: Sequence[str], *, recall: bool = True) -> str:
    """Purity / recall of some classes, for the abstract; or purity alone."""
    parts = []
    for label in labels:
        found = figures.measured.get(label, Measured())
        parts.append(f"{label} {_or_not(found.purity)}{f' / {_or_not(found.recall)}' if recall else ''}")
    return ", ".join(parts)


def full_figures(figures: DomainFigures, labels: Sequence[str]) -> str:
    """The same in words with counts, for the body."""
    parts = []
    for label in labels:
        found = figures.measured.get(label, Measured())
        purity, recall = ("not measured" if f is None else f.in_full for f in (found.purity, found.recall))
        parts.append(f"the purity of {label} is {purity} and its recall {recall}")
    return listed(parts)


def selected_figures(folder: Path, card: BundleCard, *, least: float, alpha: float) -> Figures:
    """Of answers with at least a probability and one class left, on the bundle's calibration spectra.

    No network learned from these. A bundle without their probabilities has only its card's figures, which are of every
    answer.

    Raises
    ------
    OSError
        If a file of the bundle cannot be read.
    """
    if "sentinel" not in card:
        return card_figures(card)
    purities = _calibration(folder)
    found = {name: _of_domain(purities, name, least, alpha) for name in RESOLUTIONS}
    return Figures(domains={name: figures for name, figures in found.items() if figures is not None})


def card_figures(card: BundleCard) -> Figures:
    """Those of a card's test spectra, by resolution: of every answer, not only of the sure ones."""
    metrics = card.get("metrics")
    domains = {} if metrics is None else metrics.get("domains", {})
    return Figures(domains={name: _of_card(fields) for name, fields in domains.items()}, of_selection=False)


def _calibration(folder: Path) -> Purities:
    from safetensors.numpy import load_file

    from models.sentinel.stored import CALIBRATION

    arrays = load_file(folder / CALIBRATION)
    return purities_of({name: arrays[name] for name in COLUMNS if name in arrays})


def _of_domain(purities: Purities, name: str, least: float, alpha: float) -> DomainFigures | None:
    found = {label: purities.chosen(label, name, least=least, alpha=alpha) for label in FINE_CLASSES}
    counted = {label: chosen for label, chosen in found.items() if chosen is not None}
    if not counted:
        return None
    return DomainFigures(
        measured={label: _measured(chosen) for label, chosen in counted.items()},
        spectra={label: chosen.members for label, chosen in counted.items()},
    )


def _measured(chosen: Chosen) -> Measured:
    purity, recall = chosen.purity, chosen.recall
    return Measured(
        purity=None if purity is None else Figure(*purity, f"{chosen.right} of {chosen.chosen} spectra"),
        recall=None if recall is None else Figure(*recall, f"{chosen.right} of {chosen.members} spectra"),
    )


def _of_card(fields: DomainFields) -> DomainFigures:
    real = fields["real"]
    return DomainFigures(
        measured={
            label: Measured(purity=_interval(real["precision"].get(label)), recall=_interval(real["recall"].get(label)))
            for label in FINE_CLASSES
        },
        spectra={label: counts["spectra"] for label, counts in real["class_mix"].items()},
    )


def _interval(found: IntervalFields | None) -> Figure | None:
    return None if found is None else Figure(found["value"], found["low"], found["high"])


def _or_not(figure: Figure | None) -> str:
    return "not measured" if figure is None else str(figure)
