"""The sandbox's memory: every table, one lock, ids and time stamps as the real server gives them."""

import itertools
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from plugin.sandbox.brokers.alerts import AlertTable
from plugin.sandbox.skyportal.accounts import accounts, groups
from plugin.sandbox.skyportal.analysis_rows import Analysis, Service
from plugin.sandbox.skyportal.rows import (
    Annotation,
    Candidate,
    Classification,
    Comment,
    Group,
    Json,
    Photometry,
    Save,
    Source,
    Spectrum,
    Tag,
    User,
)


def utc_now() -> datetime:
    """The time, naive UTC, as the server's database would say it."""
    return datetime.now(UTC).replace(tzinfo=None)


class State:
    """All rows, by id. Hold `lock` while reading or changing several of them.

    Parameters
    ----------
    now : callable, optional
        The clock, naive UTC. Stamps never repeat: two calls in one microsecond get two stamps.
    """

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self.lock = threading.RLock()
        self._now = now
        self._last = datetime.min
        self._sequences: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))
        born = self.stamp()
        self.groups: dict[int, Group] = groups(born)
        self.users: dict[int, User] = accounts(born)
        self.sources: dict[str, Source] = {}
        self.spectra: dict[int, Spectrum] = {}
        self.annotations: list[Annotation] = []
        self.comments: list[Comment] = []
        self.classifications: dict[int, Classification] = {}
        self.photometry: dict[int, Photometry] = {}
        self.tag_options: dict[int, Json] = {}
        self.tags: dict[int, Tag] = {}
        self.labels: set[tuple[str, int, int]] = set()
        self.alerts = AlertTable()
        self.candidates: list[Candidate] = []
        self.services: dict[int, Service] = {}
        self.analyses: dict[int, Analysis] = {}
        self.address = ""
        """Where the server listens: web hooks of analyses begin with it."""
        self.query_cache: dict[str, list[str]] = {}
        self.preferences: dict[int, Json] = defaultdict(dict)

    def set_clock(self, now: Callable[[], datetime]) -> None:
        """Go by another clock from now on, naive UTC; stamps still never go back."""
        self._now = now

    def stamp(self) -> datetime:
        """A time stamp later than every one before."""
        with self.lock:
            self._last = max(self._now(), self._last + timedelta(microseconds=1))
            return self._last

    def next_id(self, table: str) -> int:
        """The next id of a table. An insert that fails has used its id up, as in PostgreSQL."""
        with self.lock:
            return next(self._sequences[table])

    def user_named(self, role: str) -> User:
        """The account of a role: admin, bot, other or readonly."""
        return next(u for u in self.users.values() if u.username.endswith(role))

    def save_source(
        self, source_id: str, *, ra: float, dec: float, user: User, group_ids: set[int], **columns: Any
    ) -> Source:
        """Create a source, or save an old one to more groups."""
        with self.lock:
            now = self.stamp()
            source = self.sources.get(source_id)
            if source is None:
                source = Source(
                    id=source_id,
                    ra=ra,
                    dec=dec,
                    created_at=now,
                    modified=now,
                    internal_key=str(uuid.uuid4()),
                    **columns,
                )
                source.redshift_history = [redshift_entry(source, now, user)] if "redshift" in columns else None
                self.sources[source_id] = source
            for group_id in sorted(group_ids - set(source.saves)):
                save_id = self.next_id("saves")
                source.saves[group_id] = Save(id=save_id, group_id=group_id, saved_at=now, saved_by=user.id)
            return source

    def set_columns(self, source_id: str, user: User, **columns: Any) -> None:
        """Overwrite columns of a source, as PATCH does: for everybody, and `modified` moves."""
        with self.lock:
            source = self.sources[source_id]
            for name, value in columns.items():
                setattr(source, name, value)
            source.modified = self.stamp()
            if "redshift" in columns:
                entry = redshift_entry(source, source.modified, user)
                source.redshift_history = [*(source.redshift_history or []), entry]

    def visible_spectra(self, user: User) -> list[Spectrum]:
        """The spectra this account may read, in the order the server lists them: by time of observation."""
        seen = [s for s in self.spectra.values() if user.sees(s.group_ids)]
        return sorted(seen, key=lambda s: s.observed_at)

    def spectra_of(self, obj_id: str, user: User) -> list[Spectrum]:
        """The spectra of one source that this account may read."""
        return [s for s in self.visible_spectra(user) if s.obj_id == obj_id]

    def remove_spectrum(self, spectrum_id: int) -> None:
        """Delete a spectrum, and what hangs on it, as the database's cascade does."""
        with self.lock:
            del self.spectra[spectrum_id]
            self.annotations = [a for a in self.annotations if a.spectrum_id != spectrum_id]
            self.comments = [c for c in self.comments if c.spectrum_id != spectrum_id]

    def annotations_on(self, obj_id: str, spectrum_id: int | None, user: User) -> list[Annotation]:
        """The annotations at one place that this account may read."""
        rows = self.annotations
        return [a for a in rows if a.obj_id == obj_id and a.spectrum_id == spectrum_id and user.sees(a.group_ids)]

    def comments_on(self, obj_id: str, spectrum_id: int | None, user: User) -> list[Comment]:
        """The comments at one place that this account may read."""
        return [
            c for c in self.comments if c.obj_id == obj_id and c.spectrum_id == spectrum_id and user.sees(c.group_ids)
        ]

    def classifications_of(self, obj_id: str, user: User) -> list[Classification]:
        """The classifications of a source that this account may read."""
        return [c for c in self.classifications.values() if c.obj_id == obj_id and user.sees(c.group_ids)]

    def photometry_of(self, obj_id: str, user: User) -> list[Photometry]:
        """The photometry of a source that this account may read."""
        return [p for p in self.photometry.values() if p.obj_id == obj_id and user.sees(p.group_ids)]


def redshift_entry(source: Source, when: datetime, user: User) -> Json:
    """One line of a source's redshift history."""
    entry: Json = {
        "value": source.redshift,
        "set_at_utc": when.isoformat() + "+00:00",
        "uncertainty": source.redshift_error,
        "set_by_user_id": user.id,
    }
    if source.redshift_origin is not None:
        entry["origin"] = source.redshift_origin
    return entry
