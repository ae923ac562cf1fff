"""Drafts of notes, as people review them: who changes one says which revision they saw, so that nobody overwrites.

    draft      the service wrote it, or a person started a new version; every change is one more revision
    approved   a person with a name stands for it; it stays as it is for ever, and a change starts a new version

The service may write its draft anew as long as nobody has touched it; afterwards it only keeps what it would have
written, beside what people made of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, select, update

from plugin.store.context import Context, canonical, storable
from plugin.store.notes.tables import note_revisions, notes

State = Literal["draft", "approved"]
Outcome = Literal["new", "renewed", "same", "kept", "approved"]
DRAFTED: Final = "drafted"
_PERSON: Final = 200
_PLAIN: Final = (
    "kind", "night", "version", "state", "revision", "machine_at", "edited", "parent", "approved_by", "approved_at",
    "touched_by", "touched_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One version of a note.

    Parameters
    ----------
    revision : int
        One more with every change of the content.
    content, machine : mapping
        As it is now, and as the service wrote it last; see `plugin.notes.draft.Draft`.
    edited : bool
        Whether a person has changed it.
    parent : int or None
        The version that it was made from.
    touched_by : str or None
        Whose the last change is; nobody's is the service's.
    """

    kind: str
    night: str
    version: int
    state: State
    revision: int
    content: Mapping[str, Any]
    machine: Mapping[str, Any]
    machine_at: datetime
    edited: bool
    parent: int | None
    approved_by: str | None
    approved_at: datetime | None
    touched_by: str | None
    touched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a version was like after a step."""

    revision: int
    content: Mapping[str, Any]
    by: str | None
    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class Notes:
    """The questions about drafts."""

    context: Context

    def put(self, kind: str, night: str, content: Mapping[str, Any], now: datetime) -> Outcome:
        """Keep what the service has written about a night.

        Returns
        -------
        str
            `new`, `renewed` or `same`; `kept` where a person's edits stay, `approved` where nothing may change.
        """
        self.context.alone(f"note {kind} {night}")
        last = self.of(kind, night)
        if last is None:
            self._insert(kind, night, 1, content, now, machine=content, said=DRAFTED)
            return "new"
        if last.state == "approved":
            return "approved"
        same = canonical(last.machine) == canonical(content)
        written: dict[str, Any] = {"machine": canonical(content), "machine_at": now}
        if last.edited:
            self._set(last, **written)
            return "kept"
        if same:
            return "same"
        untouched = notes.c.edited.is_(False)
        self._change(last, content, now, by=None, said="drafted anew", which=untouched, edited=False, **written)
        return "renewed"

    def drop(self, kind: str, night: str) -> bool:
        """Take a draft away that the service would not write any more; one that a person has touched stays."""
        self.context.alone(f"note {kind} {night}")
        last = self.of(kind, night)
        if last is None or last.state != "draft" or last.edited:
            return False
        for table in (note_revisions, notes):
            here = self._key(table, kind, night) & (table.c.version == last.version)
            self.context.connection.execute(table.delete().where(here))
        return True

    def change(self, seen: Note, content: Mapping[str, Any], now: datetime, *, by: str, said: str) -> Note | None:
        """Change a draft; None when it is not what was seen any more."""
        return self._change(seen, content, now, by=by, said=said, edited=True)

    def approve(self, seen: Note, content: Mapping[str, Any], now: datetime, *, by: str) -> Note | None:
        """Let a person stand for a draft as it was seen, with the name written in; None when it is another by now."""
        values: dict[str, Any] = {"state": "approved", "approved_by": storable(by)[:_PERSON], "approved_at": now}
        return self._change(seen, content, now, by=by, said=f"approved by {by}", edited=True, **values)

    def revise(self, seen: Note, now: datetime, *, by: str) -> Note | None:
        """Start a new version of an approved note; None when there is one already, or it is not approved."""
        self.context.alone(f"note {seen.kind} {seen.night}")
        last = self.of(seen.kind, seen.night)
        if last is None or last.version != seen.version or last.state != "approved":
            return None
        said = f"version {last.version + 1}, from version {last.version}"
        more: dict[str, Any] = {"machine": last.machine, "parent": last.version, "by": by, "said": said}
        self._insert(seen.kind, seen.night, last.version + 1, last.content, now, **more)
        return self.of(seen.kind, seen.night)

    def of(self, kind: str, night: str, version: int | None = None) -> Note | None:
        """A version of a note, by default the newest."""
        found = self.versions(kind, night)
        return next((one for one in found if version in (None, one.version)), None)

    def versions(self, kind: str, night: str) -> list[Note]:
        """Every version, the newest first."""
        query = select(notes).where(self._key(notes, kind, night)).order_by(notes.c.version.desc())
        return [_note(row) for row in self.context.connection.execute(query)]

    def every(self, *, limit: int = 400) -> list[Note]:
        """The newest version of each note, the newest night first."""
        order = (notes.c.night.desc(), notes.c.kind, notes.c.version.desc())
        query = select(notes).where(notes.c.marshal == self.context.marshal).order_by(*order).limit(limit)
        found: dict[tuple[str, str], Note] = {}
        for row in self.context.connection.execute(query):
            found.setdefault((row.kind, row.night), _note(row))
        return list(found.values())

    def before(self, kind: str, night: str) -> Note | None:
        """The newest version of the note before this one, of the same kind."""
        mine = (notes.c.marshal == self.context.marshal) & (notes.c.kind == kind) & (notes.c.night < night)
        query = select(notes).where(mine).order_by(notes.c.night.desc(), notes.c.version.desc()).limit(1)
        row = self.context.connection.execute(query).first()
        return None if row is None else _note(row)

    def steps(self, note: Note) -> list[Step]:
        """What became of a version, oldest first."""
        here = self._key(note_revisions, note.kind, note.night) & (note_revisions.c.version == note.version)
        query = select(note_revisions).where(here).order_by(note_revisions.c.revision)
        return [
            Step(revision=row.revision, content=json.loads(row.content), by=row.by, at=row.at, said=row.said)
            for row in self.context.connection.execute(query)
        ]

    def _change(
        self,
        seen: Note,
        content: Mapping[str, Any],
        now: datetime,
        *,
        by: str | None,
        said: str,
        which: ColumnElement[bool] | None = None,
        **values: Any,
    ) -> Note | None:
        who = None if by is None else storable(by)[:_PERSON]
        more = {"content": canonical(content), "revision": seen.revision + 1, "touched_by": who, "touched_at": now}
        if not self._set(seen, which, **more, **values):
            return None
        self._write_step(seen.kind, seen.night, seen.version, seen.revision + 1, content, now, who, said)
        return self.of(seen.kind, seen.night, seen.version)

    def _set(self, seen: Note, which: ColumnElement[bool] | None = None, **values: Any) -> int:
        same = (notes.c.version == seen.version) & (notes.c.revision == seen.revision) & (notes.c.state == "draft")
        here = self._key(notes, seen.kind, seen.night) & same
        query = update(notes).where(here if which is None else here & which).values(**values)
        return int(self.context.connection.execute(query).rowcount)

    def _insert(
        self,
        kind: str,
        night: str,
        version: int,
        content: Mapping[str, Any],
        now: datetime,
        *,
        machine: Mapping[str, Any],
        said: str,
        by: str | None = None,
        parent: int | None = None,
    ) -> None:
        who = None if by is None else storable(by)[:_PERSON]
        row = {"marshal": self.context.marshal, "kind": kind, "night": night, "version": version, "revision": 1}
        row |= {"state": "draft", "content": canonical(content), "machine": canonical(machine), "machine_at": now}
        row |= {"edited": by is not None, "parent": parent, "touched_by": who, "touched_at": now}
        self.context.connection.execute(notes.insert().values(**row))
        self._write_step(kind, night, version, 1, content, now, who, said)

    def _write_step(
        self,
        kind: str,
        night: str,
        version: int,
        revision: int,
        content: Mapping[str, Any],
        now: datetime,
        by: str | None,
        said: str,
    ) -> None:
        key = {"marshal": self.context.marshal, "kind": kind, "night": night, "version": version, "revision": revision}
        row = {**key, "content": canonical(content), "by": by, "at": now, "said": storable(said)[:600]}
        self.context.connection.execute(note_revisions.insert().values(**row))

    def _key(self, table: Any, kind: str, night: str) -> ColumnElement[bool]:
        found: ColumnElement[bool] = (
            (table.c.marshal == self.context.marshal) & (table.c.kind == kind) & (table.c.night == night)
        )
        return found


def _note(row: Any) -> Note:
    return Note(
        content=json.loads(row.content),
        machine=json.loads(row.machine),
        **{name: getattr(row, name) for name in _PLAIN},
    )
