"""The queue's spectra: one piece of work per version, the newest one counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select

from iris_client.protocols import SpectrumStub
from plugin.store.context import Context
from plugin.store.queue import Piece, due_again, is_renewal
from plugin.store.rows import QueueRows, chunks
from plugin.store.tables import queue

_IS_SPECTRUM = queue.c.subject == "spectrum"


def is_older() -> ColumnElement[bool]:
    """Whether there is a newer version of the same spectrum."""
    newer = queue.alias()
    return exists().where(
        newer.c.marshal == queue.c.marshal,
        newer.c.subject == queue.c.subject,
        newer.c.subject_id == queue.c.subject_id,
        newer.c.version > queue.c.version,
    )


@dataclass(frozen=True, slots=True)
class Spectra:
    """What is particular to work about spectra."""

    context: Context

    def add(self, stubs: Sequence[SpectrumStub], now: datetime, *, state: str = "new") -> int:
        """Insert the versions that are not known yet; a newer version supersedes older ones that still wait.

        Returns
        -------
        int
            How many were new.
        """
        rows = [
            {
                "subject": "spectrum",
                "subject_id": stub.spectrum_id,
                "target_id": stub.target_id,
                "version": stub.modified,
                "state": state,
                "attempts": 0,
                "not_before": now,
                "created_at": now,
                "touched_at": now,
            }
            for stub in stubs
        ]
        added = self._rows.add(rows)
        if added:
            self._supersede()
        return added

    def _supersede(self) -> None:
        waiting = _IS_SPECTRUM & queue.c.state.in_(("new", "parked"))
        self._rows.set(waiting & is_older(), state="superseded")

    def ask(self, stub: SpectrumStub, now: datetime) -> None:
        """Let a spectrum be looked at that nobody has looked at: somebody asks for it, however old it is."""
        self.add([stub], now)
        here = (queue.c.subject_id == stub.spectrum_id) & (queue.c.version == stub.modified)
        old = _IS_SPECTRUM & here & queue.c.state.in_(("baseline", "superseded"))
        self._rows.set(old, state="new", attempts=0, not_before=now)

    def close(self, stub: SpectrumStub, now: datetime) -> bool:
        """Take note that a version was answered otherwise than by the queue, and needs no answer of the service's.

        Returns
        -------
        bool
            False where the service has answered it, is at it, or knows a newer version: then its own answer counts.
        """
        self.add([stub], now)
        here = (queue.c.subject_id == stub.spectrum_id) & (queue.c.version == stub.modified)
        open_ = _IS_SPECTRUM & queue.c.state.in_(("new", "baseline", "parked")) & ~is_older()
        return bool(self._rows.set(here & open_, state="done", reason=None))

    def reopen(self, names: Iterable[str], now: datetime) -> int:
        """Look at these spectra again although they have not changed; returns how many were not due already.

        What is baseline or parked stays so.
        """
        count = 0
        for some in chunks(names):
            here = _IS_SPECTRUM & queue.c.subject_id.in_(some) & ~is_older()
            renewal = (queue.c.state == "new") & is_renewal()  # what has changed does not wait for its turn
            answered = queue.c.state.in_(("done", "gone")) | renewal
            count += self._rows.set(here & answered, **due_again(now), reason=None)
            self._rows.set(here & (queue.c.state == "claimed"), asked=queue.c.asked + 1)
        return count

    def reopen_unseen(self, seen: Iterable[str], begun: datetime, *, since: str = "") -> int:
        """Look again at spectra with a report that a complete list, begun at some time, did not name.

        Parameters
        ----------
        since : str
            The list is of the versions from this one on.
        """
        known = _IS_SPECTRUM & (queue.c.state == "done") & (queue.c.created_at < begun) & (queue.c.version >= since)
        return self.reopen(self._names(known & ~is_older()) - set(seen), begun)

    def reopen_gone(self, seen: Iterable[str], begun: datetime) -> int:
        """Look again at spectra that were gone before a list, begun at some time, and are named by it."""
        gone = _IS_SPECTRUM & (queue.c.state == "gone") & (queue.c.created_at < begun)
        return self.reopen(self._names(gone) & set(seen), begun)

    def _names(self, which: ColumnElement[bool]) -> set[str]:
        found = select(queue.c.subject_id).where(self._rows.mine(), which)
        return set(self.context.connection.execute(found).scalars())

    def has_newer_done(self, piece: Piece) -> bool:
        """Whether a later version of the spectrum has been analysed already."""
        newer = select(queue.c.id).where(
            self._rows.mine("spectrum"),
            queue.c.subject_id == piece.subject.id,
            queue.c.version > piece.version,
            queue.c.state.in_(("done", "gone")),
        )
        return self.context.connection.execute(newer.limit(1)).first() is not None

    @property
    def _rows(self) -> QueueRows:
        return QueueRows(self.context)
