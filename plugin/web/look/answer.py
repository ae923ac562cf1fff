"""One answer as a person looks at it: what was said, and how soon it deserves a look."""

from dataclasses import dataclass
from enum import IntEnum

from models.domain import CaveatCode, Report, Status

RARE = ("TDE", "SLSN")
"""Classes that people go out for at once."""

_BROAD = 4
_WEAK = 0.5


class Interest(IntEnum):
    """How soon to look; lower comes first. Judged from the report alone: the truth is not known in the morning."""

    ODD = 0
    FITS_NOTHING = 1
    RARE = 2
    MAYBE_RARE = 3
    CLASSIFIED = 4
    UNDECIDED = 5
    REFUSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A report about a spectrum.

    Parameters
    ----------
    alpha : str
        Which prediction set, as the report writes it.
    """

    report: Report
    alpha: str

    @property
    def members(self) -> tuple[str, ...]:
        """The prediction set; empty also where there is none."""
        confidence = self.report.confidence
        return confidence.prediction_sets.get(self.alpha, ()) if confidence else ()

    @property
    def has_set(self) -> bool:
        """Whether the report holds a set at this rate: an empty one says that no class fits, none says nothing."""
        confidence = self.report.confidence
        return confidence is not None and self.alpha in confidence.prediction_sets

    @property
    def interest(self) -> Interest:
        """Where on the page it belongs."""
        report = self.report
        if report.status is Status.REFUSED or report.verdict is None:
            return Interest.REFUSED
        if self._odd:
            return Interest.ODD
        if not self.has_set:
            return Interest.CLASSIFIED
        if not self.members:
            return Interest.FITS_NOTHING
        if report.verdict.label in RARE and len(self.members) < _BROAD:
            return Interest.RARE if len(self.members) == 1 else Interest.MAYBE_RARE
        return Interest.CLASSIFIED if len(self.members) == 1 else Interest.UNDECIDED

    @property
    def why(self) -> str:
        """One line: why it stands where it stands."""
        report, label = self.report, self.report.verdict.label if self.report.verdict else ""
        sentence = report.confidence.sentence if report.confidence else None
        lines = {
            Interest.ODD: f"odd: {sentence or 'unlike the known classes'}",
            Interest.FITS_NOTHING: "fits none of the seven classes at this alpha: the set is empty",
            Interest.RARE: f"{self._how_sure}: the only class left in the set",
            Interest.MAYBE_RARE: f"could be a {label}: one of {len(self.members)} classes left",
            Interest.CLASSIFIED: self._how_sure,
            Interest.UNDECIDED: f"undecided between {len(self.members)} classes",
            Interest.REFUSED: report.reason or "no reason given",
        }
        if self._odd and report.anomaly is not None:
            return f"odd, anomaly score {report.anomaly.score:.2f}: {sentence or 'unlike the known classes'}"
        return lines[self.interest]

    @property
    def _odd(self) -> bool:
        """Flagged by the anomaly layer, or among the strangest of what it has seen: both deserve a look."""
        anomaly, confidence = self.report.anomaly, self.report.confidence
        return (anomaly is not None and anomaly.flagged) or (confidence is not None and confidence.policy == "ALERT")

    @property
    def _how_sure(self) -> str:
        """The candidate, and a warning where it stands alone only because the rest is spread thin."""
        verdict = self.report.verdict
        if verdict is None:
            return ""
        weakly = f" (weak, p = {verdict.probability:.2f})" if verdict.probability < _WEAK else ""
        return f"{verdict.label} candidate{weakly}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What qualifies this answer; what is missing from every answer of this version is said once elsewhere."""
        caveats = self.report.caveats
        return tuple(c.text for c in caveats if not c.refuses and c.code is not CaveatCode.NOT_AVAILABLE)
