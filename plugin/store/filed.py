"""A report together with what the store knows about its subject."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from models.domain import Report
from plugin.store.subject import Subject

Fact = str | int | float

SNR: Final = "snr"
"""The fact that holds a spectrum's signal to noise per pixel, by `iris_client.quality`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """One report on file.

    Parameters
    ----------
    subject : Subject
        What it is about.
    producer : str
        Who answered: ASTRANet, NEEDLE.
    target_id : str
        The source it belongs to.
    version : str
        The version of the spectrum, in the server's own time; or the newest alert of the object then.
    report : Report
        An answer, or a refusal with its reason.
    facts : mapping of str to text or number
        What was found on the way and holds for refusals too; NEEDLE's are `n_g`, `n_r`, `phase`, the host, `quality`,
        `restored`, ASTRANet's `snr`, the `source_redshift` where there was one, and `because` and `earlier`
        (`plugin.cycle.spectra.because`) where it was answered before.
    observed_at : str or None
        When the spectrum was taken, as the marshal says (naive UTC ISO text).
    group_ids : tuple of int
        Marshal groups that can see the subject; empty for a candidate nobody saved.
    filed_at : datetime
        When the report was made, naive UTC.
    """

    subject: Subject
    producer: str
    target_id: str
    version: str
    report: Report
    facts: Mapping[str, Fact] = field(default_factory=dict)
    observed_at: str | None = None
    instrument: str | None = None
    group_ids: tuple[int, ...] = ()
    filed_at: datetime
