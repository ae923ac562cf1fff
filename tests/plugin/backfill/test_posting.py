"""Answers of a run into the outbox: shown before, sent once, and never over the service's own."""

from collections import Counter

import pytest

from models.bundle import load
from models.recalibration.applied import LocalAnalyst
from plugin.backfill.asked import Asked
from plugin.backfill.folder import FolderError, RunFolder
from plugin.backfill.posting import make_producer, post
from plugin.cycle.spectra.producer import SpectraProducer, known_spectrum
from plugin.store import ASTRANET
from tests.fakes.marshal import good
from tests.plugin.backfill.marshals import fill, over, run_here
from tests.plugin.conftest import make_settings


@pytest.fixture(scope="module")
def analyst() -> LocalAnalyst:
    return LocalAnalyst(load())


@pytest.fixture
def finished(marshal, tmp_path, monkeypatch):
    """A run over a marshal, its settings, and what puts it into an app's outbox."""
    fill(marshal, 4)
    settings = make_settings(tmp_path, post_cards=False)
    asked, folder = Asked.of(settings), RunFolder(tmp_path / "out")
    assert run_here(folder, asked, over(marshal), monkeypatch).complete
    marshal.calls.clear()

    def put(app, *, really):
        producer = make_producer(settings, marshal, app.store, asked, really=really)
        return post(folder, asked, producer, app.store, really=really, clock=app._clock)

    return put


def waiting(app) -> int:
    with app.store.begin(to_read=True) as unit:
        return unit.outbox.count("pending")


def test_a_preview_changes_nothing_and_says_what_would_be_sent(make_app, marshal, finished, analyst):
    app = make_app(analyst=analyst, backfill_days=0.0, post_cards=False)
    shown = finished(app, really=False)
    assert (waiting(app), marshal.calls) == (0, [])
    with app.store.begin(to_read=True) as unit:
        assert unit.reports.every(ASTRANET) == []
    assert shown.posts == Counter({("annotation", "spectrum"): 7, ("annotation", "source"): 4})
    assert (shown.spectra, shown.by_service, shown.requests) == (8, 0, 11)
    assert "11 requests or more, 0 min at 4 a second" in list(shown.lines(4.0, is_filed=False))


def test_what_was_shown_is_sent_and_once(make_app, marshal, finished, analyst):
    app = make_app(analyst=analyst, backfill_days=0.0, post_cards=False)
    shown = finished(app, really=False)
    assert finished(app, really=True).posts == shown.posts
    again = finished(app, really=True)
    assert (again.spectra, again.by_service, again.posts) == (0, 8, Counter())
    assert waiting(app) == 11
    app.once()
    assert len(marshal.writes) == 11
    assert marshal.count("spectrum") == 0, "nothing is answered once more"
    before = marshal.posted
    finished(app, really=True)
    app.once()
    assert (len(marshal.writes), marshal.posted) == (11, before)


def test_no_card_is_drawn_twice(make_app, marshal, finished, analyst, monkeypatch):
    app = make_app(analyst=analyst, backfill_days=0.0, post_cards=False)
    finished(app, really=True)
    drafted: list[object] = []
    monkeypatch.setattr(SpectraProducer, "draft", lambda *_: drafted.append(1))
    assert finished(app, really=True).by_service == 8
    assert drafted == []


def test_what_broke_on_one_spectrum_stops_no_other(make_app, marshal, tmp_path, monkeypatch, analyst):
    def breaks(raw, *rest, **more):
        if raw.spectrum_id == "2":
            raise ZeroDivisionError("odd")
        return known_spectrum(raw, *rest, **more)

    for module in ("work", "posting"):
        monkeypatch.setattr(f"plugin.backfill.{module}.known_spectrum", breaks)
    fill(marshal, 4)
    settings = make_settings(tmp_path, post_cards=False)
    asked, folder = Asked.of(settings), RunFolder(tmp_path / "out")
    assert run_here(folder, asked, over(marshal), monkeypatch).counts["failed"] == 1
    app = make_app(analyst=analyst, backfill_days=0.0, post_cards=False)
    shown = post(
        folder, asked, make_producer(settings, marshal, app.store, asked, really=False), app.store, really=False
    )
    assert (shown.spectra, shown.nowhere) == (7, 1)
    assert "1 spectra have no answer to post" in list(shown.lines(4.0, is_filed=False))


def test_it_is_what_the_service_would_have_posted(make_app, marshal, finished, analyst, tmp_path):
    app = make_app(analyst=analyst, backfill_days=0.0, post_cards=False)
    finished(app, really=True)
    app.once()
    ours, groups = marshal.posted, {key: marshal.groups_of(key) for key in marshal.posted}
    app.close()
    marshal._posted.clear()
    url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    make_app(analyst=analyst, backfill_days=10_000.0, post_cards=False, database_url=url).once()
    assert {key: marshal.groups_of(key) for key in marshal.posted} == groups
    for key, data in marshal.posted.items():
        numbers = {k: v for k, v in data.items() if isinstance(v, float)}
        assert {k: v for k, v in ours[key].items() if k not in numbers} == {
            k: v for k, v in data.items() if k not in numbers
        }
        assert {k: ours[key][k] for k in numbers} == pytest.approx(numbers, abs=2e-4)


def test_a_dry_run_sends_nothing(make_app, marshal, finished, analyst):
    app = make_app(analyst=analyst, backfill_days=0.0, post_cards=False, dry_run=True)
    finished(app, really=True)
    assert app.once().delivered == Counter(dry=11)
    assert marshal.writes == []


def test_what_the_service_has_answered_or_knows_to_be_newer_keeps_its_answer(make_app, marshal, finished, analyst):
    app = make_app(analyst=analyst, backfill_days=0.0, post_cards=False)
    newer = good("1", "ZTF26000", modified="2026-06-11T00:00:00.000001")
    marshal.spectra["1"] = newer
    with app.store.begin() as unit:
        unit.spectra.add(marshal._stubs((6,))[:2], app._clock())
    app.once()
    answered = marshal.count("upsert")
    posted = finished(app, really=True)
    assert (posted.spectra, posted.by_service) == (6, 2)
    app.once()
    with app.store.begin(to_read=True) as unit:
        assert {f.version for f in unit.reports.every(ASTRANET) if f.subject.id == "1"} == {newer.modified}
    assert marshal.count("upsert") > answered


def test_an_alert_of_an_archive_tells_nobody_and_its_card_is_counted(make_app, marshal, finished, analyst, tmp_path):
    app = make_app(analyst=analyst, backfill_days=0.0)
    hook = "https://hooks.example.test/services/T00/B00/abcdefghijklmnop"
    settings = make_settings(tmp_path, slack_webhook=hook)
    producer = make_producer(settings, marshal, app.store, Asked.of(settings), really=False)
    assert producer.posting.messages is False
    shown = post(RunFolder(tmp_path / "out"), Asked.of(settings), producer, app.store, really=False)
    assert {kind for kind, _ in shown.posts} <= {"annotation", "comment"}
    assert waiting(app) == 0


def test_only_a_finished_run_over_a_marshal_is_posted(make_app, marshal, finished, analyst, tmp_path):
    app = make_app(analyst=analyst)
    settings = make_settings(tmp_path)
    folder, asked = RunFolder(tmp_path / "out"), Asked.of(settings)
    producer = make_producer(settings, marshal, app.store, asked, really=False)
    next(folder.answers.iterdir()).unlink()
    with pytest.raises(FolderError, match="1 partitions are not finished"):
        post(folder, asked, producer, app.store, really=True)
    other = RunFolder(tmp_path / "files")
    with other.held():
        other.begin({"input": {"files": ["a"]}}, [])
    with pytest.raises(FolderError, match="a file has no place"):
        post(other, asked, producer, app.store, really=True)
