"""NEEDLE's answers about objects beside what people say."""

from collections.abc import Sequence
from typing import Any, Final

from models.domain import NEEDLE_CLASSES
from plugin.cycle.spectra.compose import NEEDLE_OF
from plugin.store.truth.answered import Answered
from plugin.truth.card.share import LEAST, band, share

_TYPE_II: Final = "II"


def expected(one: Answered) -> str | None:
    """The class of NEEDLE's that people's is; None for one that NEEDLE does not know, such as an SLSN of type II."""
    if one.label == "SLSN" and one.subtype is not None and _TYPE_II in one.subtype.upper():
        return None
    return NEEDLE_OF.get(one.label or "")


def needle_figures(answered: Sequence[Answered]) -> dict[str, Any]:
    """How often NEEDLE was right, by class and by what it said, and how often its sets hold the class."""
    known = [
        (one.target_id, truth, verdict)
        for one in answered
        if (verdict := one.report.host_verdict) is not None and (truth := expected(one)) is not None
    ]
    right = [(name, verdict.label == truth, truth, verdict.label) for name, truth, verdict in known]
    alphas = sorted({key for _, _, verdict in known for key in verdict.prediction_sets}, key=float)
    return {
        "right": share((name, hit) for name, hit, _, _ in right).to_dict(),
        "by_class": {
            label: share((name, hit) for name, hit, truth, _ in right if truth == label).to_dict()
            for label in NEEDLE_CLASSES
        },
        "by_said": {
            label: share((name, hit) for name, hit, _, said in right if said == label).to_dict()
            for label in NEEDLE_CLASSES
        },
        "coverage": [_coverage(known, key) for key in alphas],
        "unknown_to_it": sum(one.report.host_verdict is not None and expected(one) is None for one in answered),
    }


def _coverage(known: Sequence[tuple[str, str, Any]], key: str) -> dict[str, Any]:
    sets = [
        (name, truth, verdict.prediction_sets[key]) for name, truth, verdict in known if key in verdict.prediction_sets
    ]
    found = share((name, truth in members) for name, truth, members in sets)
    told: dict[str, Any] = {"alpha": float(key), **found.to_dict(), "promised": 1.0 - float(key)}
    low, high = band(1.0 - float(key), found.objects) if found.objects >= LEAST else (None, None)
    kept = None if low is None or found.value is None else found.value >= low
    return {**told, "band_low": low, "band_high": high, "kept": kept}
