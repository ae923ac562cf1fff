"""What a note is made of: one report with its object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from iris_client.taxonomy.trust import Settled
from models.domain import Report, Target
from plugin.store import Filed
from plugin.store.filed import Fact
from plugin.store.notes.others import NotedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer of the period, about a spectrum or about an object's light curve.

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
    facts : mapping of str to text or number
        What was found on the way, see `Filed`.
    spectra : tuple of Filed
        Answers about the object's spectra, oldest first, where `report` is about its light curve.
    noted : NotedBy or None
        Somebody's AstroNote that names the object already.
    """

    target: Target
    report: Report
    instrument: str | None = None
    observed_at: str | None = None
    simulated: bool = False
    settled: Settled
    looked_up_at: datetime | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    spectra: tuple[Filed, ...] = ()
    noted: NotedBy | None = None
