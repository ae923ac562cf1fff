"""What a note is made of: one spectrum's report with its object, and the measured figures of the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from iris_client.taxonomy.trust import Settled
from models.domain import Report, Target

NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One spectrum of the night.

    Parameters
    ----------
    target : Target
        The object as the marshal and the TNS know it at the draft's `as_of`.
    report : Report
        What the models said.
    instrument, observed_at : str or None
        Of the spectrum; shown in the table's Source column.
    simulated : bool
        Whether the data are made up (sandbox, demo); one such entry labels the whole note.
    settled : Settled
        What people say it is.
    looked_up_at : datetime or None
        When the service last found out what the TNS calls it, naive UTC; None when it never did.
    """

    target: Target
    report: Report
    instrument: str | None = None
    observed_at: str | None = None
    simulated: bool = False
    settled: Settled
    looked_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured fraction with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the bundle's card says of the classifier on its test split.

    Parameters
    ----------
    purity, recall : mapping of str to Figure
        By class; a class that was not measured is absent.
    test : str
        What they were measured on, one phrase: "2,100 spectra of 1,500 objects not used in training".
    """

    purity: Mapping[str, Figure] = field(default_factory=dict)
    recall: Mapping[str, Figure] = field(default_factory=dict)
    test: str = "the test split"

    def short(self, label: str) -> str:
        """Purity / recall of one class, for the abstract."""
        return f"{label} {self.purity.get(label, NOT_MEASURED)} / {self.recall.get(label, NOT_MEASURED)}"

    def sentence(self, label: str) -> str:
        """Purity and recall of one class in words."""
        purity, recall = (of.get(label, NOT_MEASURED) for of in (self.purity, self.recall))
        return f"{label}: purity {purity}, recall {recall}"
