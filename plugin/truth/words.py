"""Truth in words, for commands and pages."""

from typing import Final

from iris_client.taxonomy.trust import NAMES
from plugin.store.truth.answered import Given, Truth, Undecided

WHY_NOT: Final[dict[Undecided, str]] = {
    "disagreement": "people do not agree",
    "doubtful": "whoever named a class was not sure",
    "no class": "what was said is no class of ours",
    "ours": "the only label comes from a report that we sent",
    "withdrawn": "what was said has been withdrawn",
    "nobody": "nobody who counts has said anything",
}


def outcome(settled: Truth | Undecided) -> str:
    """What counts, or why nothing does."""
    if not isinstance(settled, Truth):
        return f"nothing counts: {WHY_NOT[settled]}"
    said = settled.label or f"rare: {settled.rare}"
    more = f" ({settled.subtype})" if settled.subtype and settled.subtype != said else ""
    late = ", after our answer could be read" if settled.after_ours else ""
    return f"{said}{more}, by {NAMES[settled.source]}, {settled.told_at:%Y-%m-%d %H:%M}{late}"


def label_line(given: Given) -> str:
    """One label with its history."""
    sure = "" if given.probability is None else f" (p {given.probability:.2f})"
    parts = [f"{given.told_at:%Y-%m-%d %H:%M}", NAMES[given.source], given.told_by or "nobody named", given.name + sure]
    parts += ["after ours"] if given.after_ours else []
    parts += ["from our own report"] if given.derived else []
    parts += [f"withdrawn {given.withdrawn_at:%Y-%m-%d %H:%M}"] if given.withdrawn_at else []
    return "  ".join(parts)
