"""Lasair as a source of alerts, as a feed, and as a stream of what a filter or topic lets through."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from iris_client.brokers.history import MJD_0
from iris_client.brokers.lasair.calls import LasairCalls
from iris_client.brokers.lasair.files import Files
from iris_client.brokers.lasair.objects import KINDS, LasairObject
from iris_client.brokers.lasair.topic import LasairTopic
from iris_client.brokers.streams import Surroundings
from iris_client.errors import BadPayload, NotFound
from iris_client.http.closing import Closing
from iris_client.http.pacer import Pacing
from iris_client.http.transport import ANSWER_S, Hooks
from iris_client.protocols import Alert, AlertStub
from models.domain import LightCurve

_IN_QUESTION: Final = 200
"""Names in one condition, of which Lasair takes 4096 characters."""
_TOGETHER: Final = 10
"""Objects in one call of `objects`, as the client documents it."""
_DIGEST: Final = 1000
"""Records of a topic that Lasair keeps at hand."""
_KEPT: Final = 64
_FRESH_S: Final = 600.0
_LATE_DAYS: Final = 1.0
_MJD_EPOCH: Final = datetime(1858, 11, 17)
_NAME: Final = re.compile(r"[A-Za-z0-9_+.-]{1,64}")


class Lasair(Closing):
    """A `protocols.AlertSource`, `AlertFeed`, `AlertStream`, `CrossMatches` and `KnowsSurroundings`.

    Parameters
    ----------
    calls : LasairCalls
        The API; answers may go back through it too.
    topic : str or None
        Of a stored filter that streams: what it let through is read from its digest, the last thousand records.
    conditions, tables : str or None, str
        Of a filter of one's own: a WHERE clause and the tables in it.
    stream : LasairTopic or None
        The topic over Kafka; it takes the place of the digest.
    clock : callable
        Seconds that only grow.
    pacer, sleep, hooks, http : optional
        Of the reader of stamps.
    """

    def __init__(
        self,
        calls: LasairCalls,
        *,
        topic: str | None = None,
        conditions: str | None = None,
        tables: str = "objects",
        stream: LasairTopic | None = None,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = ANSWER_S,
        pacer: Pacing | None = None,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        http: httpx.BaseTransport | None = None,
    ) -> None:
        self.calls, self._topic, self._stream = calls, topic, stream
        self._conditions, self._tables, self._clock = conditions, tables, clock
        self._files = Files(calls.url, timeout_s=timeout_s, pacer=pacer, sleep=sleep, hooks=hooks, http=http)
        self._known: OrderedDict[str, tuple[float, LasairObject | None]] = OrderedDict()
        self._soon: list[str] = []
        self._looked: dict[str, float] = {}
        self._told: set[tuple[str, str]] = set()
        self._telling: set[tuple[str, str]] = set()

    def __repr__(self) -> str:
        return f"Lasair({self.calls.url!r})"

    def close(self) -> None:
        """Close every connection."""
        self.calls.close()
        self._files.close()
        if self._stream is not None:
            self._stream.close()

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object, each once, oldest first; empty when Lasair knows none."""
        found = self.object(target_id)
        return [] if found is None else found.stubs()

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert with stamps and history; raises `NotFound` when there is no such alert of this object."""
        found = self.object(target_id)
        if found is None or candid not in found.alerts:
            raise NotFound(f"Lasair has no alert {candid} of {target_id}")
        urls = found.urls.get(candid, {})
        return found.alert(candid, {kind: self._files.get(urls.get(kind)) for kind in KINDS.values()})

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of an object; None when Lasair knows none."""
        found = self.object(target_id)
        return None if found is None else found.light_curve()

    def surroundings(self, target_id: str) -> Surroundings | None:
        """Sherlock's class and galaxy, and the TNS's type; None when Lasair does not know the object."""
        found = self.object(target_id)
        return None if found is None else found.surroundings()

    def tns_matches(self, target_id: str) -> list[Mapping[str, Any]]:
        """The TNS's row that Lasair has matched with an object, if any."""
        found = self.object(target_id)
        return [] if found is None else found.tns_rows()

    def object(self, target_id: str) -> LasairObject | None:
        """Everything about an object, kept for some minutes; with it come some that were let through and are next."""
        kept = self._known.get(target_id)
        if kept is None or self._clock() - kept[0] > _FRESH_S:
            for name, found in self._fetch(target_id).items():
                self._known.pop(name, None)
                self._known[name] = (self._clock(), found)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[target_id][1]

    def news(self, target_ids: Collection[str], *, since_mjd: float) -> list[AlertStub]:
        """When each of these objects was last detected, if since then; by some hundred names a call.

        The time of an exposure stands for its alert, whose number Lasair's table of objects does not have. Nothing is
        asked, and nothing told, until looking has calls left.
        """
        names = sorted(name for name in target_ids if _NAME.fullmatch(name) and self._is_ours(name))
        parts = [names[i : i + _IN_QUESTION] for i in range(0, len(names), _IN_QUESTION)]
        if not parts or not self._may_look("news", len(parts)):
            return []
        found: list[AlertStub] = []
        for some in parts:
            listed = ",".join(some) if self.calls.survey == "LSST" else ",".join(f"'{name}'" for name in some)
            found += self._since(f"{self._columns[0]} IN ({listed})", "objects", since_mjd)
        return self._noticed(found)

    def passed(self, cursor: str | None, *, since_mjd: float) -> tuple[list[AlertStub], str]:
        """The newest alert of each object that the topic or filter has let through, and how far that goes."""
        if self._stream is not None:
            records = self._stream.receive()
            return self._noticed(_named(records)), cursor or ""
        if not (self._topic or self._conditions) or not self._may_look("passed", 1):
            return [], cursor or ""
        if self._topic:
            return self._of_digest(self._topic, cursor, since_mjd)
        begin = since_mjd if not cursor else float(cursor) - _LATE_DAYS
        found = self._noticed(self._since(f"({self._conditions})", self._tables, begin))
        return found, f"{max([one.mjd for one in found], default=begin + _LATE_DAYS):.5f}"

    def seen(self) -> None:
        """What was told is remembered elsewhere now."""
        self._told = self._telling
        if self._stream is not None:
            self._stream.commit()

    def probe(self) -> str:
        """Whether token, topic and filter are good."""
        if self._stream is not None:
            said = self._stream.probe()
        elif self._topic:
            self.calls.digest(self._topic, 1)
            said = f"topic {self._topic}"
        else:
            self.calls.query(self._columns[0], self._tables, self._conditions or "1=1", most=1)
            said = "a filter of its own" if self._conditions else "no topic and no filter"
        return f"Lasair ({self.calls.survey}) at {self.calls.url}, {said}, {self.calls.budget.per_hour} calls an hour"

    def _of_digest(self, topic: str, cursor: str | None, since_mjd: float) -> tuple[list[AlertStub], str]:
        """Records are told once: those of the cursor's own second are remembered by name."""
        begin = cursor or f"{_MJD_EPOCH + timedelta(days=since_mjd):%Y-%m-%d %H:%M:%S}"
        rows = _records(self.calls.digest(topic, _DIGEST))
        records = [one for one in rows if one[1] >= begin and one not in self._told]
        end = max([when for _, when in records], default=begin)
        self._telling = {one for one in [*self._told, *records] if one[1] >= end}
        return self._noticed(_named(records)), end

    def _since(self, conditions: str, tables: str, since_mjd: float) -> list[AlertStub]:
        name, last = self._columns
        begin = since_mjd if self.calls.survey == "LSST" else since_mjd + MJD_0
        rows = self.calls.query(f"{name}, {last}", tables, f"{conditions} AND {last} >= {begin:.5f}")
        found = []
        for row in rows:
            values = list(row.values())
            when = values[1] if len(values) == 2 else None
            if not isinstance(when, int | float):
                raise BadPayload(f"query: a row without name and time; it has {sorted(map(str, row))[:6]}")
            found.append(_stub(str(values[0]), float(when) if self.calls.survey == "LSST" else float(when) - MJD_0))
        return found

    @property
    def _columns(self) -> tuple[str, str]:
        """An object's name and its last detection (JD for ZTF, MJD for LSST)."""
        if self.calls.survey == "LSST":
            return "objects.diaObjectId", "objects.lastDiaSourceMjdTai"
        return "objects.objectId", "objects.jdmax"

    def _fetch(self, target_id: str) -> dict[str, LasairObject | None]:
        if not _NAME.fullmatch(target_id) or not self._is_ours(target_id):
            return {target_id: None}
        if self.calls.survey == "LSST":
            body = self.calls.object(target_id)
            return {target_id: LasairObject.read(body, survey="LSST") if body.get("diaSourcesList") else None}
        names = [target_id, *self._next(target_id)]
        found: dict[str, LasairObject | None] = dict.fromkeys(names)
        for body in self.calls.objects(names):
            if isinstance(body, Mapping) and body.get("candidates"):  # what it does not know is null
                one = LasairObject.read(body, survey="ZTF")
                found[one.name] = one
        return found

    def _next(self, target_id: str) -> list[str]:
        """Some more of those that were told of and are not fetched yet."""
        found = [name for name in self._soon[:_TOGETHER] if name != target_id][: _TOGETHER - 1]
        self._soon = [name for name in self._soon if name != target_id and name not in found]
        return found

    def _noticed(self, found: Iterable[AlertStub]) -> list[AlertStub]:
        """Whatever was told of is out of date here, and will be asked for."""
        told = list(found)
        names = sorted({one.target_id for one in told})
        for name in names:
            self._known.pop(name, None)
        self._soon = [*self._soon, *names][-100_000:]
        return told

    def _may_look(self, what: str, calls: int) -> bool:
        last, now = self._looked.get(what), self._clock()
        if last is not None and now - last < self.calls.budget.between_looks(calls):
            return False
        self._looked[what] = now
        return True

    def _is_ours(self, name: str) -> bool:
        return name.isdigit() == (self.calls.survey == "LSST")


def _records(rows: Sequence[Any]) -> list[tuple[str, str]]:
    """Name and time (UTC text) of a topic's records; those without either are left out."""
    found = []
    for row in rows:
        name = row.get("objectId", row.get("diaObjectId")) if isinstance(row, Mapping) else None
        when = row.get("UTC") if isinstance(row, Mapping) else None
        if isinstance(name, str | int) and isinstance(when, str):
            found.append((str(name), when[:19]))
    return found


def _named(records: Iterable[tuple[str, str]]) -> list[AlertStub]:
    found = []
    for name, when in records:
        try:
            mjd = (datetime.strptime(when, "%Y-%m-%d %H:%M:%S") - _MJD_EPOCH) / timedelta(days=1)  # UTC
        except ValueError:
            continue
        if _NAME.fullmatch(name):
            found.append(_stub(name, mjd))
    return found


def _stub(name: str, mjd: float) -> AlertStub:
    return AlertStub(candid="", target_id=name, mjd=mjd, band="?")
