"""A report together with what the store knows about its spectrum."""

from dataclasses import dataclass
from datetime import datetime

from models.domain import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """One report on file.

    Parameters
    ----------
    spectrum_id, target_id : str
        What it is about.
    modified : str
        The version of the spectrum, in the server's own time.
    observed_at : str or None
        When it was taken, as the marshal says (naive UTC ISO text).
    group_ids : tuple of int
        Marshal groups that can see the spectrum.
    filed_at : datetime
        When the report was made, naive UTC.
    """

    spectrum_id: str
    target_id: str
    modified: str
    report: Report
    observed_at: str | None = None
    instrument: str | None = None
    group_ids: tuple[int, ...] = ()
    filed_at: datetime
