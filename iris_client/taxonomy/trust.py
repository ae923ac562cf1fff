"""What people say an object is, when several say it: who counts, who counts first, and whether they agree.

A label given with a probability below one half is none (the papers' p_TNS >= 0.5); one without a probability, and every
type of the TNS, was given as certain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

from iris_client.protocols import TransientName
from iris_client.taxonomy.names import Label, translate
from models.domain import Target

Voice = Literal["tns", "marshal", "file"]
ORDER: Final[tuple[Voice, ...]] = ("tns", "marshal", "file")
"""Who is believed first: the TNS, where a type is public and was reported with its spectrum. Labels from a file stand
behind those that others can see."""
LEAST: Final = 0.5
NAMES: Final[Mapping[Voice, str]] = {"tns": "TNS", "marshal": "marshal", "file": "file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one of them says.

    Parameters
    ----------
    label : Label
        What it means to us.
    probability : float
        How sure they are, 0 to 1.
    """

    by: Voice
    label: Label
    probability: float = 1.0

    def __str__(self) -> str:
        sure = "" if self.probability == 1.0 else f" (p {self.probability:.2f})"
        return f"{NAMES[self.by]}: {self.label.raw}{sure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The outcome.

    Parameters
    ----------
    label : Label
        Of whoever counts first; of an object that nobody typed, that of no name.
    counted : tuple of Said
        Those that count, in the order of trust.
    doubtful : tuple of Said
        Those given with less than `LEAST`.
    typed : bool
        Whether people have typed the object, be it with a name that is no class of ours, or on the TNS by a prefix.
    """

    label: Label
    counted: tuple[Said, ...]
    doubtful: tuple[Said, ...]
    typed: bool

    @property
    def conflict(self) -> str | None:
        """Who disagrees, in words; None when all that name a class of ours name the same."""
        named = [said for said in self.counted if said.label.status in {"fine", "rare"}]
        apart = any(_class(a) != _class(b) for a, b in combinations(named, 2))
        return "; ".join(map(str, named)) if apart else None


def settle(target: Target, known: TransientName | None = None, *, order: Sequence[Voice] = ORDER) -> Settled:
    """Say what counts.

    Parameters
    ----------
    target : Target
        With the marshal's labels, and its copy of what the TNS says, which may be old.
    known : TransientName, optional
        What the TNS itself says, as it was looked up; its type stands in place of the marshal's copy.
    order : sequence of str
        Who is believed first; who is not named does not count.
    """
    named = "tns" in order and _named(target, known)
    return weigh([*_of_tns(target, known), *_of_marshal(target)], order=order, named=named)


def weigh(said: Sequence[Said], *, order: Sequence[Voice] = ORDER, named: bool = False) -> Settled:
    """Say what counts of what was said.

    Parameters
    ----------
    order : sequence of str
        Who is believed first; who is not named does not count.
    named : bool
        Whether the object has a name that only typed ones have.
    """
    counted = sorted((s for s in said if s.probability >= LEAST and s.by in order), key=lambda s: order.index(s.by))
    doubtful = tuple(s for s in said if s.probability < LEAST)
    first = [s for s in counted if s.by == counted[0].by]
    return Settled(
        label=translate("|".join(s.label.raw for s in _surest(first))),
        counted=tuple(counted),
        doubtful=doubtful,
        typed=bool(counted) or named,
    )


def tns_type(target: Target, known: TransientName | None = None) -> str | None:
    """The TNS's type of an object: as looked up, or else the marshal's copy; None for "AT", which is none."""
    looked_up = None if known is None else known.type
    for kind in (looked_up, target.tns_type):
        if kind is not None and kind.strip().upper() not in {"", "AT"}:
            return kind
    return None


def _of_tns(target: Target, known: TransientName | None) -> Iterable[Said]:
    kind = tns_type(target, known)
    if kind is not None:
        yield Said(by="tns", label=translate(kind))


def _of_marshal(target: Target) -> Iterable[Said]:
    for one in target.classifications:
        yield Said(
            by="marshal", label=translate(one.name), probability=1.0 if one.probability is None else one.probability
        )


def _surest(said: Sequence[Said]) -> list[Said]:
    """Those with the greatest probability: a person's 0.6 does not outvote another's 1."""
    most = max((s.probability for s in said), default=0.0)
    return [s for s in said if s.probability == most]


def _named(target: Target, known: TransientName | None) -> bool:
    """Whether the TNS has given a name that only typed objects have."""
    for name in (None if known is None else known.name, target.tns_name):
        prefix, _, rest = (name or "").partition(" ")
        if rest and prefix.upper() != "AT":
            return True
    return False


def _class(said: Said) -> tuple[str | None, str | None]:
    return said.label.fine, said.label.rare
