"""An object of the list, as a row shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from models.domain import Report, Status
from plugin.cycle.posting import prediction_set
from plugin.cycle.spectra.compose import joint
from plugin.cycle.spectra.sketch import unpacked
from plugin.store import ASTRANET, NEEDLE, Filed
from plugin.store.tns.names import in_words
from plugin.web.look.answer import Answer
from plugin.web.look.spectrum import thumbnail
from plugin.web.reading import Entry, Rank

_JOINTS = {"agree": "agrees", "disagree": "disagrees", "outside": "does not know this class"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a row needs of an entry.

    Parameters
    ----------
    alpha : float
        Which prediction set.
    """

    entry: Entry
    alpha: float

    @property
    def spectrum(self) -> Filed | None:
        """The spectrum that speaks for the object: its alert, or the last one with a class."""
        answered = [f for f in self.entry.of(ASTRANET) if f.report.status is Status.OK and f.report.verdict is not None]
        alerts = [f for f in answered if f.report.confidence is not None and f.report.confidence.policy == "ALERT"]
        best = alerts or answered
        return best[-1] if best else None

    @property
    def count(self) -> int:
        """How many spectra of it have a report."""
        return len(self.entry.of(ASTRANET))

    @property
    def answer(self) -> Answer | None:
        """What was said of that spectrum."""
        return None if self.spectrum is None else Answer(report=self.spectrum.report, alpha=f"{self.alpha:g}")

    @property
    def policy(self) -> str | None:
        """Its policy, where the bundle has one."""
        confidence = None if self.spectrum is None else self.spectrum.report.confidence
        return None if confidence is None else confidence.policy

    @property
    def needle(self) -> Report | None:
        """NEEDLE's answer, where it has one."""
        answered = [f.report for f in self.entry.of(NEEDLE) if f.report.host_verdict is not None]
        return answered[-1] if answered else None

    @property
    def needle_set(self) -> tuple[str, ...]:
        """NEEDLE's prediction set."""
        verdict = None if self.needle is None else self.needle.host_verdict
        return () if verdict is None else sets_at(verdict.prediction_sets, self.alpha)

    @property
    def joint(self) -> str:
        """How the two go together."""
        if self.spectrum is None or self.needle is None:
            return ""
        return _JOINTS.get(str(joint(self.spectrum.report.verdict, self.needle).get("an_joint")), "")

    @property
    def why(self) -> str:
        """One line: why it stands where it stands."""
        needle = None if self.needle is None else self.needle.host_verdict
        if self.answer is None:
            return "" if needle is None else f"{needle.label} from its alerts; no spectrum with a class"
        said = self.answer.report.verdict
        rare_needle = needle is not None and needle.label in ("TDE", "SLSN-I")
        if self.entry.rank is Rank.CANDIDATE and rare_needle and said is not None and said.label not in ("TDE", "SLSN"):
            return f"{needle.label if needle else ''} from its alerts, {self.answer.why} from its spectrum"
        return "" if self.entry.rank is Rank.REST and len(self.answer.members) == 1 else headline(self.answer)

    @property
    def redshift(self) -> float | None:
        """As it was when the spectrum was answered."""
        return None if self.spectrum is None else number(self.spectrum.facts.get("redshift"))

    @property
    def picture(self) -> Markup | None:
        """The spectrum as a line; None where none was kept."""
        if self.spectrum is None or self.answer is None or self.spectrum.report.verdict is None:
            return None
        line = unpacked(self.spectrum.facts.get("sketch"))
        label = self.spectrum.report.verdict.label
        return None if line is None else thumbnail(*line, label=label, alt=f"Spectrum of {self.entry.target_id}")

    @property
    def name(self) -> str | None:
        """What the TNS calls it."""
        known = self.entry.name
        return None if known is None or known.name is None else in_words(known.name)


def headline(answer: Answer) -> str:
    """What matters about an answer: of an alert the models' own sentence."""
    confidence = answer.report.confidence
    is_alert = confidence is not None and confidence.policy == "ALERT"
    return (confidence.sentence if is_alert and confidence else None) or answer.why


def number(value: object) -> float | None:
    """A number, or None."""
    return float(value) if isinstance(value, int | float) else None


def sets_at(sets: dict[str, tuple[str, ...]] | object, alpha: float) -> tuple[str, ...]:
    """The prediction set at an error rate; empty where the report has none for it."""
    if not isinstance(sets, dict):
        return ()
    try:
        return prediction_set(sets, alpha)
    except ValueError:
        return ()


def rows_of(entries: Sequence[Entry], alpha: float) -> list[Row]:
    """A row for each."""
    return [Row(entry=entry, alpha=alpha) for entry in entries]
