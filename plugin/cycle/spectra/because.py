"""Why a spectrum was answered anew, found by comparing the answer with the one before; and what that one said.

What an answer depends on is on file with it, so nobody has to remember the reason: it is right after a restart, and
when two things have changed at once.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from models.domain import Report
from plugin.clock import moment, stamp
from plugin.cycle.spectra.looked import ASKED
from plugin.cycle.spectra.renew import REDSHIFT
from plugin.store.filed import Fact, Filed

BECAUSE: Final = "because"
"""The fact that says in words why there is another answer; absent from a first one."""
BY_HAND: Final = "asked for by hand"
EARLIER: Final = "earlier"
"""The fact that holds what was answered before about the same version of the spectrum, as JSON, the latest first."""
_KEPT: Final = 20
_ASKED: Final[Mapping[str, str]] = {BY_HAND: BY_HAND, ASKED: "where the networks looked was asked for by hand"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An answer that counts no more, in a few words.

    Parameters
    ----------
    at : datetime
        When it was given, naive UTC.
    version : str
        Of the spectrum, in the server's own time.
    because : str or None
        Why it was given, where it was no first one.
    """

    at: datetime
    version: str
    said: str
    bundle: str
    because: str | None = None


def with_reason(filed: Filed, before: Filed | None, *, counted: bool = True, asked: str | None = None) -> Filed:
    """An answer with why it was given, and what was said before of the same version; as it is where it is the first.

    Parameters
    ----------
    before : Filed or None
        The answer on file.
    counted : bool
        Whether that still counted: not when the spectrum was deleted, or could not be seen, in between.
    asked : str or None
        What the queue says that is wanted.
    """
    if before is None:
        return filed
    facts: dict[str, Fact] = {**filed.facts, BECAUSE: reason(filed, before, counted=counted, asked=asked)}
    if filed.version == before.version:
        rows = [[stamp(one.at), one.said, one.bundle, one.because] for one in (summary(before), *earlier(before))]
        facts[EARLIER] = json.dumps(rows[:_KEPT], ensure_ascii=False)
    return replace(filed, facts=facts)


def reason(filed: Filed, before: Filed, *, counted: bool = True, asked: str | None = None) -> str:
    """Everything that is another than before, in words."""
    changed = list(_changes(filed, before))
    if not counted:
        changed.insert(0, "it can be read again")
    if (by_hand := _ASKED.get(asked or "")) is not None:
        changed.append(by_hand)
    if not changed and filed.report.input_hash != before.report.input_hash:
        changed.append("what it was read from has changed")
    return "; ".join(changed) or "it was looked at again, and nothing it depends on had changed"


def _changes(filed: Filed, before: Filed) -> Iterator[str]:
    if filed.version != before.version:
        yield "the spectrum was changed on the marshal"
    if filed.target_id != before.target_id:
        yield f"it was moved from {before.target_id}"
    now = filed.facts.get(REDSHIFT)
    if now != before.facts.get(REDSHIFT):
        yield "its redshift was taken away" if now is None else f"its redshift became {now}"
    if before.group_ids and set(filed.group_ids) != set(before.group_ids):
        yield "other groups see it"
    if filed.report.bundle != before.report.bundle:
        yield f"bundle {filed.report.bundle} replaced {before.report.bundle}"
    else:
        yield from _calibrations(filed.report, before.report)
    yield from _choices(filed.report, before.report)


def _choices(now: Report, before: Report) -> Iterator[str]:
    """What the operator chose otherwise in between."""
    if now.verdict and before.verdict and now.verdict.strategy != before.verdict.strategy:
        yield f"strategy {now.verdict.strategy} replaced {before.verdict.strategy}"
    if now.confidence and before.confidence and now.confidence.method != before.confidence.method:
        yield f"sets {now.confidence.method} replaced {before.confidence.method}"


def _calibrations(now: Report, before: Report) -> Iterator[str]:
    ours, theirs = now.confidence, before.confidence
    if ours is None or theirs is None:
        return
    if ours.calibration_id != theirs.calibration_id:
        yield f"calibration {ours.calibration_id} replaced {theirs.calibration_id}"
    elif ours.calibration_date != theirs.calibration_date:  # sets at a known redshift are the bundle's own
        yield f"the calibration of {ours.calibration_date} replaced that of {theirs.calibration_date}"


def summary(filed: Filed) -> Earlier:
    """A report on file in a few words."""
    return Earlier(
        at=filed.filed_at,
        version=filed.version,
        said=gist(filed.report),
        bundle=filed.report.bundle,
        because=because(filed),
    )


def because(filed: Filed) -> str | None:
    """Why it was answered anew; None for a first answer, and for those of versions of this program that did not say."""
    found = filed.facts.get(BECAUSE)
    return None if found is None else str(found)


def earlier(filed: Filed) -> tuple[Earlier, ...]:
    """What was said before of the same version, the latest first."""
    try:
        rows = [(moment(str(at)), said, bundle, why) for at, said, bundle, why in json.loads(str(filed.facts[EARLIER]))]
    except (KeyError, ValueError, TypeError):
        return ()
    return tuple(
        Earlier(
            at=at,
            version=filed.version,
            said=str(said),
            bundle=str(bundle),
            because=None if why is None else str(why),
        )
        for at, said, bundle, why in rows
    )


def gist(report: Report) -> str:
    """A report in a few words."""
    verdict = report.verdict or report.host_verdict
    if verdict is None:
        return f"not classified: {report.reason}"
    policy = report.confidence.policy if report.confidence else None
    return f"{verdict.label} {verdict.probabilities[verdict.label]:.2f}" + (f", {policy}" if policy else "")
