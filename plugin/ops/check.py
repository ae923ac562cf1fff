"""One finding of the doctor's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding.

    Parameters
    ----------
    name : str
        What was looked at.
    ok : bool
        Whether the service can work with it.
    found : str
        What is there.
    remedy : str
        What to do; empty when it is right.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
