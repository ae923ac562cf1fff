"""Drafts that wait for a person: told once each in the chat and, where that is wanted, on the sources they name."""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from iris_client.protocols import Place
from plugin.cycle.carriers import NOTE_COMMENT
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.posting import Post
from plugin.cycle.posts import enqueue
from plugin.settings import Settings
from plugin.store import Store, Unit
from plugin.store.notes.drafts import Note

NEWS: Final = timedelta(days=7)
"""What was drafted longer ago is not told any more: a web hook that is set later tells no old notes."""
_FILE: Final = "draft-note.txt"


def enqueue_waiting(store: Store, settings: Settings, now: datetime, *, messages: bool) -> int:
    """Say which drafts wait and were not told yet; returns how many posts that makes.

    Parameters
    ----------
    messages : bool
        Whether there is a web hook.
    """
    with store.begin() as unit:
        waiting = [note for note in unit.notes.every() if _waits(note, now)]
        posts = [post for note in waiting for post in _posts(unit, settings, note, messages)]
        enqueue(unit, posts, now)
    return len(posts)


def link_to(note: Note, web_url: str | None) -> str:
    """Where it is reviewed: its page, or the command that shows it."""
    if web_url is None:
        return f"astranet note show {note.night} --kind {note.kind}"
    return f"{web_url}/notes/{quote(note.kind, safe='')}/{quote(note.night, safe='')}"


def _waits(note: Note, now: datetime) -> bool:
    return note.state == "draft" and not note.edited and now - note.machine_at < NEWS


def _posts(unit: Unit, settings: Settings, note: Note, messages: bool) -> list[Post]:
    place = Place(kind="note", id=f"{note.kind} {note.night}")
    found = []
    if messages and not any(parcel.kind == MESSAGE for parcel in unit.outbox.at([place])):
        body = {"kind": note.kind, "night": note.night, "title": note.content.get("title")}
        body |= {"objects": len(note.content.get("related") or ()), "link": link_to(note, settings.web_url)}
        found.append(Post(place=place, kind=MESSAGE, body=body, group_ids=settings.group_ids))
    if settings.post_note_comments:
        names = [str(row["target_id"]) for row in note.content.get("related") or ()]
        found += [post for name in names if (post := _comment(unit, settings, note, name)) is not None]
    return found


def _comment(unit: Unit, settings: Settings, note: Note, name: str) -> Post | None:
    """A comment on a source; none where one about this or a later note hangs."""
    place = Place(kind="source", id=name)
    before = [parcel.body for parcel in unit.outbox.at([place]) if parcel.kind == NOTE_COMMENT and parcel.body]
    if any(str(body.get("night")) >= note.night for body in before):
        return None
    text = (
        f"ASTRANet: a draft AstroNote ({note.kind}, {note.night}) names this source and waits for a person: "
        f"{link_to(note, settings.web_url)}"
    )
    content = base64.b64encode(text.encode()).decode("ascii")
    # The file is by what the comment is known again when its answer was lost.
    body: Mapping[str, Any] = {"text": text, "name": _FILE, "png": content, "night": note.night}
    return Post(place=place, kind=NOTE_COMMENT, body=body, group_ids=settings.group_ids)
