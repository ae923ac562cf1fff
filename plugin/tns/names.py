"""What the TNS calls the sources we answered about: each is asked about once a day, and what changed is written down.

A source stays on the list for some weeks after its last answer, because classifications come late. Asked are, in this
order: the marshal's fields, the broker's cross-match, the mirror, and the API (`plugin.tns.lookup`); whoever is away
leaves the source for the next run. Nothing is sent to anybody.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from iris_client.errors import NotFound, Refused, Unavailable, UpstreamError
from iris_client.protocols import SpectrumSource, TransientName, TransientNames
from iris_client.taxonomy.trust import ORDER, Voice, settle
from iris_client.tns.client import Tns
from models.domain import Target
from plugin.clock import Clock, utc_now
from plugin.cycle.patience import Breaker
from plugin.cycle.poison import why
from plugin.store import Store
from plugin.store.tns.names import Change, in_words
from plugin.tns.others import update_others
from plugin.tns.update import update_mirror
from plugin.truth.hearing import Hearing

EVERY: Final = timedelta(hours=20)
"""Less than a day, so that every night has its own answer however long a run takes."""
_log = structlog.get_logger("astranet.names")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The use case with what it needs.

    Parameters
    ----------
    names : TransientNames
        Those who may know, in the order of asking.
    mirror : TransientNames, optional
        The TNS's catalogue in our own database. What nobody saved, and was never a candidate, is looked up there alone.
    tns : Tns, optional
        Whose mirror is brought up to date first; None when there is no key.
    watched : timedelta
        How long a source is asked about after its last answer.
    trust : sequence of str
        Whose labels count.
    hearing : Hearing, optional
        Who writes down what people say of a source; the request is the same.
    stop : callable
        Whether to finish early; asked between sources.
    """

    marshal: SpectrumSource
    store: Store
    names: TransientNames
    mirror: TransientNames | None = None
    tns: Tns | None = None
    watched: timedelta
    trust: Sequence[Voice] = ORDER
    hearing: Hearing | None = None
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool

    def run(self) -> Counter[str]:
        """Refresh the mirror and what others have noted, then ask about what is due; counts by outcome.

        `same`, `named` (there was no name before), `changed`, `nothing` (no name), and `later` (could not be asked).
        """
        self._refresh()
        outcomes: Counter[str] = Counter()
        breaker, now = Breaker(), self.clock()
        with self.store.begin(to_read=True) as unit:
            since, before = now - self.watched, now - EVERY
            due = unit.names.due(filed_since=since, asked_before=before, quiet=self.mirror is not None)
        for target_id in due:
            if self.stop() or breaker.open:
                break
            outcomes[self._ask(target_id, breaker)] += 1
        if outcomes:
            _log.info("asked the TNS's names", due=len(due), **dict(sorted(outcomes.items())))
        return outcomes

    def _refresh(self) -> None:
        if self.tns is None or self.stop():
            return
        try:
            changed = update_mirror(self.tns, self.store, self.clock())
        except Refused as error:
            _log.error("the TNS refuses us", error=str(error), status=error.status)
            return
        if changed:
            _log.info("TNS mirror brought up to date", changed=len(changed))
        if not self.stop():
            update_others(self.tns, self.store, self.clock())

    def _ask(self, target_id: str, breaker: Breaker) -> str:
        try:
            target, names = self._target(target_id)
            found = None if target is None or names is None else names.match(target)
            if target is not None and self.hearing is not None:
                self.hearing.hear(target, found)
        except UpstreamError as error:
            if isinstance(error, Unavailable):
                breaker.failure(error)
            _log.warning("TNS name not found out, later again", source=target_id, error=str(error))
            return "later"
        except Exception as error:  # whatever breaks, the other sources are asked about
            why("looking up the TNS name", error, source=target_id)
            return "later"
        breaker.success()
        conflict = None if target is None else settle(target, found, order=self.trust).conflict
        with self.store.begin() as unit:
            before = unit.names.of(target_id)
            change = unit.names.put(target_id, found, self.clock(), conflict=conflict)
        if conflict is not None and (before is None or before.conflict != conflict):
            _log.warning("people do not agree what it is", source=target_id, say=conflict)
        return self._told(change, found)

    def _target(self, target_id: str) -> tuple[Target | None, TransientNames | None]:
        """A source, and who is asked about it."""
        with self.store.begin(to_read=True) as unit:
            noted = unit.needle.unlisted(target_id)
            candidate = noted is not None and bool(unit.needle.crossings(target_id))
        if noted is not None:  # the marshal has never heard of it
            place = Target(target_id=target_id, ra_deg=noted.ra_deg, dec_deg=noted.dec_deg)
            return place, self.names if candidate else self.mirror
        try:
            return self.marshal.target(target_id), self.names
        except NotFound:
            return None, None  # no longer there, or no longer ours to see

    def _told(self, change: Change | None, found: TransientName | None) -> str:
        if change is None:
            return "nothing" if found is None else "same"
        before, after = in_words(change.before), in_words(change.after)
        _log.info("TNS name changed", source=change.target_id, before=before, after=after, by=change.after.source)
        return "named" if change.before is None else "changed"
