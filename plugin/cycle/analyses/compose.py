"""An answer as SkyPortal's web hook takes it; the pictures are put in when it is sent. Pure: no clock, no network.

    status       "success", or "failure": no class, with the reason in `message`
    message      one sentence; people see it beside the analysis
    analysis     results {"format": "json", "data": ...}: the keys of the annotations, flat, and `spectra`, one by one
                 annotations: one of origin `ASTRANet-analysis` or `NEEDLE-analysis`, in the name of whoever asked
                 plots [{"format": "png", "data": base64}]

The annotations have origins of their own: SkyPortal writes them without looking who owns the row, and the service could
not renew its own answers any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.domain import Report
from plugin.cycle.objects import compose as needle
from plugin.cycle.posting import NONE
from plugin.cycle.spectra import compose as astranet
from plugin.store import ASTRANET, NEEDLE, Filed

SUFFIX: Final = "-analysis"
"""Of the origins of what is answered here."""
SENT: Final = "0"
"""The number of a spectrum that the marshal does not show us; real ones begin at 1."""
CAVEAT: Final = "our account cannot read it on the marshal; the answer is from what was sent with the request"
_LONGEST: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is said about one spectrum: a report, or why there is none."""

    spectrum_id: str
    observed_at: str | None
    instrument: str | None
    report: Report | None
    failed: str | None = None

    @property
    def has_class(self) -> bool:
        """Whether there is an answer."""
        return self.report is not None and self.report.verdict is not None

    @property
    def why_not(self) -> str:
        """Why there is none."""
        return self.failed or (self.report.reason if self.report is not None else None) or "no answer"

    def __str__(self) -> str:
        name = "a spectrum" if self.spectrum_id == SENT else f"spectrum {self.spectrum_id}"
        return name if self.observed_at is None else f"{name} of {self.observed_at[:10]}"


def about_spectra(target_id: str, found: Sequence[About], alpha: float) -> dict[str, Any]:
    """The answer about a source's spectra, latest first: the latest with a class speaks for the source."""
    each = [_row(one, alpha) for one in found]
    best = next((one for one in found if one.has_class), None)
    if best is None or best.report is None:
        why = "; ".join(f"{one}: {one.why_not}" for one in found) or "no spectrum was sent"
        return failure(f"{ASTRANET}: no class. {why}", {"target_id": target_id, "spectra": each})
    keys = {f"{astranet.PREFIX}{key}": value for key, value in _keys(best, len(found), alpha).items()}
    more = f" ({sum(one.has_class for one in found)} of {len(found)} spectra have a class)" if len(found) > 1 else ""
    but = f"; {CAVEAT}" if best.spectrum_id == SENT else ""
    return success(
        f"{ASTRANET}: {_says(best.report)} from {best}{more}{but}",
        {"target_id": target_id, **keys, "spectra": each},
        [{"origin": f"{ASTRANET}{SUFFIX}", "data": keys}],
    )


def about_object(filed: Filed, alpha: float, caveat: str | None) -> dict[str, Any]:
    """NEEDLE's answer about an object.

    Parameters
    ----------
    caveat : str or None
        What qualifies it, in words.
    """
    keys = dict(needle.answer(filed, alpha))
    results = {"target_id": filed.target_id, **keys, "caveat": caveat or NONE}
    verdict, but = filed.report.host_verdict, "" if caveat is None else f"; {caveat}"
    if verdict is None:
        return failure(f"{NEEDLE}: no class. {filed.report.reason}{but}", results)
    message = f"{NEEDLE}: {verdict.label} (score {verdict.probabilities[verdict.label]:.2f}){but}"
    return success(message, results, [{"origin": f"{NEEDLE}{SUFFIX}", "data": keys}])


def success(message: str, results: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A body of a good answer."""
    body = failure(message, results)
    body["analysis"]["annotations"] = list(annotations)
    return {**body, "status": "success"}


def failure(message: str, results: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A body that says why there is no class."""
    analysis: dict[str, Any] = {} if results is None else {"results": {"format": "json", "data": dict(results)}}
    return {"status": "failure", "message": message[:_LONGEST], "analysis": analysis}


def _says(report: Report) -> str:
    verdict, confidence = report.verdict, report.confidence
    assert verdict is not None
    policy = "" if confidence is None or confidence.policy is None else f", {confidence.policy}"
    return f"{verdict.label} (p = {verdict.probability:.2f}{policy})"


def _keys(one: About, n_spectra: int, alpha: float) -> dict[str, Any]:
    assert one.report is not None
    where = {"spectrum_id": one.spectrum_id, "observed_at": one.observed_at or NONE, "n_spectra": n_spectra}
    return {**astranet.answer(one.report, alpha), **where}


def _row(one: About, alpha: float) -> dict[str, Any]:
    row: dict[str, Any] = {"spectrum_id": one.spectrum_id, "observed_at": one.observed_at, "instrument": one.instrument}
    row["from"] = "request" if one.spectrum_id == SENT else "marshal"
    if one.report is None:
        return row | {"status": "failed", "reason": one.why_not}
    return row | dict(astranet.answer(one.report, alpha))
