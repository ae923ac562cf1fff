"""One step of a review, from the database and back; page and command do the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from plugin.clock import Clock, utc_now
from plugin.notes.draft import Draft
from plugin.notes.period import Period
from plugin.notes.review.approval import objections, signed
from plugin.notes.review.authors import Author
from plugin.notes.review.content import content_of, draft_of
from plugin.notes.review.differences import Differences, differences
from plugin.store import Store
from plugin.store.notes.drafts import Note

Change = Callable[[Draft], Draft]
LONGEST_NAME: Final = 100


class Overtaken(Exception):
    """Somebody else was faster; nothing was written.

    Parameters
    ----------
    note : Note or None
        As it is now.
    changed : Differences or None
        What it differs in from what was seen; None where that cannot be told.
    """

    def __init__(self, note: Note | None, changed: Differences | None) -> None:
        who = "somebody else" if note is None else note.touched_by or "the service"
        super().__init__(f"The note is not the one you saw any more: {who} has changed it meanwhile.")
        self.note, self.changed = note, changed


class Objected(Exception):
    """A note that may not be approved as it is.

    Parameters
    ----------
    reasons : sequence of str
        Plain sentences.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Which state of a note a person has looked at."""

    kind: str
    night: str
    version: int
    revision: int

    @classmethod
    def of(cls, note: Note) -> "Seen":
        """This state."""
        return cls(kind=note.kind, night=note.night, version=note.version, revision=note.revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewing:
    """The use case with what it needs.

    Parameters
    ----------
    authors : sequence of Author
        Those whose affiliations are known.
    """

    store: Store
    authors: Sequence[Author] = ()
    clock: Clock = utc_now

    def change(self, seen: Seen, change: Change, *, by: str, said: str) -> Note:
        """Change a draft that a person has seen; one that stays the same is left alone.

        Raises
        ------
        Overtaken
            If it is another by now.
        CannotBe
            As `change` raises it.
        """
        note = self._still(seen)
        draft = draft_of(note.content)
        new = change(draft)
        if new == draft:
            return note
        with self.store.begin() as unit:
            done = unit.notes.change(note, content_of(new), self.clock(), by=by, said=said)
        return done or self._lost(seen)

    def approve(self, seen: Seen, *, by: str) -> Note:
        """Let a person stand for a draft they have seen; the name goes where the marks are.

        What the note announces is what it has now: an object that was taken out may come again, one that was added not.

        Raises
        ------
        Overtaken
            If it is another by now.
        Objected
            If the draft breaks a rule.
        """
        name = " ".join(by.split())[:LONGEST_NAME]
        note = self._still(seen)
        draft = signed(draft_of(note.content), name, self.authors)
        if reasons := objections(draft, name):
            raise Objected(reasons)
        with self.store.begin() as unit:
            done = unit.notes.approve(note, content_of(draft), self.clock(), by=name)
            if done is not None:
                answers = {row.target_id: row.answer for row in draft.related}
                last = str(Period.parse(seen.night).last)
                unit.announced.put(seen.kind, seen.night, last, answers, self.clock())
        return done or self._lost(seen)

    def revise(self, seen: Seen, *, by: str) -> Note:
        """Start a new version of an approved note.

        Raises
        ------
        Overtaken
            If somebody else has, or it is not approved.
        """
        with self.store.begin() as unit:
            note = unit.notes.of(seen.kind, seen.night, seen.version)
            done = None if note is None else unit.notes.revise(note, self.clock(), by=by)
        return done or self._lost(seen)

    def _still(self, seen: Seen) -> Note:
        """The note, as long as it is what was seen."""
        with self.store.begin(to_read=True) as unit:
            note = unit.notes.of(seen.kind, seen.night)
        if note is None or (note.version, note.revision, note.state) != (seen.version, seen.revision, "draft"):
            self._lost(seen)
        return note

    def _lost(self, seen: Seen) -> NoReturn:
        """Say what changed since."""
        with self.store.begin(to_read=True) as unit:
            now = unit.notes.of(seen.kind, seen.night)
            then = unit.notes.of(seen.kind, seen.night, seen.version)
            steps = [] if then is None else unit.notes.steps(then)
        before = next((step.content for step in steps if step.revision == seen.revision), None)
        if now is None or before is None:
            raise Overtaken(now, None)
        raise Overtaken(now, differences(draft_of(before), draft_of(now.content)))
