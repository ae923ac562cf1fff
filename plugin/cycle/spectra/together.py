"""The answer about a source from all of its spectra that the same people may see."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from models.conformal.domains import LOW
from models.domain import FINE_CLASSES, CaveatCode, Confidence, Report, Verdict
from models.together import Together, combined
from plugin.cycle.posting import Body, rounded
from plugin.store import Filed

DIGITS: Final = 6
HISTORY: Final = 6
"""Spectra that the history names, the latest ones."""
AT_ODDS: Final = "ABSTAIN"


def joined(latest: Filed, others: Sequence[Filed], rule: Together) -> Report:
    """The latest spectrum's report with class, probabilities and sets of all spectra together.

    Where the class of all together is not that of the latest, what was said of the latest does not hold for the
    object: unless it is an alert, a person should look.

    Parameters
    ----------
    latest : Filed
        With a verdict and its confidence.
    others : sequence of Filed
        Of the same source, seen by whoever sees the latest; each with a verdict.
    """
    report = latest.report
    reports = [f.report for f in (latest, *others)]
    verdicts = [r.verdict for r in reports if r.verdict is not None]
    if report.verdict is None or report.confidence is None or len(verdicts) < 2:
        return report
    p = combined(np.array([[v.probabilities[c] for c in FINE_CLASSES] for v in verdicts]))
    label = FINE_CLASSES[int(rule.decision.named(p))]
    verdict = replace(
        report.verdict,
        label=label,
        probabilities={c: round(float(x), DIGITS) for c, x in zip(FINE_CLASSES, p, strict=True)},
        coarse=_coarse(verdicts, report.verdict),
        spread={},
    )
    low = sum((r.confidence.calibration_cell or "").startswith(LOW) for r in reports if r.confidence) * 2 > len(reports)
    sets = {alpha: rule.members(p, float(alpha), low=low) for alpha in report.confidence.prediction_sets}
    confidence = replace(
        report.confidence, prediction_sets=sets, calibration_cell="objects", calibration_size=rule.size
    )
    if label != report.verdict.label:
        confidence = _at_odds(confidence, label, report.verdict.label)
    caveats = tuple(c for c in report.caveats if c.code is not CaveatCode.BY_STRATEGY)
    if (chosen_by := rule.decision.caveat(label, verdict.probabilities)) is not None:
        caveats = (*caveats, chosen_by)
    surest = max((r.redshift for r in reports if r.redshift is not None), key=lambda z: z.share, default=None)
    return replace(report, verdict=verdict, confidence=confidence, redshift=surest, caveats=caveats)


def history(filed: Sequence[Filed]) -> Body:
    """What each spectrum said, oldest first: "2026-06-01 SN Ibc 0.62; 2026-06-09 SN II 0.98"."""
    told = [
        f"{(f.observed_at or '?')[:10]} {f.report.verdict.label} {rounded(f.report.verdict.probability):.2f}"
        for f in filed
        if f.report.verdict is not None
    ]
    labels = {f.report.verdict.label for f in filed if f.report.verdict is not None}
    return {"n_combined": len(told), "unanimous": int(len(labels) == 1), "history": "; ".join(told[-HISTORY:])}


def _at_odds(confidence: Confidence, label: str, latest: str) -> Confidence:
    if confidence.policy in (None, "ALERT"):
        return confidence
    sentence = f"All spectra together say {label}, the latest one {latest}: a person should look."
    return replace(confidence, policy=AT_ODDS, sentence=sentence)


def _coarse(verdicts: Sequence[Verdict], latest: Verdict) -> dict[str, float]:
    """Combined as the fine classes are."""
    names = tuple(latest.coarse)
    p = combined(np.array([[v.coarse.get(name, 0.0) for name in names] for v in verdicts]))
    return {name: round(float(x), DIGITS) for name, x in zip(names, p, strict=True)}
