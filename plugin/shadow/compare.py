"""What would change if the shadow's bundle answered: label, set and policy, spectrum by spectrum, and who was right."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.domain import Report
from plugin.cycle.posting import prediction_set
from plugin.shadow.producer import SHADOW
from plugin.store import ASTRANET, Filed, Unit

Pairs = list[tuple[Filed, Filed]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One spectrum of which the two bundles say different things.

    Parameters
    ----------
    what : tuple of str
        Of `status`, `class`, `set`, `policy`: what differs.
    live, shadow : str
        Each answer in a few words.
    truth : str or None
        The class that people give the object, where they agree on one.
    """

    target_id: str
    spectrum_id: str
    what: tuple[str, ...]
    live: str
    shadow: str
    truth: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything the two bundles said about the same spectra.

    Parameters
    ----------
    bundles : tuple of str
        The live one's and the shadow's; several where either changed meanwhile.
    differing : mapping of str to int
        How many spectra differ in what.
    judged, both_right, live_right, shadow_right : int
        Objects with a truth, each by its newest spectrum: how many both got right, only the live one, only the shadow.
    """

    spectra: int
    objects: int
    bundles: tuple[tuple[str, ...], tuple[str, ...]]
    changes: tuple[Change, ...]
    differing: Mapping[str, int]
    judged: int
    both_right: int
    live_right: int
    shadow_right: int


def pairs_of(unit: Unit) -> Pairs:
    """The reports that count, live and shadow, of the same version of the same spectrum; oldest observation first."""
    others = {(f.subject, f.version): f for f in unit.reports.every(SHADOW)}
    live = unit.reports.every(ASTRANET)
    return [(f, others[f.subject, f.version]) for f in live if (f.subject, f.version) in others]


def compare(pairs: Iterable[tuple[Filed, Filed]], truths: Mapping[str, str], alpha: float) -> Comparison:
    """Compare the answers of two bundles.

    Parameters
    ----------
    truths : mapping of str to str
        The class of each object that has one, in our seven.
    alpha : float
        Of the prediction sets.
    """
    paired = list(pairs)
    changes = [_change(live.target_id, live, other, truths, alpha) for live, other in paired]
    changed = [c for c in changes if c.what]
    right: Counter[tuple[bool, bool]] = Counter()
    for target_id, (live, other) in {live.target_id: (live, other) for live, other in paired}.items():
        if (truth := truths.get(target_id)) is not None:
            right[_label(live.report) == truth, _label(other.report) == truth] += 1
    return Comparison(
        spectra=len(paired),
        objects=len({live.target_id for live, _ in paired}),
        bundles=(
            tuple(sorted({live.report.bundle for live, _ in paired})),
            tuple(sorted({other.report.bundle for _, other in paired})),
        ),
        changes=tuple(changed),
        differing=dict(Counter(name for c in changed for name in c.what)),
        judged=right.total(),
        both_right=right[True, True],
        live_right=right[True, False],
        shadow_right=right[False, True],
    )


def _change(target_id: str, live: Filed, other: Filed, truths: Mapping[str, str], alpha: float) -> Change:
    a, b = live.report, other.report
    seen = {
        "status": (a.status, b.status),
        "class": (_label(a), _label(b)),
        "set": (_members(a, alpha), _members(b, alpha)),
        "policy": (_policy(a), _policy(b)),
    }
    return Change(
        target_id=target_id,
        spectrum_id=live.subject.id,
        what=tuple(name for name, (x, y) in seen.items() if x != y),
        live=in_words(a, alpha),
        shadow=in_words(b, alpha),
        truth=truths.get(target_id),
    )


def in_words(report: Report, alpha: float) -> str:
    """An answer in a few words: "SN Ia 0.93 {SN Ia} COMMIT"."""
    if report.verdict is None:
        return f"refused: {report.reason}"
    members = "{" + ", ".join(_members(report, alpha)) + "}"
    return f"{report.verdict.label} {report.verdict.probability:.2f} {members} {_policy(report) or ''}".rstrip()


def _label(report: Report) -> str | None:
    return None if report.verdict is None else report.verdict.label


def _members(report: Report, alpha: float) -> tuple[str, ...]:
    return () if report.confidence is None else prediction_set(report.confidence.prediction_sets, alpha)


def _policy(report: Report) -> str | None:
    return None if report.confidence is None else report.confidence.policy
