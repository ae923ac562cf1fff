"""Drift and calibrations on file, and what the service does with them; on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from iris_client.protocols import Place
from models.domain import FINE_CLASSES
from models.drift.monitor import Monitor
from plugin.cycle.messages.alerts import MESSAGE
from plugin.cycle.messages.wording import Wording
from plugin.drift.reading import rows_of
from plugin.drift.watching import Watching, reset
from plugin.store import Store
from plugin.store.truth.truths import Told
from tests.fakes.answered import answer, calibration_rows, filed, refusal

NOW = datetime(2026, 6, 10, 12)
MINUTE = timedelta(minutes=1)
REFERENCE = calibration_rows(300)
STREAM = calibration_rows(600, seed=10).rows(np.random.default_rng(4).permutation(600))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += MINUTE
        return self.now


def watching(store: Store, clock: Clock, **more) -> Watching:
    return Watching(store=store, alpha=0.05, rate=0.05, clock=clock, group_ids=(6,), messages=True, **more)


def put(store: Store, clock: Clock, first: int, last: int, *, anomaly: bool = False, known: bool = False) -> None:
    rng = np.random.default_rng(first)
    with store.begin() as unit:
        for i in range(first, last):
            odd = float(rng.uniform(0.8, 1)) if anomaly else None
            unit.reports.put(filed(answer(f"ZTF{i}", STREAM, i, anomaly=odd), clock.now))
            if known:
                told = [Told(key="1", name=FINE_CLASSES[STREAM.label[i]])]
                unit.truth.hear(f"ZTF{i}", "marshal", told, clock.now)


def summary(store: Store):
    with store.begin(to_read=True) as unit:
        return unit.drift.summary()


def test_answers_are_looked_at_once_each_object_once_and_the_state_survives(store) -> None:
    clock = Clock()
    put(store, clock, 0, 50)
    assert watching(store, clock).look("cal-1", REFERENCE, truths=False) == []
    assert summary(store)["answers"] == 50
    put(store, clock, 40, 60)  # the first ten were answered anew
    with store.begin() as unit:
        unit.reports.put(filed(refusal("ZTFr"), clock.now))
        unit.reports.put(filed(replace(answer("ZTFold", STREAM, 0), basis=None), clock.now))  # of an earlier version
    watching(store, clock).look("cal-1", REFERENCE, truths=False)
    assert summary(store)["answers"] == 61
    with store.begin(to_read=True) as unit:
        body = unit.drift.state().body
    watching(store, clock).look("cal-1", REFERENCE, truths=False)  # nothing is new, and nothing is written
    with store.begin(to_read=True) as unit:
        assert unit.drift.state().body == body
    assert Monitor.from_dict(body["monitor"]).answers == 61


def test_a_change_is_told_once_on_file_and_in_the_chat_until_it_is_acknowledged(store) -> None:
    clock = Clock()
    look = watching(store, clock).look
    put(store, clock, 0, 100)
    assert look("cal-1", REFERENCE, truths=False) == []
    put(store, clock, 100, 150, anomaly=True)
    assert [a.test for a in look("cal-1", REFERENCE, truths=False)] == ["anomaly"]
    put(store, clock, 150, 170, anomaly=True)
    assert look("cal-1", REFERENCE, truths=False) == []
    with store.begin(to_read=True) as unit:
        (alarm,) = unit.drift.alarms()
        places = [Place(kind="night", id=f"drift {alarm.raised_at.isoformat(timespec='microseconds')}")]
        (parcel,) = unit.outbox.at(places)
    assert parcel.kind == MESSAGE
    assert "anomaly scores" in Wording(marshal_url="https://m").drift(parcel.body)
    assert reset(store, own=False, now=clock()) == 1
    with store.begin(to_read=True) as unit:
        assert unit.drift.alarms() == []
        assert len(unit.drift.alarms(acknowledged=True)) == 1
    assert look("cal-1", REFERENCE, truths=False) == []
    assert summary(store)["answers"] == 0  # what was looked at before the reset is not looked at again
    put(store, clock, 300, 350, anomaly=True)
    assert [a.test for a in look("cal-1", REFERENCE, truths=False)] == ["anomaly"]


def test_after_a_reset_to_ones_own_answers_these_are_the_measure(store) -> None:
    clock = Clock()
    look = watching(store, clock).look
    put(store, clock, 0, 200, anomaly=True)
    assert "anomaly" in [a.test for a in look("cal-1", REFERENCE, truths=False)]
    reset(store, own=True, now=clock())
    look("cal-1", REFERENCE, truths=False)
    put(store, clock, 200, 400, anomaly=True)
    assert look("cal-1", REFERENCE, truths=False) == []
    assert summary(store)["answers"] == 200
    put(store, clock, 400, 600)
    assert "anomaly" in [a.test for a in look("cal-1", REFERENCE, truths=False)]


def test_truth_counts_once_an_object_and_only_of_answers_since_the_tests_began(store) -> None:
    clock = Clock()
    look = watching(store, clock).look
    put(store, clock, 0, 30, known=True)
    look("cal-1", REFERENCE, truths=True)
    look("cal-1", REFERENCE, truths=True)
    assert summary(store)["truths"] == 30
    look("cal-2", REFERENCE, truths=True)  # another calibration: all begins anew, with the answers it gives
    assert (summary(store)["truths"], summary(store)["calibration"]) == (0, "cal-2")
    put(store, clock, 30, 40, known=True)
    look("cal-2", REFERENCE, truths=True)
    assert summary(store)["truths"] == 10


def test_answers_with_truth_become_calibration_spectra(store) -> None:
    clock = Clock()
    put(store, clock, 0, 20, known=True)
    with store.begin() as unit:
        unit.truth.hear("ZTF3", "marshal", [Told(key="1", name="Nova")], clock.now)
        unit.truth.hear("ZTF4", "marshal", [], clock.now)
        found = rows_of(unit.truth.answered(NOW - MINUTE, NOW + 99 * MINUTE))
    assert len(found) == 19  # what was withdrawn is no truth
    labels = dict(zip(found.objects.tolist(), found.label.tolist(), strict=True))
    assert labels["ZTF3"] == -1
    assert labels["ZTF5"] == STREAM.label[5]
    np.testing.assert_allclose(found.fine[found.objects == "ZTF5"][0], STREAM.fine[5])
    np.testing.assert_allclose(found.seed_scores[found.objects == "ZTF5"][0], STREAM.seed_scores[5])


def test_calibrations_are_kept_adopted_and_retired_in_order(store) -> None:
    with store.begin() as unit:
        for n in range(3):
            unit.calibrations.propose(
                f"local-{n}", bundle="b@1", passed=n > 0, summary={"n": n}, body=bytes([n]), now=NOW + n * MINUTE
            )
        assert [c.state for c in unit.calibrations.every()] == ["proposed", "proposed", "refused"]
        assert unit.calibrations.adopted() is None
        unit.calibrations.adopt("local-1", NOW + 5 * MINUTE)
        unit.calibrations.adopt("local-2", NOW + 6 * MINUTE)
        assert unit.calibrations.adopted().calibration_id == "local-2"
        unit.calibrations.retire("local-2", NOW + 7 * MINUTE)
        assert unit.calibrations.adopted().calibration_id == "local-1"
        assert unit.calibrations.get("local-2").state == "retired"
        assert unit.calibrations.body("local-1") == b"\x01"
        assert unit.calibrations.body("nothing") is None
        for n in range(20):
            unit.calibrations.propose(f"p-{n}", bundle="b@1", passed=True, summary={}, body=b"", now=NOW + n * MINUTE)
        names = {c.calibration_id for c in unit.calibrations.every()}
    assert {"local-1", "local-2", "p-19"} <= names
    assert len(names) == 12  # ten proposals that nobody adopted, and the two that were


def test_what_no_database_takes_is_written_without_it(store) -> None:
    with store.begin() as unit:
        unit.drift.raise_alarm("instrument A\0" + 300 * "b", "A\0 sentence", NOW)
        (alarm,) = unit.drift.alarms()
    assert alarm.sentence == "A sentence"
    assert len(alarm.test) == 255


@pytest.mark.parametrize("state", [{"monitor": {"version": 0}}, {"nothing": 1}])
def test_a_state_that_cannot_be_read_begins_anew(store, state) -> None:
    with store.begin() as unit:
        unit.drift.put(state, {}, NOW)
    assert watching(store, Clock()).look("cal-1", REFERENCE, truths=True) == []
    assert summary(store)["answers"] == 0
