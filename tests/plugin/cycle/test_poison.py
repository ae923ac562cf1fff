"""Poison: whatever breaks on one piece of work, at whichever step, parks that piece; the others and delivery go on."""

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models.domain import Report
from plugin.cycle.carriers import AnnotationCarrier
from plugin.cycle.spectra import compose
from plugin.cycle.spectra import producer as spectra
from plugin.ops import show as views
from plugin.store import ASTRANET
from plugin.store.outbox import Outbox
from plugin.store.reports import Reports
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import good


class Poison(Exception):
    """What nobody has thought of."""


def poisoned(real, is_bad):
    """The same function, but for what is bad."""

    def call(*args, **kwargs):
        if is_bad(*args):
            raise Poison("nobody thought of this")
        return real(*args, **kwargs)

    return call


def parked(app) -> list[tuple[str, str]]:
    with app.store.begin() as unit:
        return [(piece.subject.id, str(piece.reason)) for piece in unit.queue.parked()]


def at_fetch(app, monkeypatch):
    monkeypatch.setattr(app.marshal, "spectrum", poisoned(app.marshal.spectrum, lambda name: name == "2"))


def at_quality(app, monkeypatch):
    monkeypatch.setattr(spectra, "examine", poisoned(spectra.examine, lambda raw, *_: raw.spectrum_id == "2"))


def at_compose(app, monkeypatch):
    monkeypatch.setattr(compose, "on_spectrum", poisoned(compose.on_spectrum, lambda filed, _: is_second(filed.report)))


def at_file(app, monkeypatch):
    """A number that no JSON can hold is found out when the report is written down."""
    monkeypatch.setattr(Report, "to_json", poisoned(Report.to_json, is_second))


def at_card(app, monkeypatch):
    def draw(report: Report, _spectrum, **_more) -> bytes:
        if is_second(report):
            raise Poison("nobody thought of this")
        return b"PNG"

    monkeypatch.setattr(compose, "wants_card", lambda filed, _: is_second(filed.report))
    monkeypatch.setattr("plugin.cycle.spectra.card.vetting_card", draw)


def is_second(report: Report) -> bool:
    return report.spectrum_id == "2"


@pytest.mark.parametrize("poison", [at_fetch, at_quality, at_compose, at_file, at_card])
def test_one_spectrum_that_breaks_a_step_is_parked_and_the_others_are_answered_and_sent(
    poison, make_app, marshal, monkeypatch
):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in (1, 2, 3)))
    app = make_app(batch_size=2)
    poison(app, monkeypatch)
    cycle = app.once()
    assert (cycle.analysed["ok"], cycle.analysed["parked"]) == (2, 1)
    assert list(marshal.posted) == ["source/ZTF261", "source/ZTF263", "spectrum/1", "spectrum/3"]
    ((name, reason),) = parked(app)
    assert name == "2"
    assert "Poison: nobody thought of this" in reason
    monkeypatch.undo()
    assert app.once(retry_parked=True).analysed == {"ok": 1}
    assert "spectrum/2" in marshal.posted


def test_a_deleted_spectrum_that_cannot_be_taken_back_stops_no_other(make_app, marshal, clock, monkeypatch):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    app = make_app(sweep_hours=6)
    app.once()
    del marshal.spectra["1"]
    marshal.add(good("3", "ZTF26c", modified="2026-06-10T12:30:00"))
    monkeypatch.setattr(compose, "gone", poisoned(compose.gone, lambda name: name == "1"))
    clock.forward(hours=7)
    done = app.once()
    assert (done.analysed["ok"], done.analysed["parked"]) == (1, 1)
    assert [name for name, _ in parked(app)] == ["1"]
    assert "spectrum/3" in marshal.posted


def test_a_reason_holds_no_secret_and_whatever_text_an_exception_has(make_app, marshal):
    class Rude(FakeAnalyst):
        def run_many(self, items):
            raise Poison(f"token {app.settings.secrets[0]} \ud800 \x00 {'x' * 9999}")

    marshal.add(good("1", "ZTF26a"))
    app = make_app(analyst=Rude())
    assert app.once().analysed == {"parked": 1}
    ((_, reason),) = parked(app)
    assert "Poison: token ***" in reason
    assert "\x00" not in reason
    assert len(reason) < 500


def test_one_post_that_cannot_be_sent_is_parked_and_the_others_are_sent(make_app, marshal, monkeypatch):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in (1, 2)))
    app = make_app()
    real = AnnotationCarrier.send
    monkeypatch.setattr(AnnotationCarrier, "send", poisoned(real, lambda _, parcel: parcel.place.id == "1"))
    assert app.once().delivered == {"sent": 3, "parked": 1}
    with app.store.begin() as unit:
        ((post),) = unit.outbox.parked()
    assert (post.place.id, "Poison: nobody thought of this" in str(post.reason)) == ("1", True)
    monkeypatch.undo()
    assert app.once(retry_parked=True).delivered == {"sent": 1}


def test_a_stored_post_that_cannot_be_read_is_parked_and_the_others_are_sent(make_app, marshal):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in (1, 2)))
    app = make_app(dry_run=True)
    app.once()
    with app.store.engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET body = '{' WHERE place_id = '1'"))
    app.close()
    app = make_app()
    assert app.once().delivered == {"sent": 3, "parked": 1}
    assert list(marshal.posted) == ["source/ZTF261", "source/ZTF262", "spectrum/2"]


def test_what_cannot_be_listed_is_trouble_and_what_is_stored_is_worked_on(make_app, marshal, monkeypatch):
    marshal.add(good("1", "ZTF26a"))
    app = make_app(dry_run=True)
    app.once()
    app.close()
    app = make_app()
    monkeypatch.setattr(marshal, "spectra_modified_since", poisoned(marshal.spectra_modified_since, lambda *_: True))
    cycle = app.once()
    assert "nobody thought of this" in cycle.trouble[0]
    assert cycle.delivered == {"sent": 2}


def later_version(app, where: str, change) -> None:
    """A report as a later version of this program has written it, before it was rolled back."""
    with app.store.engine.begin() as connection:
        body = json.loads(connection.execute(text(f"SELECT body FROM reports WHERE {where}")).scalar_one())
        change(body)
        connection.execute(text(f"UPDATE reports SET body = :body WHERE {where}"), {"body": json.dumps(body)})


def test_a_report_with_keys_this_version_does_not_know_counts_all_the_same(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    later_version(app, "subject_id = '1'", lambda body: (body.update(new=1), body["verdict"].update(newer=[2])))
    marshal.add(good("2", "ZTF26a", modified="2026-06-10T11:00:00"))
    assert app.once().analysed == {"ok": 1}
    assert marshal.posted["source/ZTF26a"]["an_n_spectra"] == 2
    with app.store.engine.connect() as connection:
        kept = connection.execute(text("SELECT body FROM reports WHERE subject_id = '1'")).scalar_one()
    assert json.loads(kept)["verdict"]["newer"] == [2]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(schema=99),
        lambda body: body.update(caveats=[{"code": "found_later", "text": "?"}]),
        lambda body: body["verdict"].pop("label"),
        lambda body: body.update(verdict=["no", "mapping"]),
    ],
)
def test_a_report_that_cannot_be_read_is_left_out_and_stops_nobody(change, make_app, marshal, capsys):
    marshal.add(good("1", "ZTF26a"), good("3", "ZTF26b"))
    app = make_app()
    app.once()
    later_version(app, "subject_id = '1'", change)
    marshal.add(*(good(n, name, modified="2026-06-10T11:00:00") for n, name in (("2", "ZTF26a"), ("3", "ZTF26b"))))
    cycle = app.once()
    assert cycle.analysed == {"ok": 2}
    assert cycle.complete
    summary = marshal.posted["source/ZTF26a"]
    assert (summary["an_n_spectra"], summary["an_spectrum_id"]) == (1, "2")
    with app.store.begin() as unit:
        assert [one.subject.id for one in unit.reports.every(ASTRANET)] == ["2", "3"]
    shown = " ".join(str(part) for part in views.on_file(app.store, "1"))
    assert "cannot be read by this version" in shown
    marshal.add(good("1", "ZTF26a", modified="2026-06-10T11:30:00"))
    app.once()
    assert marshal.posted["source/ZTF26a"]["an_n_spectra"] == 2


@pytest.mark.parametrize("sweep", [False, True])
def test_one_that_is_not_listed_as_agreed_is_left_out_and_the_others_are_found(sweep, make_app, marshal):
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b", modified="soon"), good("3", "ZTF26\ud800"))
    app = make_app(sweep_hours=6 * sweep)
    cycle = app.once()
    assert (cycle.found, cycle.trouble) == (1, ())
    assert list(marshal.posted) == ["source/ZTF26a", "spectrum/1"]


def test_a_post_that_was_sent_and_cannot_be_written_down_stops_no_other(make_app, marshal, monkeypatch):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in (1, 2)))
    app = make_app()
    monkeypatch.setattr(Outbox, "sent", poisoned(Outbox.sent, lambda _, parcel, *__: parcel.place.id == "1"))
    assert app.once().delivered == {"sent": 3, "parked": 1}
    monkeypatch.undo()
    assert app.once(retry_parked=True).delivered == {"same": 1}


def test_a_database_that_is_away_parks_nothing(make_app, marshal, monkeypatch):
    marshal.add(*(good(str(n), f"ZTF26{n}") for n in (1, 2)))
    app = make_app()

    def full(*_):
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(Reports, "put", full)
    with pytest.raises(OperationalError, match="disk is full"):
        app.once()
    assert parked(app) == []
    monkeypatch.undo()
    assert app.once().analysed == {"ok": 2}
