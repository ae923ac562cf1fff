"""What a post is, what the operator wants posted, and who may see it: shared by spectra and objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iris_client.protocols import Place
from models.together import Together
from plugin.store import ASTRANET

if TYPE_CHECKING:
    from models.joined.stored import Joiner

ORIGIN: Final = ASTRANET
NONE: Final = "none"
_DIGITS = 4  # as many as SkyPortal shows

Body = Mapping[str, str | float | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What the operator wants posted.

    Parameters
    ----------
    group_ids : tuple of int
        Marshal groups that may see answers; each answer goes to those of them that see its spectrum.
    alpha : float
        Which prediction set.
    least_probability : float
        Of a class that becomes a classification.
    tags : bool
        Whether sources are tagged.
    messages : bool
        Whether alerts are told through the web hook.
    lasair : str or None
        Whose Lasair NEEDLE's answers go to, ZTF or LSST; None for nobody's.
    threshold : float
        Score from which NEEDLE's class is a candidate.
    web_url : str or None
        Where people reach this service's own pages.
    together : Together or None
        How the spectra of a source are combined; None for the latest alone.
    joiner : Joiner or None
        What joins a spectrum and its source; None leaves that out.
    """

    group_ids: tuple[int, ...]
    alpha: float = 0.05
    refusals: bool = False
    classification: bool = False
    least_probability: float = 0.9
    tags: bool = False
    messages: bool = False
    lasair: str | None = None
    threshold: float = 0.8
    web_url: str | None = None
    together: Together | None = None
    joiner: "Joiner | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What should hang at a place; `body` None for nothing."""

    place: Place
    kind: str = "annotation"  # whoever carries it is found by it, see `plugin.cycle.carriers`
    origin: str = ORIGIN
    body: Mapping[str, Any] | None
    group_ids: tuple[int, ...]


def rounded(value: float) -> float:
    """As many digits as SkyPortal shows."""
    return round(float(value), _DIGITS)


def prediction_set(sets: Mapping[str, tuple[str, ...]], alpha: float) -> tuple[str, ...]:
    """The classes at one error rate.

    Raises
    ------
    ValueError
        If there is no set for it.
    """
    for key, classes in sets.items():
        if float(key) == alpha:
            return classes
    raise ValueError(f"no prediction set for alpha {alpha:g}, only for {', '.join(sets)}")


def audience(group_ids: Sequence[int], posting: Posting) -> tuple[int, ...]:
    """Who may see an answer: our groups that see what it is about; all of ours where the marshal does not say."""
    return tuple(g for g in sorted(posting.group_ids) if not group_ids or g in group_ids)
