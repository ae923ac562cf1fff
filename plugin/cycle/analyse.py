"""The one loop: claim, read, ask the model, and file report and posts in one transaction each.

Whatever breaks on a piece of work, at whichever step, parks that piece with its reason, and the others go on.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

import structlog

from iris_client.errors import NotFound, Unavailable, UpstreamError
from models.domain import Report, Target
from plugin.clock import Clock, utc_now
from plugin.cycle.patience import Breaker, Patience, denied
from plugin.cycle.poison import why
from plugin.cycle.posts import enqueue
from plugin.cycle.producer import Answer, Known, LetGo, Producer, Waits
from plugin.store import LostClaim, Piece, Store

_log = structlog.get_logger("astranet.analyse")


@dataclass(slots=True, kw_only=True)
class Analysing(Generic[Known, Answer]):
    """The use case with what it needs.

    Parameters
    ----------
    batch_size : int
        How many pieces of work are claimed and go through the model together.
    most : int or None
        How many are looked at in one cycle: a sweep of thousands must not keep other work waiting. None: all.
    secrets : tuple of str
        Texts that must not be filed, should an error quote them.
    stop : callable
        Whether to finish early; asked between pieces.
    """

    producer: Producer[Known, Answer]
    store: Store
    patience: Patience = field(default_factory=Patience)
    batch_size: int = 32
    most: int | None = None
    secrets: tuple[str, ...] = ()
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool

    def run(self) -> Counter[str]:
        """Work until nothing is due, or one batch with renewals is done: looking for news comes before the next.

        Counts by outcome: ok, refused, same, let_go, gone, later, parked, waiting.
        """
        outcomes: Counter[str] = Counter()
        breaker, kind = Breaker(), self.producer.kind
        while not self.stop() and not breaker.open:
            if self.most is not None and outcomes.total() >= self.most:
                with self.store.begin(to_read=True) as unit:
                    return outcomes + Counter(waiting=unit.queue.due(kind, self.clock()))
            with self.store.begin() as unit:
                held = unit.queue.claim(kind, self.batch_size, self.clock())
            if not held:
                break
            read = self._read(held, breaker, outcomes)
            for piece, known, answer in self._ask(read, outcomes):
                outcomes[self._file(piece, known, answer)] += 1
            if any(piece.is_renewal for piece in held):
                break
        return outcomes

    def _read(self, held: list[Piece], breaker: Breaker, outcomes: Counter[str]) -> list[tuple[Piece, Known]]:
        """What is known of each piece; those that could not be read are put back, parked, or gone."""
        targets: dict[str, Target] = {}
        read: list[tuple[Piece, Known]] = []
        for number, piece in enumerate(held):
            if self.stop() or breaker.open:
                with self.store.begin() as unit:
                    unit.queue.release(held[number:])
                break
            try:
                known = self.producer.fetch(piece, targets)
                breaker.success()
            except NotFound:
                breaker.success()
                outcomes[self._withdraw(piece)] += 1
            except Waits as reason:
                outcomes[self._postpone(piece, str(reason))] += 1
            except LetGo as reason:
                breaker.success()
                outcomes[self._close(piece, reason)] += 1
            except UpstreamError as error:
                outcomes[self._put_back(piece, error, breaker)] += 1
            except Exception as error:
                outcomes[self._park(piece, "reading", error)] += 1
            else:
                if known is not None:
                    read.append((piece, known))
                else:
                    outcomes[self._close(piece)] += 1
        return read

    def _ask(self, read: Sequence[tuple[Piece, Known]], outcomes: Counter[str]) -> list[tuple[Piece, Known, Answer]]:
        """Answers for a batch; when the model fails on it, one by one, so that a single piece stops no other."""
        if not read:
            return []
        try:
            answers = self.producer.answer([known for _, known in read])
            return [(*one, answer) for one, answer in zip(read, answers, strict=True)]
        except Exception as error:
            if len(read) == 1:
                outcomes[self._park(read[0][0], "the models", error)] += 1
                return []
            return [answered for one in read for answered in self._ask([one], outcomes)]

    def _file(self, piece: Piece, known: Known, answer: Answer) -> str:
        """Report, posts and the end of the work: all committed together, or none."""
        try:
            draft = self.producer.draft(piece, known, answer)
            filed = draft.filed
            with self.store.begin() as unit:
                unit.queue.finish(piece, seen=draft.seen)
                unit.reports.lock_target(filed.target_id)
                enqueue(unit, self.producer.file(unit, piece, draft), self.clock())
        except LostClaim as error:
            return _lost(error)
        except Exception as error:
            return self._park(piece, "filing", error)
        _log.info("analysed", **_about(piece), producer=filed.producer, **_gist(filed.report))
        return str(filed.report.status)

    def _close(self, piece: Piece, why_not: LetGo | None = None) -> str:
        """There is no news, or there shall be no answer: nothing to be said."""
        try:
            with self.store.begin() as unit:
                if why_not is None:
                    unit.queue.finish(piece)
                else:
                    unit.queue.finish(piece, seen=why_not.seen, reason=str(why_not))
        except LostClaim as error:
            return _lost(error)
        return "same" if why_not is None else "let_go"

    def _withdraw(self, piece: Piece) -> str:
        """The subject is deleted, or not ours to see any more: what we said about it is taken back."""
        subject, producer = piece.subject, self.producer
        try:
            with self.store.begin() as unit:
                unit.queue.finish(piece, "gone")
                before = unit.reports.of(subject, producer.name)
                target_id = piece.target_id if before is None else before.target_id
                unit.reports.lock_target(target_id)
                if unit.reports.retire(subject, producer.name):
                    enqueue(unit, producer.withdraw(unit, subject, target_id), self.clock())
        except LostClaim as error:
            return _lost(error)
        except Exception as error:
            return self._park(piece, "taking back", error)
        _log.info("gone", **_about(piece))
        return "gone"

    def _put_back(self, piece: Piece, error: UpstreamError, breaker: Breaker) -> str:
        """Later, or never: an upstream that is away may come back, one that refuses will not."""
        away = isinstance(error, Unavailable) or denied(error)
        if away:
            breaker.failure(error)
        attempts = piece.attempts + 1
        park = (not away and attempts >= self.producer.tries) or self.patience.exhausted(attempts)
        try:
            with self.store.begin() as unit:
                if park:
                    unit.queue.park(piece, str(error))
                else:
                    unit.queue.retry(piece, str(error), self.patience.next_try(self.clock(), attempts, error))
        except LostClaim as lost:
            return _lost(lost)
        log = _log.error if park else _log.warning
        log("parked" if park else "not read, later again", error=str(error), **_about(piece))
        return "parked" if park else "later"

    def _postpone(self, piece: Piece, reason: str) -> str:
        """Another answer comes first."""
        try:
            with self.store.begin() as unit:
                unit.queue.postpone(piece, reason, self.patience.next_look(self.clock()))
        except LostClaim as lost:
            return _lost(lost)
        return "waiting"

    def _park(self, piece: Piece, step: str, error: Exception) -> str:
        """Whatever broke, the piece is set aside with it."""
        reason = why(step, error, self.secrets, **_about(piece))
        try:
            with self.store.begin() as unit:
                unit.queue.park(piece, reason)
        except LostClaim as lost:
            return _lost(lost)
        return "parked"


def _lost(error: LostClaim) -> str:
    _log.warning("claim lost", reason=str(error))
    return "later"


def _about(piece: Piece) -> dict[str, str]:
    return {piece.subject.kind: piece.subject.id, "source": piece.target_id}


def _gist(report: Report) -> dict[str, Any]:
    verdict, host = report.verdict, report.host_verdict
    if verdict is not None:
        return {"status": str(report.status), "label": verdict.label, "p": round(verdict.probability, 3)}
    said = {"reason": report.reason} if host is None else {"label": host.label}
    return {"status": str(report.status), **said}
