"""From the many names of a type to our classes, and back to SkyPortal's.

    "SN IIn-pec", "II P", "SNII?", "Type II"  ->  SN II
    "SN Ib - Ca-rich"                         ->  rare: Ca-rich
    "SN", "Other", "Stripped Envelope"        ->  known, but no class in it
    "SN Zz"                                   ->  unknown: reported, never dropped

Several names in one ("II P|IIb") give the class most of them agree on, marked as ambiguous when they do not all agree.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from iris_client.taxonomy.table import FINE_OF, NO_CLASS, RARE_OF, TDTAX_OF
from models.domain import COARSE_OF

Status = Literal["fine", "rare", "no_class", "unknown"]
_BRACKETS: Final = re.compile(r"\s*\((?!s\)|ambiguous)[^)]*\)")
_PREFIX: Final = re.compile(r"^(semi-real-|type-(?=ii)|(sn|at|sne)-(?=\S)|sn(?=i)|possible-|probable-|likely-)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a type string means to us.

    Parameters
    ----------
    raw : str
        As it came.
    status : str
        `fine`, `rare`, `no_class` (well known, too general) or `unknown` (in no table: tell somebody).
    fine, coarse, rare : str or None
        Our classes; `fine` and `coarse`, or `rare`, or none of them.
    uncertain : bool
        The source put a question mark.
    ambiguous : bool
        Several names, and they do not agree.
    """

    raw: str
    status: Status
    fine: str | None = None
    rare: str | None = None
    uncertain: bool = False
    ambiguous: bool = False

    @property
    def coarse(self) -> str | None:
        """The superclass of `fine`."""
        return None if self.fine is None else COARSE_OF[self.fine]


def translate(raw: str) -> Label:
    """Say what a type string from SkyPortal, the TNS, BTS or WISeREP means.

    Parameters
    ----------
    raw : str
        One name, or several between vertical bars.
    """
    names = [name for name in raw.split("|") if name.strip()]
    if len(names) == 1:
        return _one(raw, names[0])
    return _several(raw, [_one(name, name) for name in names])


def tdtax_class(fine: str, classes: Collection[str]) -> str | None:
    """What a marshal's taxonomy calls one of our fine classes; None when it has no name for it.

    Parameters
    ----------
    classes : collection of str
        The names that the taxonomy has, such as those of tdtax, SkyPortal's Sitewide Taxonomy.

    Raises
    ------
    KeyError
        If `fine` is none of the seven.
    """
    return next((name for name in TDTAX_OF[fine] if name in classes), None)


def unknown_labels(raws: Iterable[str]) -> Counter[str]:
    """Type strings that are in no table, with how often each occurs: what a report must show."""
    return Counter(raw for raw in raws if translate(raw).status == "unknown")


def _one(raw: str, name: str) -> Label:
    plain = plain_name(name)
    uncertain = "?" in name
    if plain in FINE_OF:
        return Label(raw=raw, status="fine", fine=FINE_OF[plain], uncertain=uncertain)
    if plain in RARE_OF:
        return Label(raw=raw, status="rare", rare=RARE_OF[plain], uncertain=uncertain)
    if plain in NO_CLASS:
        return Label(raw=raw, status="no_class", uncertain=uncertain)
    return _alternatives(raw, plain, uncertain)


def _alternatives(raw: str, plain: str, uncertain: bool) -> Label:
    """`Ib/IIb` and the like: one of several; nothing is known unless each of them is."""
    parts = [_one(part, part) for part in plain.split("/")] if "/" in plain.strip("/") else []
    if not parts or any(part.status == "unknown" for part in parts):
        return Label(raw=raw, status="unknown", uncertain=uncertain)
    return _several(raw, parts)


def _several(raw: str, labels: list[Label]) -> Label:
    """The class that most of the names agree on, those without a question mark first; of equals the first named."""
    named = [label for label in labels if label.status in {"fine", "rare"}]
    if not named:
        worst: Status = "no_class" if labels and all(x.status == "no_class" for x in labels) else "unknown"
        return Label(raw=raw, status=worst)
    sure = [label for label in named if not label.uncertain] or named
    votes = Counter((label.fine, label.rare) for label in sure)
    fine, rare = max(votes, key=lambda answer: votes[answer])
    return Label(
        raw=raw,
        status="fine" if fine else "rare",
        fine=fine,
        rare=rare,
        uncertain=all(label.uncertain for label in named),
        ambiguous=any(label.ambiguous for label in named) or len({(x.fine, x.rare) for x in named}) > 1,
    )


def plain_name(name: str) -> str:
    """The form in which the tables hold a name: the least changed one that they know."""
    plain = _BRACKETS.sub("", name.strip().lower()).rstrip("?*! ")
    plain = re.sub(r"-{2,}", "-", re.sub(r"[\s_,]+", "-", plain.strip()))
    for _ in range(3):
        for form in (plain, plain.replace("-like", "")):
            if form in FINE_OF or form in RARE_OF or form in NO_CLASS:
                return form
        plain = _PREFIX.sub("", plain)
    return plain
