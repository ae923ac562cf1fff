"""Signs of life of the cycle: told to this process' `Activity`, and from time to time to the database."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from plugin.activity import Activity
from plugin.clock import Clock, moment, utc_now
from plugin.cycle.done import Cycle
from plugin.store import Parcel, Store

_EVERY: Final = timedelta(seconds=30)
_log = structlog.get_logger("astranet")


class SignsOfLife:
    """Who tells others that the work goes on.

    Parameters
    ----------
    activity : Activity
        Of this process.
    store : Store
        Where other processes read about it.
    """

    def __init__(self, activity: Activity, store: Store, clock: Clock = utc_now) -> None:
        self.activity, self._store, self._clock = activity, store, clock
        self._told: datetime | None = None

    def begin(self) -> None:
        """A cycle begins."""
        self.activity.begin()
        self._tell()

    def finish(self, done: Cycle) -> None:
        """A cycle has ended."""
        self.activity.finish(done.trouble)
        self._tell()

    def broken(self, error: Exception) -> None:
        """A cycle ended with an error that stops everything, such as a database that is away."""
        self.activity.finish((f"the cycle broke off: {type(error).__name__}",))
        self._tell()

    def end(self) -> None:
        """The process ends, as it was asked to: what it last said holds no more."""
        self.activity.end()
        self._tell()

    def between(self) -> None:
        """Something is done and the next thing not begun; no transaction is open."""
        self.activity.progress()
        if self._told is None or self._clock() - self._told >= _EVERY:
            self._tell()

    def first_sent(self, parcel: Parcel) -> None:
        """A post hangs where nothing of ours hung before: of a spectrum's annotation it is known how long it took."""
        if parcel.kind != "annotation" or parcel.place.kind != "spectrum":
            return
        with self._store.begin(to_read=True) as unit:
            uploaded = unit.figures.uploaded(parcel.place.id)
        if uploaded is not None:
            self.activity.annotated(self._clock() - moment(uploaded))

    def _tell(self) -> None:
        now = self._clock()
        self._told = now
        try:
            with self._store.begin() as unit:
                unit.status.tell(self.activity.pulse.to_dict(), now)
        except DBAPIError as error:  # whoever needs the database next will say so, and stop
            _log.warning("cannot write how it goes", error=type(error).__name__)
