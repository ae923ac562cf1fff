"""Requests as work of the one loop: each is read, answered, and put into the outbox for its web hook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from iris_client.protocols import Place
from models.domain import Report, Status, Target
from plugin.clock import Clock, utc_now
from plugin.cycle.analyses import compose
from plugin.cycle.posting import Post
from plugin.cycle.posts import enqueue
from plugin.cycle.producer import Draft
from plugin.store import ANALYSIS, Filed, Piece, Store, Subject, Unit
from plugin.store.analyses import Analysis
from plugin.store.subject import Kind

KIND: Final = "analysis"
"""Of the posts, and of the places where they go."""
_SPARE: Final = timedelta(minutes=2)
"""Before the marshal stops waiting: better a reason in time than an answer too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is answered to one request.

    Parameters
    ----------
    body : mapping
        See `plugin.cycle.analyses.compose`.
    report : Report or None
        The one that speaks for it, for the log; None when there is no class.
    """

    body: Mapping[str, Any]
    plots: Sequence[Mapping[str, str]] = ()
    report: Report | None = None


class Service(Protocol):
    """Who answers requests of one kind."""

    @property
    def origin(self) -> str:
        """Which producer's answers these are."""

    def gather(self, request: Analysis) -> Any:
        """Everything that an answer needs; raises `Waits`, or `UpstreamError` when it cannot be read now."""

    def say(self, request: Analysis, known: Any) -> Said:
        """The answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDraft(Draft):
    """A draft with the pictures that go with the answer."""

    plots: Sequence[Mapping[str, str]] = ()


@dataclass(slots=True, kw_only=True)
class RequestsProducer:
    """A `plugin.cycle.producer.Producer` of answers to requests; what it drafts is no report of its own."""

    services: Mapping[str, Service]
    store: Store
    clock: Clock = utc_now
    name: Final[str] = KIND
    kind: Final[Kind] = ANALYSIS
    tries: Final[int] = 3

    def fetch(self, piece: Piece, targets: dict[str, Target]) -> tuple[Analysis, Any] | None:
        """The request with everything that is known; None when it has ended."""
        with self.store.begin(to_read=True) as unit:
            request = unit.analyses.of(piece.subject.id)
        if request is None or request.ended is not None:
            return None
        return request, self.services[request.service].gather(request)

    def answer(self, known: Sequence[tuple[Analysis, Any]]) -> list[Said]:
        """The answers, in order."""
        return [self.services[request.service].say(request, one) for request, one in known]

    def draft(self, piece: Piece, known: tuple[Analysis, Any], answer: Said) -> AnswerDraft:
        """The post for the web hook."""
        report = answer.report or Report(
            target_id=piece.target_id,
            spectrum_id=None,
            status=Status.REFUSED,
            reason=str(answer.body["message"]),
        )
        origin = self.services[known[0].service].origin
        filed = Filed(
            subject=piece.subject,
            producer=origin,
            target_id=piece.target_id,
            version=piece.version,
            report=replace(report, target_id=piece.target_id),
            filed_at=self.clock(),
        )
        return AnswerDraft(filed=filed, posts=[post(piece.subject.id, answer.body)], plots=answer.plots)

    def file(self, unit: Unit, piece: Piece, draft: Draft) -> Sequence[Post]:
        """The pictures, kept until they are delivered; no report: that of the spectrum or object is on file already."""
        assert isinstance(draft, AnswerDraft)
        unit.analyses.keep_plots(piece.subject.id, draft.plots)
        return draft.posts

    def withdraw(self, unit: Unit, subject: Subject, target_id: str) -> Sequence[Post]:
        """Nothing: an answer that was given cannot be taken back."""
        return []


def post(name: str, body: Mapping[str, Any]) -> Post:
    """The answer to one request."""
    return Post(place=Place(kind=KIND, id=name), kind=KIND, origin=KIND, body=body, group_ids=())


def answer_failures(store: Store, now: datetime) -> int:
    """Say of each request whose work was set aside that there will be no answer, and why; returns how many."""
    with store.begin() as unit:
        failing = unit.analyses.failing()
        for name, reason in failing:
            enqueue(unit, [post(name, compose.failure(f"no answer: {reason}"))], now)
    return len(failing)


def deadline_of(request: Analysis) -> datetime:
    """When an answer must be given, whatever it is waiting for."""
    return datetime.max if request.invalid_after is None else request.invalid_after - _SPARE
