"""NEEDLE's answer -> the annotation at Lasair, in the form of the paper's own annotator.

classification   the most probable class if its score reaches the threshold, else `unclear`
classdict        the score of each class
explanation      since when it is a candidate, and how long after its discovery
version          the model
url              the object's page here, where there is one
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from iris_client.brokers.surveys import survey_of
from iris_client.protocols import Place
from models.domain import NEEDLE_CLASSES, HostVerdict
from plugin.cycle.carriers import LASAIR
from plugin.cycle.objects.discover import MJD_EPOCH
from plugin.cycle.posting import Post, Posting, rounded
from plugin.store import NEEDLE, Filed
from plugin.store.needle import Crossing

CANDIDATES: Final = ("SLSN-I", "TDE")
"""Classes that are looked for; what becomes one of them is on the record."""
UNCLEAR: Final = "unclear"


def candidate(verdict: HostVerdict | None, threshold: float) -> str | None:
    """The class that an answer makes an object a candidate of; None for none."""
    if verdict is None or verdict.label not in CANDIDATES or verdict.probabilities[verdict.label] < threshold:
        return None
    return verdict.label


def at_lasair(filed: Filed, posting: Posting, crossings: Sequence[Crossing], discovery_mjd: float | None) -> list[Post]:
    """What should hang at Lasair; nothing where no answers go there, or it does not have the object."""
    if posting.lasair is None or not _is_of(filed.target_id, posting.lasair):
        return []
    verdict = filed.report.host_verdict
    if verdict is None:
        return gone(filed.target_id, posting)
    p = verdict.probabilities
    body = {
        "classification": verdict.label if p[verdict.label] >= posting.threshold else UNCLEAR,
        "classdict": {name: rounded(p[name]) for name in NEEDLE_CLASSES},
        "explanation": _explained(verdict, posting.threshold, crossings, discovery_mjd),
        "version": filed.report.bundle,
        "url": f"{posting.web_url}/object/{quote(filed.target_id, safe='')}" if posting.web_url else "",
    }
    return [Post(place=Place(kind="source", id=filed.target_id), kind=LASAIR, origin=NEEDLE, body=body, group_ids=())]


def gone(target_id: str, posting: Posting) -> list[Post]:
    """Nothing holds any more of what may hang there."""
    if posting.lasair is None:
        return []
    return [Post(place=Place(kind="source", id=target_id), kind=LASAIR, origin=NEEDLE, body=None, group_ids=())]


def _explained(
    verdict: HostVerdict, threshold: float, crossings: Sequence[Crossing], discovery_mjd: float | None
) -> str:
    said = [_first(one, discovery_mjd) for one in crossings]
    if verdict.probabilities[verdict.label] < threshold:
        said.append(f"Now no class reaches {threshold:g}; {verdict.label} is the most probable.")
    elif candidate(verdict, threshold) is None:
        said.append(f"{verdict.label} is above {threshold:g}.")
    return " ".join(said)


def _first(one: Crossing, discovery_mjd: float | None) -> str:
    mjd = (one.crossed_at - MJD_EPOCH) / timedelta(days=1)
    after = "" if discovery_mjd is None else f", {mjd - discovery_mjd:.1f} d after its first detection"
    return f"First above {one.threshold:g} as {one.label} at MJD {mjd:.3f}{after}."


def _is_of(target_id: str, survey: str) -> bool:
    return target_id.isdigit() if survey == "LSST" else survey_of(target_id) == survey
