"""Which reports are told in the chat: each alert once, however often the answer is renewed while it stays one."""

from collections.abc import Mapping
from typing import Any, Final

from iris_client.protocols import Place
from plugin.cycle.posting import Post, Posting, audience, rounded
from plugin.store import Filed, Unit

MESSAGE: Final = "message"
_SAID: Final = ("sent", "sending", "parked")


def about_spectrum(unit: Unit, filed: Filed, posting: Posting) -> list[Post]:
    """What should be said about a report: nothing where messages are off, or where it was said already."""
    if not posting.messages:
        return []
    groups = audience(filed.group_ids, posting)
    confidence = filed.report.confidence
    if confidence is None or confidence.policy != "ALERT" or not groups:
        return unsaid(filed.subject.id, posting)
    place = Place(kind="spectrum", id=filed.subject.id)
    before = [p for p in unit.outbox.at([place]) if p.kind == MESSAGE and p.body is not None]
    if any(parcel.state in _SAID for parcel in before):
        return []
    return [Post(place=place, kind=MESSAGE, body=alert(filed), group_ids=groups)]


def unsaid(spectrum_id: str, posting: Posting) -> list[Post]:
    """Nothing is to be said about a spectrum (any more); a message that waits is not sent."""
    if not posting.messages:
        return []
    return [Post(place=Place(kind="spectrum", id=spectrum_id), kind=MESSAGE, body=None, group_ids=())]


def alert(filed: Filed) -> Mapping[str, Any]:
    """What is said of an alert; plain data, whose words are made when it is sent."""
    report = filed.report
    verdict, confidence, anomaly = report.verdict, report.confidence, report.anomaly
    p = None if confidence is None else confidence.p_mondrian
    return {
        "source": filed.target_id,
        "spectrum": filed.subject.id,
        "class": None if verdict is None else verdict.label,
        "p": None if verdict is None else rounded(verdict.probability),
        "p_mondrian": None if p is None else rounded(p),
        "resembles": None if anomaly is None else anomaly.resembles,
        "sentence": None if confidence is None else confidence.sentence,
        "observed_at": filed.observed_at,
        "instrument": filed.instrument,
    }
