"""A draft that waits for a person is told once, in the chat and on its sources, and never when nobody wants it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from iris_client.http.pacer import Pacer
from plugin.cycle.carriers import NOTE_COMMENT
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.messages.waiting import NEWS, enqueue_waiting
from plugin.notes import Period
from plugin.sandbox.slack import SlackSandbox
from plugin.store.tables import outbox
from tests.fakes.review import NOW, kept, make_draft


@pytest.fixture
def slack():
    with SlackSandbox(per_second=None) as running:
        yield running


@pytest.fixture
def telling(make_app, clock, slack):
    def make(**values):
        clock.now = NOW
        app = make_app(**{"slack_webhook": slack.hook_url, "web_url": "https://pages.test", **values})
        if app.clients.slack is not None:
            app.clients.slack._pacer = Pacer(1e6, 1000)
        return app

    return make


def posts(app, kind: str) -> dict[str, str]:
    with app.store.engine.connect() as connection:
        rows = connection.execute(select(outbox.c.place_id, outbox.c.state).where(outbox.c.kind == kind))
        return {row.place_id: row.state for row in rows}


def test_a_draft_is_told_once_with_a_link(telling, slack) -> None:
    app = telling()
    kept(app.store)
    for _ in range(3):
        app.tell_night()
        app.cycle()
    told = [m["text"] for m in slack.messages if "draft AstroNote" in m["text"]]
    (text,) = told
    assert text.startswith(":memo: *A draft AstroNote waits for a person* (classes, 2026-06-10): 3 objects, ")
    assert "<https://pages.test/notes/classes/2026-06-10|review it>" in text
    assert "1 TDE candidate and 2 SN Ia candidates" in text
    kept(app.store, make_draft({"ZTF26tde": "TDE"}))  # drafted anew: told already
    app.tell_night()
    app.cycle()
    assert len([m for m in slack.messages if "draft AstroNote" in m["text"]]) == 1
    assert posts(app, NOTE_COMMENT) == {}


def test_comments_only_where_they_are_wanted_and_each_once(telling, marshal) -> None:
    said = []
    marshal.post_comment = lambda place, **what: said.append((place, what)) or str(len(said))
    app = telling(slack_webhook=None, post_note_comments=True)
    kept(app.store)
    for _ in range(2):
        app.tell_night()
        app.cycle()
    assert posts(app, MESSAGE) == {}
    assert posts(app, NOTE_COMMENT) == dict.fromkeys(("ZTF26tde", "ZTF26ia", "ZTF26ib"), "sent")
    assert len(said) == 3
    assert "https://pages.test/notes/classes/2026-06-10" in said[0][1]["text"]
    before = Period.parse("2026-06-09")
    kept(app.store, make_draft(night=before), before)  # an older note takes nothing over
    assert enqueue_waiting(app.store, app.settings, NOW, messages=False) == 0
    after = Period.parse("2026-06-11")
    kept(app.store, make_draft({"ZTF26tde": "TDE"}, after), after)
    assert enqueue_waiting(app.store, app.settings, NOW, messages=False) == 1


def test_what_is_old_approved_or_in_hand_is_not_told(telling) -> None:
    app = telling()
    note = kept(app.store)
    assert enqueue_waiting(app.store, app.settings, NOW + NEWS + timedelta(days=1), messages=True) == 0
    with app.store.begin() as unit:
        unit.notes.change(note, note.content | {"title": "x"}, NOW, by="Ann", said="x")
    assert enqueue_waiting(app.store, app.settings, NOW, messages=True) == 0
