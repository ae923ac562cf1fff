"""What to do with a spectrum, on two independent axes, and why in one sentence (ASTRANet paper, Sec. VI G and VII)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Policy(StrEnum):
    """COMMIT: take the class. ABSTAIN: a person should look. ALERT: it may be something else altogether."""

    COMMIT = "COMMIT"
    ABSTAIN = "ABSTAIN"
    ALERT = "ALERT"


class FailureMode(StrEnum):
    """Which failure mode of Sec. II an alert resembles."""

    DISGUISE = "disguise"
    CONTINUUM = "continuum-dominated"
    AMBIGUOUS = "ambiguous"
    NOVEL = "novel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where the axes are cut; all from calibration spectra.

    Parameters
    ----------
    confidence : float
        10th percentile of the top probability: below it, abstain.
    anomaly : float
        95th percentile of the anomaly score: from it on, alert.
    epistemic : float
        90th percentile of the members' disagreement: above it they are said to disagree. Percentiles are the paper's,
        for the default error and false-alarm rates.
    """

    confidence: float
    anomaly: float
    epistemic: float


def fit_thresholds(
    confidence: Floats, anomaly: Floats, epistemic: Floats, *, alpha: float = 0.05, false_alarm_rate: float = 0.01
) -> Thresholds:
    """From the calibration spectra, each of shape (n,).

    Parameters
    ----------
    alpha : float
        Error rate the operator chose. Twice as many of the calibration spectra count as unsure, and as disagreeing.
    false_alarm_rate : float
        Share of ordinary spectra that may be flagged. Five times as many are alerts, at most half of all. With the
        defaults these are the paper's percentiles: 10, 95 and 90.
    """
    unsure, alerts = min(2 * alpha, 0.5), alert_rate(false_alarm_rate)
    return Thresholds(
        confidence=float(np.quantile(confidence, unsure)),
        anomaly=float(np.quantile(anomaly, 1 - alerts, method="higher")),
        epistemic=float(np.quantile(epistemic, 1 - unsure)),
    )


def alert_rate(false_alarm_rate: float) -> float:
    """Share of ordinary spectra that become alerts, for a share that is flagged."""
    return min(5 * false_alarm_rate, 0.5)


def decide(confidence: float, anomaly: float, thresholds: Thresholds) -> Policy:
    """The three-way decision of Sec. VI G c."""
    if anomaly >= thresholds.anomaly:
        return Policy.ALERT
    return Policy.COMMIT if confidence >= thresholds.confidence else Policy.ABSTAIN


def failure_mode(set_size: int, epistemic: float, fired: Sequence[str], thresholds: Thresholds) -> FailureMode:
    """Which failure mode an alert resembles (Sec. VII, summary).

    Parameters
    ----------
    set_size : int
        Size of the prediction set; 0 says that no class fits.
    fired : sequence of str
        Families whose own mini-ensemble exceeds its threshold.
    """
    disagree = epistemic > thresholds.epistemic
    if set_size == 0 or (set_size > 1 and disagree):
        return FailureMode.NOVEL
    if set_size > 1:
        return FailureMode.AMBIGUOUS
    return FailureMode.CONTINUUM if {"distance", "density"} <= set(fired) else FailureMode.DISGUISE


_WHY: Mapping[FailureMode, str] = {
    FailureMode.DISGUISE: "the networks are agreed on {label}, yet it is odd among spectra called {label}: a disguise?",
    FailureMode.CONTINUUM: "called {label}, but far from every trained class: perhaps a continuum without its lines",
    FailureMode.AMBIGUOUS: "odd, and it could be {classes}: light curve and host must decide",
    FailureMode.NOVEL: "odd, and the networks disagree or no class fits: perhaps none of the trained classes",
}


def sentence(policy: Policy, label: str, classes: Sequence[str], kind: FailureMode | None, p: float | None) -> str:
    """One plain sentence for the astronomer.

    Parameters
    ----------
    classes : sequence of str
        The prediction set.
    kind : FailureMode or None
        For alerts.
    p : float or None
        Conformal p-value of the anomaly score.
    """
    if policy is Policy.COMMIT:
        return f"An ordinary {label}: sure enough, and not odd."
    if policy is Policy.ABSTAIN:
        return f"Not odd, but {_either(classes, label)}: a person should look."
    assert kind is not None
    why = _WHY[kind].format(label=label, classes=_either(classes, label))
    rarity = "" if p is None else f" Among comparable calibration spectra, {_share(p)} are as odd."
    return f"{why[0].upper()}{why[1:]}{'' if why.endswith('?') else '.'}{rarity}"


def _either(classes: Sequence[str], label: str) -> str:
    if not classes:
        return f"no class fits well, {label} least badly"
    return " or ".join(classes) if len(classes) > 1 else f"only weakly {classes[0]}"


def _share(p: float) -> str:
    return f"{100 * p:.0f} %" if p >= 0.015 else f"{100 * p:.1f} %"
