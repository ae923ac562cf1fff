"""What a new calibration must show, on objects that it did not see, before anybody is answered by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.conformal.purity import wilson
from models.domain import FINE_CLASSES
from models.recalibration.combine import consulted, own_domains
from models.recalibration.rows import Rows
from models.recalibration.sets import held, members

ALPHAS: Final = (0.01, 0.025, 0.05, 0.1, 0.2)
FEWEST_HELD_BACK: Final = 50
"""Objects that a check needs; with fewer it says nothing."""
SURE: Final = 2.6
"""Standard deviations of the band that coverage must be in: one right calibration in a hundred is out of it, for each
error rate."""
LARGEST: Final = 2.0
"""How many times the shipped calibration's mean set may be as large, on the same objects."""
MOST_CLASSES: Final = 3.5
"""... and how many classes a mean set may have at all."""
LOST: Final = 0.5
"""A class of which sets hold less than this share is lost."""
TRIED: Final = 10
"""Objects of a class from which on it is looked at by itself."""
LESS_AGREEMENT: Final = 0.2
"""How much less often labels may agree with the networks than calibration labels did: real drift takes some tenths."""
CONTRADICTED: Final = 0.05
"""How much more often than calibration labels they may be what the networks, sure of themselves, rule out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition, whether it holds, and what was found, in words."""

    name: str
    ok: bool
    found: str


def examine(shipped: Rows, calibration: Rows, fit: Rows, back: Rows, *, alpha: float) -> list[Check]:
    """Every check.

    Parameters
    ----------
    calibration : Rows
        From `shipped` and `fit`; see `models.recalibration.combine`.
    fit, back : Rows
        Of one's own: calibrated on, and held back. No object is in both.
    alpha : float
        The operator's error rate.
    """
    domains = own_domains(fit)
    if not domains:
        return [Check(name="enough spectra", ok=False, found=f"{len(fit)} to calibrate on, in no domain enough")]
    back = back.rows(np.isin(back.domain_names, domains))
    objects = back.count_objects()
    enough = Check(
        name="enough spectra",
        ok=objects >= FEWEST_HELD_BACK,
        found=f"{len(fit)} spectra of {fit.count_objects()} objects to calibrate on, {len(back)} of {objects} objects "
        f"held back ({' and '.join(domains)})",
    )
    if not enough.ok:
        return [enough]
    labels = Rows.joined([fit.rows(np.isin(fit.domain_names, domains)), back])
    return [
        enough,
        *_labels(shipped, labels),
        *(_coverage(calibration, fit, back, level) for level in sorted({*ALPHAS, alpha})),
        _size(shipped, calibration, back, alpha),
        _classes(calibration, back, alpha),
        _unmixed(fit, back),
    ]


def passed(checks: Iterable[Check]) -> bool:
    """Whether all hold."""
    return all(check.ok for check in checks)


def _labels(shipped: Rows, own: Rows) -> list[Check]:
    """Whether labels are what the networks could have been calibrated to: shuffled or poisoned ones are not."""
    like = shipped.rows(np.any([mask.any(0) for mask in consulted(shipped, own)], axis=0))
    agreed, usual = own.predicted == own.label, like.predicted == like.label
    low, high = wilson(int(agreed.sum()), len(own))
    expected = float(usual.mean())
    found = f"{agreed.mean():.3f} [{low:.3f}, {high:.3f}] agree with the networks, {expected:.3f} in calibration"
    checks = [Check(name="labels", ok=high >= expected - LESS_AGREEMENT, found=found)]
    bad = []
    for k, name in enumerate(FINE_CLASSES):
        mine, theirs = own.label == k, like.label == k
        if own.rows(mine).count_objects() < TRIED or not theirs.any():
            continue
        _, most = wilson(int(agreed[mine].sum()), int(mine.sum()))
        if most < 0.5 * float(usual[theirs].mean()):
            bad.append(f"{name} {agreed[mine].mean():.2f}, {usual[theirs].mean():.2f} in calibration")
    found = "; ".join(bad) or "as in calibration, within what drift may take"
    checks.append(Check(name="labels by class", ok=not bad, found=found))
    ruled_out, before = _contradicted(own), float(_contradicted(like).mean())
    least, _ = wilson(int(ruled_out.sum()), len(own))
    found = f"{ruled_out.mean():.3f} are what the networks rule out for sure, {before:.3f} in calibration"
    return [*checks, Check(name="labels against sure answers", ok=least <= before + CONTRADICTED, found=found)]


def _contradicted(rows: Rows) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    own = rows.fine[np.arange(len(rows)), rows.label]
    return np.asarray((own < 0.02) & (rows.fine.max(1) > 0.9))


def _coverage(calibration: Rows, fit: Rows, back: Rows, alpha: float) -> Check:
    """In the band of right sets, whose calibration has its chance too; what counts are objects."""
    share = float(held(calibration, back, alpha).mean())
    spread = float(np.sqrt(alpha * (1 - alpha) * (1 / back.count_objects() + 1 / fit.count_objects())))
    low, high = 1 - alpha - SURE * spread, min(1 - alpha + SURE * spread, 1.0)
    found = f"{share:.3f} hold the true class, {low:.3f} to {high:.3f} expected"
    return Check(name=f"coverage at {alpha:g}", ok=low <= share <= high, found=found)


def _size(shipped: Rows, calibration: Rows, back: Rows, alpha: float) -> Check:
    new, old = (float(members(c, back, alpha).sum(1).mean()) for c in (calibration, shipped))
    ok = new <= LARGEST * max(old, 1.0) and new <= MOST_CLASSES
    return Check(name="size of sets", ok=ok, found=f"{new:.2f} classes, {old:.2f} before")


def _classes(calibration: Rows, back: Rows, alpha: float) -> Check:
    right = held(calibration, back, alpha)
    lost = []
    for k, name in enumerate(FINE_CLASSES):
        mine = back.label == k
        if back.rows(mine).count_objects() >= TRIED and right[mine].mean() < LOST:
            lost.append(f"{name}: {right[mine].mean():.2f} of {int(mine.sum())}")
    missing = sorted(set(range(len(FINE_CLASSES))) - set(calibration.label.tolist()))
    lost += [f"{FINE_CLASSES[k]}: no calibration spectrum" for k in missing]
    return Check(name="no class lost", ok=not lost, found="; ".join(lost) or "none")


def _unmixed(fit: Rows, back: Rows) -> Check:
    both = _names(fit.objects) & _names(back.objects)
    return Check(name="held-back objects", ok=not both, found=f"{len(both)} are in both halves" if both else "apart")


def _names(objects: "Sequence[str] | np.ndarray[tuple[int], np.dtype[np.str_]]") -> set[str]:
    return {str(name) for name in objects if name}
