"""Why a spectrum was answered anew reaches the history; and renewing changes no post where no answer changes."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from plugin.cycle.spectra.because import BECAUSE, BY_HAND, EARLIER, because, earlier
from plugin.ops.again import again
from plugin.ops.show import on_file
from plugin.store import ASTRANET, spectrum
from plugin.web.pages.objects import read
from plugin.web.reading import Reading
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import bad, good


class Calibrated(FakeAnalyst):
    """An analyst on another calibration."""

    def __init__(self, calibration: str, **more):
        super().__init__(**more)
        self.calibration_name = calibration

    def _one(self, evidence, caveats):
        report = super()._one(evidence, caveats)
        if report.confidence is None:
            return report
        return replace(report, confidence=replace(report.confidence, calibration_id=self.calibration_name))


def filed(app, name="1"):
    with app.store.begin(to_read=True) as unit:
        found = unit.reports.of(spectrum(name), ASTRANET)
    assert found is not None
    return found


def ask(app, marshal, clock, name="1"):
    again(app.store, marshal, name, clock())


def test_a_first_answer_has_no_reason(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    assert not {BECAUSE, EARLIER} & set(filed(app).facts)


def test_a_changed_spectrum_says_so(make_app, marshal):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    marshal.add(bad("1", "ZTF26a", modified="2026-06-10T11:00:00"))
    app.once()
    assert because(filed(app)) == "the spectrum was changed on the marshal"
    assert earlier(filed(app)) == ()  # the earlier version has a report of its own


def test_a_redshift_that_comes_changes_and_goes_says_so(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    said = []
    for redshift in (0.05, 0.06, None):
        clock.forward(minutes=10)
        marshal.set_redshift("ZTF26a", redshift, clock().isoformat())
        app.once()
        said.append(because(filed(app)))
    assert said == ["its redshift became 0.05", "its redshift became 0.06", "its redshift was taken away"]
    assert [one.because for one in earlier(filed(app))] == [*reversed(said[:2]), None]


def test_another_bundle_says_so_and_the_answer_before_stays_in_the_history(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    first = make_app()
    first.once()
    before = filed(first)
    first.close()
    clock.forward(hours=1)
    app = make_app(analyst=FakeAnalyst("fake-2@11111111"))
    ask(app, marshal, clock)
    app.once()
    now = filed(app)
    assert because(now) == f"bundle fake-2@11111111 replaced fake-1@00000000; {BY_HAND}"
    (kept,) = earlier(now)
    assert (kept.at, kept.bundle, kept.because) == (before.filed_at, "fake-1@00000000", None)
    assert kept.said.startswith("SN Ia 0.")


def test_another_calibration_says_so(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    first = make_app()
    first.once()
    first.close()
    app = make_app(analyst=Calibrated("local-1a2b3c4d"))
    ask(app, marshal, clock)
    app.once()
    assert because(filed(app)) == f"calibration local-1a2b3c4d replaced cal-1; {BY_HAND}"


def test_a_spectrum_that_was_gone_and_is_back_says_so(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    app = make_app(sweep_hours=6)
    app.once()
    raw = marshal.spectra.pop("1")
    clock.forward(hours=7)
    app.once()
    with app.store.begin(to_read=True) as unit:
        assert unit.reports.of(spectrum("1"), ASTRANET) is None
    marshal.add(raw)
    clock.forward(hours=7)
    app.once()
    assert because(filed(app)) == "it can be read again"


def test_what_was_asked_for_by_hand_with_the_same_bundle_says_so_and_sends_nothing(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    sent = marshal.count("upsert")
    with app.store.begin() as unit:
        unit.queue.ask_again(spectrum("1"), clock(), reason=BY_HAND)
    cycle = app.once()
    assert because(filed(app)) == BY_HAND
    assert (cycle.analysed["ok"], cycle.delivered.total(), marshal.count("upsert")) == (1, 0, sent)


def test_the_history_does_not_grow_for_ever(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    for _ in range(25):
        clock.forward(minutes=1)
        ask(app, marshal, clock)
        app.once()
    assert len(earlier(filed(app))) == 20


def test_page_and_terminal_tell_the_reason_and_the_answers_before(make_app, marshal, clock):
    marshal.add(good("1", "ZTF26a"))
    app = make_app()
    app.once()
    clock.forward(hours=1)
    marshal.set_redshift("ZTF26a", 0.05, clock().isoformat())
    app.once()
    clock.forward(hours=1)
    marshal.add(good("1", "ZTF26a", modified=clock().isoformat()))
    app.once()
    with app.store.begin(to_read=True) as unit:
        (view,) = read(Reading(unit), "ZTF26a", 0.05).spectra
    assert view.because == "Answered anew: the spectrum was changed on the marshal."
    assert [one.because for one in view.before] == ["its redshift became 0.05", None]
    console = Console(width=200, record=True, file=StringIO())
    for part in on_file(app.store, "1"):
        console.print(part)
    assert "answered anew 2026-06-10 14:00: the spectrum was changed on the marshal" in console.export_text()
