"""Notes about photometric candidates: what NEEDLE finds by light curve and host galaxy, without a spectrum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from models.card_fields import IntervalFields, NeedleCard
from models.domain import NEEDLE_CLASSES, HostVerdict
from plugin.notes import wording
from plugin.notes.draft import Facts, Text
from plugin.notes.entries import Entry
from plugin.notes.figures import Figure, Measured
from plugin.notes.kinds.track_record import TrackRecord
from plugin.notes.period import Period
from plugin.notes.related import TNS_COLUMNS, Redshift, RelatedObject, known_redshift, matched_redshift, row
from plugin.notes.rules import NO_ANSWER, OLD, recent
from plugin.notes.wording import Sentence
from plugin.store import Filed

CANDIDATES: Final = ("TDE", "SLSN-I")
"""What NEEDLE looks for, in the table's order."""
ORDINARY: Final = "called an ordinary supernova"
UNSURE: Final = "with a score below the threshold"
KEPT: Final = 30
"""Rows of a score history from which on earlier ones are not kept (`models.needle.objects.EPOCHS`)."""
_SPECTRAL: Final = {"SLSN-I": "SLSN", "TDE": "TDE"}
"""What a spectrum of each would be called."""
_BANDS: Final = (("g", "n_g"), ("r", "n_r"))
_MJD: Final = datetime(1858, 11, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatesKind:
    """What makes a light curve worth announcing.

    Parameters
    ----------
    figures : mapping of str to Measured
        Purity, and the share of all objects of the class that is found, at `min_score`.
    mix : str
        The class mix they hold for.
    min_score : float
        Of the class. NEEDLE's scores are tuned so that this is where its purity was chosen.
    record : TrackRecord or None
        What became of what was above the threshold; None for a note that does not tell it.
    """

    figures: Mapping[str, Measured] = field(default_factory=dict)
    mix: str = "SN, SLSN-I and TDE as 2559 : 14 : 15"
    min_score: float = 0.8
    record: TrackRecord | None = None
    name: str = "candidates"
    columns: tuple[str, ...] = (
        *TNS_COLUMNS, "Score", "Detections", "Days to threshold", "Host", "Model", "Spectrum"
    )  # fmt: skip

    def judge(self, entries: Sequence[Entry], period: Period) -> Entry | str:
        """The answer about the object; see `plugin.notes.rules.Judge`."""
        (entry, *_) = sorted(entries, key=_latest, reverse=True)
        verdict = entry.report.host_verdict
        if verdict is None:
            return NO_ANSWER
        if not recent(_latest(entry), period):
            return OLD
        if verdict.label not in CANDIDATES:
            return ORDINARY
        return entry if verdict.probabilities[verdict.label] >= self.min_score else UNSURE

    def answer(self, entry: Entry) -> str:
        """The class."""
        return entry.report.host_verdict.label if entry.report.host_verdict else ""

    def rank(self, entry: Entry) -> tuple[float | str, ...]:
        """By class, then by score."""
        return CANDIDATES.index(self.answer(entry)), -_score(entry)

    def model(self, entry: Entry) -> str:
        """Name and fingerprint, without the variant."""
        return entry.report.bundle.partition(" ")[0]

    def row(self, entry: Entry) -> RelatedObject:
        """One object."""
        verdict, label = entry.report.host_verdict, self.answer(entry)
        assert verdict is not None
        spectrum, agrees = _spectrum(entry.spectra, label)
        return row(
            entry,
            label=label,
            answer=label,
            source=f"alerts until {_latest(entry)[:10]}" if _latest(entry) else "alerts",
            remarks=[] if agrees else ["the spectrum speaks for another class"],
            redshift=_redshift(entry, verdict),
            more=(
                f"{_score(entry):.2f}",
                ", ".join(
                    f"{band} {entry.facts[key]}" for band, key in (("g", "n_g"), ("r", "n_r")) if key in entry.facts
                ),
                _days_to_threshold(verdict, self.min_score),
                _host(verdict),
                self.model(entry),
                spectrum,
            ),
        )

    def text(self, facts: Facts) -> Text:
        """The words."""
        counts = {c: facts.counts[c] for c in CANDIDATES if facts.counts.get(c)}
        chosen, what = facts.selection, wording.counted(counts)
        return Text(
            title=f"NEEDLE: {what} from light curves of the {facts.period.nights}",
            keywords=("Transient", *sorted("TDE" if c == "TDE" else "Supernova" for c in counts)),
            abstract=[
                Sentence(
                    f"We report {what}, selected by the automatic classifier NEEDLE (model version "
                    f"{wording.brief(facts.models)}) from light curves and host galaxies of "
                    f"{wording.n(chosen.n_objects, 'object')} in {facts.marshal}, {facts.period.nights}.",
                    wording.ESSENTIAL,
                ),
                Sentence(wording.named([r.name for r in facts.rows]), 1),
                Sentence(wording.NOT_CLASSIFIED, 7),
                Sentence(self._rule(), 6),
                Sentence(self._abstract_figures(counts), 5),
                *self._abstract_record(),
                Sentence(f"Objects that people had classified by {facts.as_of} are left out.", 4),
                Sentence(wording.ENCOURAGED, 2),
            ],
            body=(
                f"NEEDLE, a classifier that looks for tidal disruption events (TDE) and hydrogen-poor superluminous "
                f"supernovae (SLSN-I) by light curve and host galaxy, looked at new alerts of "
                f"{wording.n(chosen.n_objects, 'object')} in {facts.marshal} between "
                f"{facts.period.start:%Y-%m-%d %H:%M} and {facts.period.end:%Y-%m-%d %H:%M} UT"
                f"{_unanswered(chosen.n_refused)}. The Related Objects table lists {what}.",
                f"{self._rule()} {wording.left_out(chosen.left_out)}",
                "In the table, Detections are those used in each band; Days to threshold is the time from the first "
                "detection to the night on which the score first reached the threshold; Host gives the distance from "
                "the host galaxy; Spectrum is what the spectral classifier ASTRANet said of a spectrum, where "
                "there is one.",
                f"The model is version {facts.models}. {self._body_figures(counts)}",
                *(() if self.record is None else (self.record.paragraph(facts.as_of),)),
                wording.known_since(facts.marshal, facts.as_of, facts.looked_up),
                wording.REVIEWED,
            ),
            tables=() if self.record is None else self.record.tables(),
        )

    def _abstract_record(self) -> Sequence[Sentence]:
        said = None if self.record is None else self.record.sentence()
        return () if said is None else (said,)

    def _rule(self) -> str:
        return (
            f"Selection: the score of the class is at least {self.min_score:g} at the latest alert; it is a score and "
            "no probability."
        )

    def _abstract_figures(self, counts: Mapping[str, int]) -> str:
        parts = [f"{c} {f.purity}" for c in counts if (f := self.figures.get(c)) is not None and f.purity is not None]
        if not parts:
            return "The purity was not measured."
        return f"Purity of this selection on held-out objects, at early epochs (95 % interval): {', '.join(parts)}."

    def _body_figures(self, counts: Mapping[str, int]) -> str:
        parts = [
            f"the purity of {c} is {f.purity} and the share of all {c} that is found {f.recall}"
            for c in counts
            if (f := self.figures.get(c)) is not None and f.purity is not None and f.recall is not None
        ]
        if not parts:
            return "The purity of its candidates was not measured."
        return (
            f"On objects it did not learn from, at one random epoch up to ten days after the peak and for a mix of "
            f"{self.mix}, {wording.listed(parts)}; brackets hold 95 % intervals, wide because few such objects are "
            "known."
        )


def figures_of(card: NeedleCard, prefer: str) -> dict[str, Measured]:
    """Purity and share found of a card, for one preference; nothing for a card without figures."""
    found = card.get("metrics", {}).get(prefer, {}).get("all", {})
    return {
        label: Measured(purity=_figure(found[label].get("purity")), recall=_figure(found[label].get("found")))
        for label in CANDIDATES
        if label in found
    }


def _figure(found: IntervalFields | None) -> Figure | None:
    return None if found is None else Figure(found["value"], found["low"], found["high"])


def _unanswered(count: int) -> str:
    return f"; of {wording.n(count, 'object')} too little was known for an answer" if count else ""


def _score(entry: Entry) -> float:
    verdict = entry.report.host_verdict
    return 0.0 if verdict is None else verdict.probabilities[verdict.label]


def _latest(entry: Entry) -> str:
    """When it was last detected; nothing where no history was kept."""
    history = entry.report.host_verdict.history if entry.report.host_verdict else []
    return _date(history[-1][0]) if history else ""


def _date(mjd: float) -> str:
    return (_MJD + timedelta(days=float(mjd))).isoformat(timespec="seconds")


def _days_to_threshold(verdict: HostVerdict, least: float) -> str:
    """Days from discovery to the first night with a score of at least the threshold; of kept nights only."""
    discovery = verdict.details.get("discovery_mjd")
    column = 1 + NEEDLE_CLASSES.index(verdict.label)
    crossed = [i for i, night in enumerate(verdict.history) if night[column] >= least]
    if not crossed or not isinstance(discovery, int | float):
        return ""
    days = max(0.0, verdict.history[crossed[0]][0] - discovery)
    earlier = crossed[0] == 0 and len(verdict.history) >= KEPT
    return f"{days:.1f} or fewer" if earlier else f"{days:.1f}"


def _host(verdict: HostVerdict) -> str:
    away = verdict.details.get("host_sep_arcsec")
    return f"{away:.1f} arcsec away" if isinstance(away, int | float) else "none found"


def _redshift(entry: Entry, verdict: HostVerdict) -> Redshift | None:
    """The object's, else its host's of a catalogue, else that of its newest spectrum where it can be believed."""
    known = known_redshift(entry.target)
    host, error = verdict.details.get("host_z"), verdict.details.get("host_z_error")
    if known is None and isinstance(host, int | float):
        source = verdict.details.get("host_source") or "a catalogue"
        if isinstance(error, int | float):
            return Redshift(f"{host:.2f}", f"the colours of the host ({source}, {host:.2f} +/- {error:.2f})")
        measured = "a spectrum of the host" if verdict.details.get("host_z_kind") == "spectroscopic" else "the host"
        return Redshift(f"{host:.4f}", f"{measured} ({source})")
    matched = [found for f in entry.spectra if (found := matched_redshift(f.report.redshift)) is not None]
    return known or (matched[-1] if matched else None)


def _spectrum(spectra: Sequence[Filed], label: str) -> tuple[str, bool]:
    """What the newest spectrum with an answer was called, and whether that goes with the candidate."""
    answered = [f for f in spectra if f.report.verdict is not None]
    if not answered:
        return ("no class could be given" if spectra else "none"), True
    newest = answered[-1]
    assert newest.report.verdict is not None
    called, p = newest.report.verdict.label, newest.report.verdict.probability
    when = ", ".join(part for part in ((newest.observed_at or "")[:10], newest.instrument) if part)
    return f"{called} {p:.2f}{f' ({when})' if when else ''}", called == _SPECTRAL[label]
