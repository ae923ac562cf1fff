"""Claim watched objects, gather what is known, ask NEEDLE, and file report and posts in one transaction each."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from iris_client.errors import NotFound, Unavailable, UpstreamError
from iris_client.protocols import AlertSource, Marshal
from models.domain import Status, Target
from models.needle.objects import ObjectAnalyst, ObjectAnswer
from plugin.clock import Clock, utc_now
from plugin.cycle.objects import compose as wording
from plugin.cycle.objects.discover import version_of
from plugin.cycle.objects.gather import Gathering, is_patient, mostly_negative
from plugin.cycle.patience import Breaker, Patience, denied
from plugin.cycle.posting import Posting
from plugin.cycle.posts import want
from plugin.cycle.spectra import compose
from plugin.store import LostClaim, ObjectFiled, Store, Watched
from plugin.store.objects import NO_ALERT

_log = structlog.get_logger("astranet.watch")


@dataclass(slots=True, kw_only=True)
class AnalysingObjects:
    """The use case with what it needs.

    Parameters
    ----------
    batch_size : int
        How many objects are claimed together.
    most : int
        How many are looked at in one cycle: a sweep of thousands must not keep new spectra waiting.
    stop : callable
        Whether to finish early; asked between objects.
    """

    marshal: Marshal
    source: AlertSource
    store: Store
    analyst: ObjectAnalyst
    posting: Posting
    patience: Patience = field(default_factory=Patience)
    batch_size: int = 8
    most: int = 300
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool

    def run(self) -> Counter[str]:
        """Work until nothing is due; counts by outcome: ok, refused, same, gone, later, parked, waiting."""
        outcomes: Counter[str] = Counter()
        breaker = Breaker()
        while not self.stop() and not breaker.open:
            if outcomes.total() >= self.most:
                with self.store.begin() as unit:
                    waiting = unit.objects.due(self.clock())
                return outcomes + Counter(waiting=waiting)
            with self.store.begin() as unit:
                held = unit.objects.claim(self.batch_size, self.clock())
            if not held:
                break
            for number, one in enumerate(held):
                if self.stop() or breaker.open:
                    with self.store.begin() as unit:
                        unit.objects.release(held[number:])
                    break
                outcomes[self._attempt(one, breaker)] += 1
        return outcomes

    def _attempt(self, one: Watched, breaker: Breaker) -> str:
        try:
            outcome = self._answer(one)
        except LostClaim as error:
            _log.warning("claim lost", reason=str(error))
            return "later"
        except UpstreamError as error:
            return self._put_back(one, error, breaker)
        except Exception as error:  # whatever the models raise, the object is parked with it and the others go on
            _log.exception("the models failed", source=one.target_id)
            self._park(one, f"the models failed: {type(error).__name__}: {error}"[:400])
            return "parked"
        breaker.success()
        return outcome

    def _answer(self, one: Watched) -> str:
        patient = is_patient(one.attempts)
        gathering = Gathering(marshal=self.marshal, source=self.source, analyst=self.analyst, patient=patient)
        stubs = gathering.alerts(one.target_id)
        version = max(map(version_of, stubs), default=NO_ALERT)
        if version <= one.version:
            with self.store.begin() as unit:
                unit.objects.finish(one)
            return "same"
        try:
            target = self.marshal.target(one.target_id)
        except NotFound:
            return self._file_gone(one)
        evidence, images = gathering.gather(target, stubs)
        answer = self.analyst.run(evidence, images, gathering.caveats)
        return self._file(one, version, target, _unless(mostly_negative(stubs), answer))

    def _file(self, one: Watched, version: str, target: Target, answer: ObjectAnswer) -> str:
        """Report, posts and the end of the work: all committed together, or none."""
        name = one.target_id
        filed = ObjectFiled(
            target_id=name,
            version=version,
            report=replace(answer.report, target_id=name),
            facts=answer.facts,
            group_ids=target.group_ids,
            filed_at=self.clock(),
        )
        with self.store.begin() as unit:
            unit.objects.finish(one, version)
            unit.reports.lock_target(name)
            unit.object_reports.put(filed)
            joined = compose.on_source(name, unit.reports.of_target(name), self.posting, filed.report)
            want(unit, [wording.on_object(filed, self.posting), *joined], self.clock())
        verdict = answer.report.host_verdict
        said = {"reason": answer.report.reason} if verdict is None else {"label": verdict.label}
        _log.info("analysed alerts", source=name, status=str(answer.report.status), **said)
        return str(answer.report.status)

    def _file_gone(self, one: Watched) -> str:
        """The source is deleted, or not ours to see any more: what NEEDLE said about it is taken back."""
        name = one.target_id
        with self.store.begin() as unit:
            unit.objects.finish(one, state="gone")
            if unit.object_reports.of(name) is not None:
                unit.reports.lock_target(name)
                unit.object_reports.retire(name)
                joined = compose.on_source(name, unit.reports.of_target(name), self.posting)
                want(unit, [wording.gone(name), *joined], self.clock())
        _log.info("gone", source=name)
        return "gone"

    def _put_back(self, one: Watched, error: UpstreamError, breaker: Breaker) -> str:
        """Later, or never: an upstream that is away may come back, one that refuses will not."""
        away = isinstance(error, Unavailable) or denied(error)
        if away:
            breaker.failure(error)
        attempts = one.attempts + 1
        if (not away and not is_patient(attempts)) or self.patience.exhausted(attempts):
            self._park(one, str(error))
            _log.error("parked", source=one.target_id, error=str(error))
            return "parked"
        with self.store.begin() as unit:
            now = self.clock()
            unit.objects.retry(one, str(error), self.patience.next_try(now, attempts, error))
        _log.warning("not gathered, later again", source=one.target_id, error=str(error))
        return "later"

    def _park(self, one: Watched, error: str) -> None:
        with self.store.begin() as unit:
            unit.objects.park(one, error)


def _unless(reason: str | None, answer: ObjectAnswer) -> ObjectAnswer:
    """The answer; or a refusal, where there is a reason against any."""
    if reason is None or answer.report.host_verdict is None:
        return answer
    refused = replace(
        answer.report,
        status=Status.REFUSED,
        reason=reason,
        host_verdict=None,
    )
    return replace(answer, report=refused)
