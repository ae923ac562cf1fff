"""Which tag a source gets from its answer: a closed list of names, so that a marshal's users can filter by them."""

from collections.abc import Mapping
from typing import Final

from iris_client.protocols import Place
from models.domain import FINE_CLASSES, Report
from plugin.cycle.posting import Post

TAG: Final = "tag"
ALERT_TAG: Final = "ASTRANetALERT"
CLASS_TAGS: Final[Mapping[str, str]] = {label: f"ASTRANet{label.replace(' ', '')}" for label in FINE_CLASSES}
"""For each class that is sure (policy COMMIT). SkyPortal allows letters and digits only."""
VOCABULARY: Final = (ALERT_TAG, *CLASS_TAGS.values())


def tags_of(report: Report) -> tuple[str, ...]:
    """The names for one answer: an alert, a class that is sure, or none."""
    policy = None if report.confidence is None else report.confidence.policy
    if policy == "ALERT":
        return (ALERT_TAG,)
    if policy == "COMMIT" and report.verdict is not None and report.verdict.label in CLASS_TAGS:
        return (CLASS_TAGS[report.verdict.label],)
    return ()


def tag_post(target_id: str, report: Report | None, group_ids: tuple[int, ...]) -> Post:
    """Our tags on a source; none for a source without an answer."""
    names = () if report is None else tags_of(report)
    body = {"names": list(names)} if names else None
    return Post(place=Place(kind="source", id=target_id), kind=TAG, body=body, group_ids=group_ids if names else ())
