"""What a broker with filters and cross-matches can tell beside its alerts: who passed, and what is where they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from iris_client.protocols import AlertStub, Upserted
from models.domain import Host


@runtime_checkable
class AlertStream(Protocol):
    """A source that says which objects a filter or topic has let through, whether or not anybody cares for them."""

    def passed(self, cursor: str | None, *, since_mjd: float) -> tuple[Sequence[AlertStub], str]:
        """The newest alert of each object that was let through, and how far that goes.

        Some may be known already, and may be told again until `seen` is called.

        Parameters
        ----------
        cursor : str or None
            How far an earlier call went.
        since_mjd : float
            Where to begin without one.
        """

    def seen(self) -> None:
        """Say that what was told is remembered now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a broker has found where an object is.

    Parameters
    ----------
    sherlock : str or None
        Sherlock's class: SN, NT (nuclear), AGN, CV, BS (near a bright star), VS (variable star), ORPHAN, UNCLEAR.
    description : str or None
        Its reasons, as a sentence.
    host : Host or None
        The galaxy that it ties the object to, without magnitudes.
    tns_type : str or None
        What the TNS says it is.
    """

    sherlock: str | None = None
    description: str | None = None
    host: Host | None = None
    tns_type: str | None = None


@runtime_checkable
class KnowsSurroundings(Protocol):
    """A broker that says what is where an object is."""

    def surroundings(self, target_id: str) -> Surroundings | None:
        """What it has found; None when it does not know the object."""


@runtime_checkable
class Annotator(Protocol):
    """A broker that takes answers about objects."""

    def annotate(self, target_id: str, body: Mapping[str, Any]) -> Upserted:
        """Let our annotation of an object be exactly this: the same one twice is one."""
