"""What people say of an object: read off what the marshal and the TNS tell, and written down beside our answers.

Never a label of a machine, of our own account, or of those that the operator names (`TRUTH_IGNORED`), and never a type
of the TNS that comes from a report which we sent.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from iris_client.protocols import TransientName
from iris_client.taxonomy.names import translate
from iris_client.taxonomy.trust import tns_type
from models.domain import GivenLabel, Target
from plugin.clock import Clock, moment, utc_now
from plugin.cycle.posting import ORIGIN
from plugin.store import Store, Unit
from plugin.store.subject import NEEDLE
from plugin.store.tns.names import Known
from plugin.store.truth.truths import Heard, Told

OURS = frozenset({ORIGIN.lower(), NEEDLE.lower()})
"""Origins under which we classify: whoever repeats one says what we said."""
_SENT = frozenset({"unknown", "submitted", "accepted", "partial"})
"""States of a report to the TNS in which it may stand there."""
_KEY = "tns"


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """Writes down what is heard.

    Parameters
    ----------
    account : callable
        Our user's number on the marshal.
    ignored : collection of str
        Accounts and origins on the marshal whose labels are no people's, such as other robots'; case does not matter.
    tns : str
        Address of the TNS whose types are told: which of our reports count.
    """

    store: Store
    account: Callable[[], int]
    ignored: Collection[str] = ()
    tns: str = ""
    clock: Clock = utc_now

    def hear(self, target: Target, found: TransientName | None = None) -> Heard:
        """Write down what people say of an object now; what was new.

        Parameters
        ----------
        target : Target
            As the marshal has it.
        found : TransientName, optional
            What the TNS itself says, where it was asked.

        Raises
        ------
        UpstreamError
            If the marshal does not say who we are.
        """
        said = self._marshal(target)
        kind, now = tns_type(target, found), self.clock()
        with self.store.begin() as unit:
            heard = unit.truth.hear(target.target_id, "marshal", said, now)
            if kind is not None or (found is not None and found.source in ("api", "mirror")):
                at_tns = [] if kind is None else [self._tns(unit, target.target_id, kind)]
                also = unit.truth.hear(target.target_id, "tns", at_tns, now)
                heard = Heard(given=heard.given + also.given, withdrawn=heard.withdrawn + also.withdrawn)
            unit.truth.asked(target.target_id, now)
        return heard

    def _marshal(self, target: Target) -> list[Told]:
        if not target.given:  # a server that does not number its rows says neither who gave them nor when
            return [Told(key=one.name, name=one.name, probability=one.probability) for one in target.classifications]
        return [_told(one) for one in target.given if not self._is_ours(one)]

    def _tns(self, unit: Unit, target_id: str, kind: str) -> Told:
        """A type of the TNS; it has no time of its own, so it was given at the latest when it was seen first."""
        report = unit.tns_reports.of(self.tns, target_id)
        sent = report is not None and report.sent_at is not None and report.state in _SENT
        derived = sent and report is not None and translate(kind).fine == report.draft.get("label")
        return Told(
            key=_KEY, name=kind, told_by="TNS", told_at=_since(unit.names.history(target_id), kind), derived=derived
        )

    def _is_ours(self, one: GivenLabel) -> bool:
        words = {word.lower() for word in (one.author, one.origin) if word}
        return bool(words & (self._ignored | OURS)) or one.author_id == self._own

    @cached_property
    def _own(self) -> int:
        return self.account()

    @cached_property
    def _ignored(self) -> frozenset[str]:
        return frozenset(word.lower() for word in self.ignored)


def _since(history: Sequence[Known], kind: str) -> datetime | None:
    """Since when the TNS is known to give this type; None where it is new."""
    since = None
    for known in reversed(history):
        if known.name is None or known.name.type != kind:
            break
        since = known.since
    return since


def _told(one: GivenLabel) -> Told:
    who = one.author or (None if one.author_id is None else f"user {one.author_id}")
    return Told(key=one.row_id, name=one.name, told_by=who, probability=one.probability, told_at=_time(one.changed_at))


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text)
    except ValueError:
        return None
