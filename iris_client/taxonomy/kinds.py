"""Two taxonomies that nothing is decided by: ten classes and six categories (ASTRANet paper, Table XIV).

    "SN IIn-pec"    ->  SN IIn, SN CC (H)
    "II P|IIb|IIb"  ->  SN IIb, SN CC (H)
    "Ca-rich"       ->  none of the ten, SN CC (SE)

The fine head merges some of the ten. IRIS keeps both labels with every spectrum, so that one can ask which kinds of a
class are lost.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iris_client.taxonomy.names import Label, plain_name, translate
from models.domain import CATEGORY_OF, FINE_OF_TEN

_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("iin", "iin-pec", "ia-csm", "ia-02ic", "ia-csm-(ambiguous)"), "SN IIn")
    | dict.fromkeys(("iib", "ii-b", "iib-pec"), "SN IIb")
    | dict.fromkeys(("ibn", "ibn-pec"), "SN Ibn")
)
"""Plain names of the classes that the fine head merges into others; every other name is of its fine class."""

_CATEGORY_OF_RARE: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("QSO", "Blazar", "BL Lac", "Nova", "GRB afterglow", "GRB", "LRN"), "Non-SN")
    | dict.fromkeys(("ILRT", "FBOT"), "Uncertain")
    | {"Ca-rich": "SN CC (SE)"}
)
"""As the lower half of Table XIV has it; rare classes that it does not name have no category."""


def ten_class(raw: str, fine: str | None = None) -> str | None:
    """Say which of the ten classes a type string means.

    Parameters
    ----------
    raw : str
        One name, or several between vertical bars; the kind that most names of the class agree on counts, of equals
        the first named.
    fine : str, optional
        The class that the spectrum has, where that is settled otherwise: names of other classes say nothing then.

    Returns
    -------
    str or None
        One of `TEN_CLASSES`; None for what has no fine class.
    """
    wanted = fine if fine is not None else translate(raw).fine
    if wanted is None:
        return None
    votes: Counter[str] = Counter()
    for name in raw.split("|"):
        kind = _KINDS.get(plain_name(name)) or translate(name).fine
        if kind is not None and FINE_OF_TEN[kind] == wanted:
            votes[kind] += 1
    return max(votes, key=lambda kind: votes[kind]) if votes else wanted


def category(label: Label) -> str | None:
    """Say which of the six categories a label belongs to; None where Table XIV names none."""
    if label.fine is not None:
        return CATEGORY_OF[label.fine]
    return None if label.rare is None else _CATEGORY_OF_RARE.get(label.rare)
