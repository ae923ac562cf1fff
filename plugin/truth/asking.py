"""Asking the marshal what people say of the objects that we answered about: a request each, paced like all others.

Labels come late, be it months after the answer. In the first weeks an object is asked about daily, by whoever looks up
its name at the TNS where that is set up, for the request is the same; later on once a week. Each run has a limit, so
that the night's answers never wait for it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from iris_client.errors import NotFound, Unavailable, UpstreamError
from iris_client.protocols import SpectrumSource
from plugin.clock import Clock, utc_now
from plugin.cycle.patience import Breaker
from plugin.cycle.poison import why
from plugin.store import Store
from plugin.truth.hearing import Hearing

DAILY: Final = timedelta(days=30)
"""How long after its last answer an object is asked about every day."""
EVERY: Final = timedelta(hours=20)
WEEKLY: Final = timedelta(days=7)
MOST: Final = 300
"""Requests of one run, which comes every hour."""
_log = structlog.get_logger("astranet.truth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The use case with what it needs.

    Parameters
    ----------
    watched : timedelta
        How long after its last answer an object is asked about.
    stop : callable
        Whether to finish early; asked between objects.
    """

    marshal: SpectrumSource
    store: Store
    hearing: Hearing
    watched: timedelta
    most: int = MOST
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool

    def run(self) -> Counter[str]:
        """Ask about what is due; counts `asked`, `given`, `withdrawn` (labels), `gone` and `later` (objects)."""
        outcomes: Counter[str] = Counter()
        breaker = Breaker()
        for target_id in self._due():
            if self.stop() or breaker.open:
                break
            outcomes += self._ask(target_id, breaker)
        if outcomes:
            _log.info("asked what people say", **dict(sorted(outcomes.items())))
        return outcomes

    def _due(self) -> list[str]:
        now = self.clock()
        young = max(now - DAILY, now - self.watched)
        with self.store.begin(to_read=True) as unit:
            due = unit.truth.due(filed_since=young, asked_before=now - EVERY, most=self.most)
            if len(due) < self.most and self.watched > DAILY:
                old = {"filed_since": now - self.watched, "filed_before": young, "asked_before": now - WEEKLY}
                due += unit.truth.due(**old, most=self.most - len(due))
        return due

    def _ask(self, target_id: str, breaker: Breaker) -> Counter[str]:
        try:
            heard = self.hearing.hear(self.marshal.target(target_id))
        except NotFound:  # no longer there, or no longer ours to see: what was said of it was said
            breaker.success()
            with self.store.begin() as unit:
                unit.truth.asked(target_id, self.clock())
            return Counter(gone=1)
        except UpstreamError as error:
            if isinstance(error, Unavailable):
                breaker.failure(error)
            _log.warning("not asked what people say, later again", source=target_id, error=str(error))
            return Counter(later=1)
        except Exception as error:  # whatever breaks, the other objects are asked about
            why("asking what people say", error, source=target_id)
            return Counter(later=1)
        breaker.success()
        return +Counter(asked=1, given=len(heard.given), withdrawn=len(heard.withdrawn))
