"""Alerts and digests in a chat: each once, not too many, in nobody's way, and never with a secret."""

from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from iris_client.http.pacer import Pacer
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.messages.wording import Wording
from plugin.notes.night import Night
from plugin.sandbox.faults import Fault, FaultKind
from plugin.sandbox.slack import PATH, SlackSandbox
from tests.fakes.marshal import good
from tests.fakes.sure import PolicyAnalyst, all_alerts
from tests.plugin.conftest import URL

NONE = object()


@pytest.fixture
def slack():
    with SlackSandbox(per_second=None) as running:
        yield running


@pytest.fixture
def talkative(make_app, slack):
    """Apps with a web hook, without its second between two messages."""

    def make(policies=NONE, **values):
        analyst = PolicyAnalyst({"1": "ALERT"} if policies is NONE else policies)
        app = make_app(**{"analyst": analyst, "post_cards": False, "slack_webhook": slack.hook_url, **values})
        app.clients.slack._pacer = Pacer(1e6, 1000)
        return app

    return make


def states(app, kind: str = MESSAGE) -> dict[str, str]:
    from sqlalchemy import select

    from plugin.store.tables import outbox

    with app.store.engine.connect() as connection:
        rows = connection.execute(select(outbox.c.place_id, outbox.c.state).where(outbox.c.kind == kind))
        return {row.place_id: row.state for row in rows}


def test_an_alert_is_told_once_with_links(talkative, marshal, slack) -> None:
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    app = talkative(web_url="https://pages.test")
    for _ in range(3):
        app.cycle()
    (message,) = slack.messages
    assert message["blocks"][0]["text"]["text"] == message["text"]
    lines = message["text"].split("\n")
    assert lines[0].startswith(":rotating_light: *ALERT ZTF26a*: SN Ia, p 0.")
    assert lines[0].endswith("p_mondrian 0.004, resembles novel")
    assert lines[1] == "ALERT because &lt;of&gt; it."
    assert lines[3] == f"<{URL}/source/ZTF26a|in the marshal>, <https://pages.test/object/ZTF26a|our page>"
    assert states(app) == {"1": "sent"}


def test_off_without_an_address(make_app, marshal, slack) -> None:
    marshal.add(good("1", "ZTF26a"))
    app = make_app(analyst=all_alerts([1]), post_cards=False)
    app.cycle()
    app.tell_night()
    assert (states(app), slack.requests) == ({}, [])


def test_dry_run_says_nothing(talkative, marshal, slack) -> None:
    marshal.add(good("1", "ZTF26a"))
    app = talkative(dry_run=True)
    app.cycle()
    assert (states(app), slack.requests) == ({"1": "pending"}, [])


def test_a_renewed_answer_that_stays_an_alert_says_nothing(talkative, marshal, slack) -> None:
    marshal.add(good("1", "ZTF26a"))
    app = talkative()
    app.cycle()
    renewed = good("1", "ZTF26a", modified="2026-06-10T08:00:00.000001", instrument="LRIS")
    renewed.fluxes[:10] = [f * 1.1 for f in renewed.fluxes[:10]]
    marshal.add(renewed)
    assert app.cycle().analysed["ok"] == 1
    assert len(slack.messages) == 1


def test_an_alert_that_ends_and_comes_back_is_told_again(talkative, marshal, slack) -> None:
    marshal.add(good("1", "ZTF26a"))
    app = talkative()
    app.cycle()
    for hour, policy, told in ((8, "COMMIT", 1), (9, "ALERT", 2)):
        app.analyst.policies["1"] = policy
        marshal.add(good("1", "ZTF26a", modified=f"2026-06-10T0{hour}:00:00.000001"))
        app.cycle()
        assert len(slack.messages) == told


def test_an_alert_that_ends_before_it_is_told_is_not_told(talkative, marshal, slack, clock) -> None:
    slack.faults = lambda _seen: Fault(kind=FaultKind.BAD_GATEWAY)
    marshal.add(good("1", "ZTF26a"))
    app = talkative()
    app.cycle()
    slack.faults = None
    app.analyst.policies["1"] = "ABSTAIN"
    marshal.add(good("1", "ZTF26a", modified="2026-06-10T08:00:00.000001"))
    clock.forward(hours=2)
    app.cycle()
    assert slack.messages == []
    assert states(app)["1"] == "retracted"


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.BAD_GATEWAY, FaultKind.HTML, FaultKind.SHORT_BODY])
def test_a_hook_that_is_away_keeps_no_answer_waiting(talkative, marshal, slack, clock, kind) -> None:
    slack.faults = lambda _seen: Fault(kind=kind)
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in range(1, 8)))
    app = talkative({str(n): "ALERT" for n in range(1, 8)})
    app.cycle()
    assert len(marshal.posted) == 14
    assert set(states(app, "annotation").values()) == {"sent"}
    assert set(states(app).values()) == {"pending"}
    assert len(slack.requests) == 3  # after three in a row it is left alone for this cycle
    slack.faults, slack.messages[:] = None, []
    clock.forward(hours=2)
    app.cycle()
    assert len(slack.messages) == 7
    assert set(states(app).values()) == {"sent"}


def test_a_wait_that_slack_asks_for_is_kept_to(talkative, marshal, slack, clock) -> None:
    limited = SlackSandbox(per_second=1e-9)
    limited._spent = 5.0
    with limited:
        marshal.add(*(good(str(n), f"ZTF26{n}") for n in range(1, 4)))
        app = talkative({str(n): "ALERT" for n in range(1, 4)}, slack_webhook=limited.hook_url)
        app.cycle()
        assert len(limited.requests) == 1
        assert limited.messages == []
    assert set(states(app).values()) == {"pending"}


@pytest.mark.parametrize(
    ("state", "word"), [("revoked", "no_service"), ("archived", "channel_is_archived"), ("moved", "HTTP 302")]
)
def test_a_hook_that_is_gone_parks_and_is_tried_again_when_asked(talkative, marshal, slack, state, word) -> None:
    slack.state = state
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    app = talkative({"1": "ALERT", "2": "ALERT"})
    app.cycle()
    assert set(states(app).values()) == {"parked"}
    assert len(slack.requests) == (2 if state == "moved" else 1)
    with app.store.begin(to_read=True) as unit:
        assert all(word in parcel.reason for parcel in unit.outbox.parked())
    slack.state = "there"
    again = talkative({"1": "ALERT", "2": "ALERT"}) if app.close() is None else app
    again.cycle(retry_parked=True)
    assert len(slack.messages) == 2


def test_more_than_may_be_told_in_an_hour_are_told_together(talkative, marshal, slack, clock) -> None:
    marshal.add(*(good(str(n), f"ZTF26x{n}") for n in range(1, 13)))
    app = talkative({str(n): "ALERT" for n in range(1, 30)}, slack_per_hour=3)
    app.cycle()
    assert len(slack.messages) == 3
    assert [t.count("ZTF26x") >= 2 for t in slack.texts] == [True] * 3  # name and link
    assert "*10 ALERTs*, told together" in slack.texts[2]
    assert all(f"|ZTF26x{n}>" in slack.texts[2] or f"*ALERT ZTF26x{n}*" in "".join(slack.texts) for n in range(1, 13))
    assert set(states(app).values()) == {"sent"}
    marshal.add(*(good(str(n), f"ZTF26x{n}") for n in range(13, 20)))
    clock.forward(minutes=5)
    app.cycle()
    assert len(slack.messages) == 3  # the hour is not over
    clock.forward(minutes=56)
    app.cycle()
    clock.forward(minutes=1)
    app.cycle()
    told = "".join(slack.texts[3:])
    assert 0 < len(slack.messages) - 3 <= 3
    assert all(f"ZTF26x{n}" in told for n in range(13, 20))
    assert set(states(app).values()) == {"sent"}


def test_when_the_one_for_all_is_not_taken_nothing_is_lost(talkative, marshal, slack, clock) -> None:
    slack.faults = lambda _seen: Fault(kind=FaultKind.BAD_GATEWAY)
    marshal.add(*(good(str(n), f"ZTF26x{n}") for n in range(1, 6)))
    app = talkative({str(n): "ALERT" for n in range(1, 6)}, slack_per_hour=1)
    app.cycle()
    assert set(states(app).values()) == {"pending"}
    slack.faults = None
    clock.forward(minutes=30)
    app.cycle()
    (text,) = slack.texts
    assert all(f"|ZTF26x{n}>" in text for n in range(1, 6))
    assert set(states(app).values()) == {"sent"}


def test_the_night_in_one_message(talkative, marshal, slack, clock, tmp_path) -> None:
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    app = talkative()
    app.cycle()
    night = Night.of(clock.now)
    note = app.settings.output_dir / "notes" / str(night) / "classes" / "astronote.html"
    note.parent.mkdir(parents=True)
    note.write_text("a draft")
    clock.forward(days=1, hours=3)
    for _ in range(2):
        app.tell_night()
        app.cycle()
    assert slack.texts[1].split("\n") == [
        f"*ASTRANet, night of {night} UT*: 2 answers, 0 refusals.",
        f"ALERT: <{URL}/source/ZTF26a|ZTF26a> SN Ia.",
        "NEEDLE candidates: none.",
        "A draft note waits for a person: classes.",
    ]
    assert len(slack.texts) == 2


def test_a_spectrum_that_is_gone_is_not_told(talkative, marshal, slack, clock) -> None:
    slack.faults = lambda _seen: Fault(kind=FaultKind.RESET)
    marshal.add(good("1", "ZTF26a"))
    app = talkative()
    app.cycle()
    slack.faults = None
    with app.store.begin() as unit:
        from plugin.cycle.messages.alerts import unsaid
        from plugin.cycle.posting import Posting
        from plugin.cycle.posts import enqueue

        enqueue(unit, unsaid("1", Posting(group_ids=(6,), messages=True)), clock.now)
    clock.forward(hours=1)
    app.cycle()
    assert slack.messages == []


def test_the_address_is_nowhere(talkative, marshal, slack, tmp_path) -> None:
    slack.state = "revoked"
    marshal.add(good("1", "ZTF26a"))
    with capture_logs() as logs:
        app = talkative()
        app.cycle()
    found = repr(logs) + repr(app.settings) + repr(app.clients) + repr(app.activity.pulse)
    found += "".join(f.read_bytes().decode("latin-1") for f in tmp_path.glob("astranet.sqlite*"))
    assert PATH not in found
    assert "sandboxsandbox" not in found
    assert slack.hook_url in app.settings.secrets


def test_words_from_elsewhere_make_no_link_and_call_nobody() -> None:
    words = Wording(marshal_url="https://marshal.test")
    body = {"source": "a|b>@here", "class": "<!channel>", "sentence": "see <http://evil|this>", "p": 0.5}
    text = words.alert(body)
    assert "<!channel>" not in text
    assert "<http://evil" not in text
    assert "/source/a%7Cb%3E%40here|in the marshal>" in text


def test_a_long_night_fits_into_a_block() -> None:
    words = Wording(marshal_url="https://marshal.test", web_url="https://pages.test/" + "x" * 200)
    rows = [{"source": f"ZTF26{'x' * 40}{n}", "class": "SN Ia"} for n in range(500)]
    night = {"night": "2026-06-10", "answered": 500, "alerts": rows, "candidates": rows, "parked": 2}
    for text in (words.together(rows), words.digest(night)):
        assert 0 < len(text) <= 2900
        assert "more" in text
        assert text.count("<") == text.count(">")


def test_what_the_hook_counts_is_seen(talkative, marshal, slack) -> None:
    marshal.add(good("1", "ZTF26a"))
    app = talkative()
    app.cycle()
    from prometheus_client import generate_latest

    assert b'astranet_upstream_requests_total{server="slack"} 1.0' in generate_latest(app.activity.registry)
    assert app.activity.pulse.answered_at is None  # that is the marshal's


def test_nights_do_not_count_among_the_messages_of_an_hour(talkative, marshal, slack, clock) -> None:
    app = talkative({"1": "ALERT"}, slack_per_hour=1)
    app.tell_night()
    app.cycle()
    marshal.add(good("1", "ZTF26a"))
    app.cycle()
    assert len(slack.texts) == 2
    assert isinstance(clock.now, datetime)
    with app.store.begin(to_read=True) as unit:
        assert len(unit.outbox.sent_since(MESSAGE, clock.now - timedelta(hours=1), but_on=("night",))) == 1
