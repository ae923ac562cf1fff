"""The card's figures, as plain JSON: what page, text and metrics are drawn from.

Only objects with a truth count, and who has one is no matter of chance: what is bright, odd or easy is typed first. Two
sets of figures stand apart: those on labels given before our answer could be read, and those on labels given after.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from models.domain import FINE_CLASSES
from plugin.truth.card.rows import SNR_BINS, Row
from plugin.truth.card.share import LEAST, band, share

POLICIES: Final = ("COMMIT", "ABSTAIN", "ALERT", "none")
P_VALUES: Final = ("p_mondrian", "p_marginal")
BINS: Final = 10
"""Of the reliability curve, of equal width in our probability."""
GROUPS: Final[Mapping[str, Callable[[Row], str]]] = {
    "class": lambda row: row.label or "",
    "said": lambda row: row.said,
    "policy": lambda row: row.policy,
    "domain": lambda row: row.domain,
    "instrument": lambda row: row.instrument,
    "snr": lambda row: row.snr,
    "month": lambda row: row.month,
    "bundle": lambda row: row.bundle,
}
"""By what the share of right classes is given apart; `class` is what people say, `said` what we say."""
_ORDER: Final = {"class": FINE_CLASSES, "said": FINE_CLASSES, "policy": POLICIES, "snr": SNR_BINS}


def figures(rows: Sequence[Row], alpha: float) -> dict[str, Any]:
    """The figures of some answers, all with labels given before ours, or all after.

    Parameters
    ----------
    rows : sequence of Row
        Rare types are none of our classes, and are counted with the alerts.
    alpha : float
        The operator's, at which AD-MCP is set and coverage is given by domain.
    """
    known = [row for row in rows if row.label is not None]
    return {
        "right": _right(known).to_dict(),
        "by": {name: _grouped(known, name) for name in GROUPS},
        "confusion": confusion(known),
        "reliability": reliability(known),
        "coverage": [_coverage(known, key) for key in _alphas(known)],
        "coverage_by_domain": {
            domain: _coverage([row for row in known if row.domain == domain], f"{alpha:g}")
            for domain in sorted({row.domain for row in known if f"{alpha:g}" in row.sets})
        },
        "p_values": {name: [_p_value(known, key, name) for key in _alphas(known)] for name in P_VALUES},
        "admcp": _admcp(known, alpha),
    }


def confusion(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """By what people say and what we say: objects; one of several spectra is divided among what we say of them."""
    spectra: Counter[str] = Counter()
    pairs: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        spectra[row.object] += 1
        pairs[row.object, row.label or "", row.said] += 1
    found = {label: dict.fromkeys(FINE_CLASSES, 0.0) for label in FINE_CLASSES}
    for (name, label, said), n in pairs.items():
        found[label][said] += n / spectra[name]
    return found


def reliability(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """By our probability: what we claimed on average, and how often we were right."""
    bins: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        bins[min(int(row.p * BINS), BINS - 1)].append(row)
    return [
        {
            "from": number / BINS,
            "to": (number + 1) / BINS,
            "claimed": _mean_by_object((row.object, row.p) for row in some),
            **_right(some).to_dict(),
        }
        for number, some in sorted(bins.items())
    ]


def _right(rows: Iterable[Row]) -> Any:
    return share((row.object, row.right) for row in rows)


def _grouped(rows: Sequence[Row], by: str) -> dict[str, Any]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[GROUPS[by](row)].append(row)
    order = {name: i for i, name in enumerate(_ORDER.get(by, ()))}
    names = sorted(found, key=lambda name: (order.get(name, len(order)), name))
    return {name: _right(found[name]).to_dict() for name in names}


def _alphas(rows: Iterable[Row]) -> list[str]:
    return sorted({key for row in rows for key in row.sets}, key=float)


def _coverage(rows: Iterable[Row], key: str) -> dict[str, Any]:
    """How often the set at one alpha holds what people say, beside what it promises."""
    some = [row for row in rows if key in row.sets]
    found = share((row.object, row.label in row.sets[key]) for row in some)
    sizes = _mean_by_object((row.object, float(len(row.sets[key]))) for row in some)
    empty = _mean_by_object((row.object, float(not row.sets[key])) for row in some)
    return {"alpha": float(key), **_promised(found, 1.0 - float(key)), "set_size": sizes, "empty": empty}


def _p_value(rows: Iterable[Row], key: str, name: str) -> dict[str, Any]:
    """How often ordinary objects keep a p-value above alpha, as they do in 1 - alpha of cases or more."""
    values = [(row.object, getattr(row, name)) for row in rows]
    found = share((which, p > float(key)) for which, p in values if p is not None)
    return {"alpha": float(key), **_promised(found, 1.0 - float(key))}


def _admcp(rows: Iterable[Row], alpha: float) -> dict[str, Any]:
    """How often AD-MCP keeps still, as it does for 1 - alpha of ordinary spectra or more."""
    found = share((row.object, not row.fires) for row in rows if row.fires is not None)
    return {"alpha": alpha, **_promised(found, 1.0 - alpha)}


def _promised(found: Any, promise: float) -> dict[str, Any]:
    """A share against a promise: `kept` unless chance hardly ever puts it so low."""
    told: dict[str, Any] = {**found.to_dict(), "promised": promise, "band_low": None, "band_high": None, "kept": None}
    if found.objects >= LEAST:
        low, high = band(promise, found.objects)
        told |= {"band_low": low, "band_high": high, "kept": found.value >= low}
    return told


def _mean_by_object(values: Iterable[tuple[str, float]]) -> float | None:
    found: dict[str, list[float]] = defaultdict(list)
    for name, value in values:
        found[name].append(value)
    means = [sum(some) / len(some) for some in found.values()]
    return sum(means) / len(means) if len(means) >= LEAST else None
