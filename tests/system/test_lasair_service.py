"""Alerts that nobody saved, to answers at Lasair, exactly once: the service on the embedded marshal and Lasair."""

import json
import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from iris_client.brokers.kept import AvroFolder
from iris_client.protocols import Place
from plugin.cycle.objects.spool import SpooledAlerts
from plugin.ops.again import again
from plugin.sandbox import FaultKind, FaultPlan, Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.brokers.lasair import ANNOTATOR
from plugin.store import NEEDLE
from tests.fakes import needle_service
from tests.fakes.kafka import MockCluster, record
from tests.fakes.needle_service import LASAIR, open_service, source_of
from tests.fakes.objects import FakeObjectAnalyst
from tests.system.test_needle_service import FAULTS, Later

N = 8
NAMES = [f"ZTF26aaaaaa{n}" for n in range(N)]
LABELS = {name: ("TDE", "SN", "SLSN-I")[n % 3] for n, name in enumerate(NAMES)}
SAVED = NAMES[6]
"""The only one that somebody has saved."""


def fill(sandbox: Sandbox) -> None:
    for n, name in enumerate(NAMES):
        sandbox.add_alert(invented(name, 200 + n, jd=2461002.5, mag=18.0 + n / 10))
    sandbox.add_source(SAVED)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        fill(running)
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'astranet.sqlite'}"
    return str(request.getfixturevalue("postgres").database())


def opened(sandbox: Sandbox, folder: Path, **more: Any) -> Any:
    source = more.pop("source", None) or source_of("lasair", sandbox.url, sandbox.token, folder)
    url = f"{sandbox.url}/lasair/api"
    given = {"analyst": FakeObjectAnalyst(LABELS), "overlap_seconds": 0, "lasair_url": url, **LASAIR, **more}
    return open_service(sandbox.url, sandbox.token, folder, source=source, **given)


def test_what_nobody_saved_is_found_answered_at_lasair_and_on_file_and_not_on_the_marshal(sandbox, tmp_path, database):
    with opened(sandbox, tmp_path, database_url=database, web_url="https://pages.example") as app:
        done = app.once()
        assert (done.objects, done.complete) == ({"ok": N}, True)
        with app.store.begin(to_read=True) as unit:
            assert [filed.target_id for filed in unit.reports.every(NEEDLE)] == NAMES
            crossings = {one.target_id: one.label for one in unit.needle.crossings()}
            noted = {one.target_id: one.listed for one in unit.needle.objects()}
    assert crossings == {name: label for name, label in LABELS.items() if label != "SN"}
    assert noted == {name: name == SAVED for name in NAMES}
    assert {a["place"] for a in sandbox.annotations()} == {SAVED}
    there = {name: body for (topic, name), body in sandbox.lasair.annotations.items() if topic == ANNOTATOR}
    assert {name: body["classification"] for name, body in there.items()} == LABELS
    found = there[NAMES[0]]
    assert found["classdict"] == {"SN": 0.1, "SLSN-I": 0.1, "TDE": 0.8}
    assert found["version"] == "fake-needle@0000"
    assert found["url"] == f"https://pages.example/object/{NAMES[0]}"
    assert found["explanation"].startswith("First above 0.8 as TDE at MJD ")
    assert found["explanation"].endswith(" d after its first detection.")
    # of what nobody saved the marshal is asked nothing
    asked = " ".join(r.path for r in sandbox.requests if not r.path.startswith("/lasair/"))
    assert SAVED in asked
    assert not any(name in asked for name in NAMES if name != SAVED)


def test_a_second_run_sends_nothing_and_one_with_a_lost_database_changes_nothing(sandbox, tmp_path, database):
    with opened(sandbox, tmp_path, database_url=database) as app:
        app.once()
        before, written = dict(sandbox.lasair.annotations), len(sandbox.lasair.written)
        assert written == N
        sandbox.forget_requests()
        assert app.once().complete
    with opened(sandbox, tmp_path, database_url=database) as app:  # a new process
        app.once()
    assert sandbox.writes() == []
    assert len(sandbox.lasair.written) == written
    with opened(sandbox, tmp_path, database_url=f"sqlite:///{tmp_path / 'lost.sqlite'}") as app:
        app.once()
    kept = [{key: value for key, value in body.items() if key != "explanation"} for body in before.values()]
    assert [{k: v for k, v in b.items() if k != "explanation"} for b in sandbox.lasair.annotations.values()] == kept


def test_only_what_changed_is_sent_and_what_crossed_first_stays(sandbox, tmp_path):
    labels = dict(LABELS)
    later = Later()
    with opened(sandbox, tmp_path, analyst=FakeObjectAnalyst(labels), clock=later) as app:
        app.once()
        said = sandbox.lasair.annotations[ANNOTATOR, NAMES[0]]["explanation"]
        count = len(sandbox.lasair.written)
        later.ahead = timedelta(days=3)
        sandbox.add_alert(invented(NAMES[0], 300, jd=2461003.5, mag=17.0))  # the same answer
        sandbox.add_alert(invented(NAMES[3], 301, jd=2461003.5, mag=17.0))  # another one
        labels[NAMES[3]] = "SLSN-I"
        app.watch.analyst.labels.update(labels)
        assert app.once().objects == {"ok": 2}
    assert [one.object_id for one in sandbox.lasair.written[count:]] == [NAMES[3]]
    assert sandbox.lasair.annotations[ANNOTATOR, NAMES[0]]["explanation"] == said
    second = sandbox.lasair.annotations[ANNOTATOR, NAMES[3]]
    assert second["classification"] == "SLSN-I"
    assert second["explanation"].count("First above 0.8 as") == 2


def test_what_is_saved_later_is_annotated_on_the_marshal_too(sandbox, tmp_path, database):
    with opened(sandbox, tmp_path, database_url=database) as app:
        app.once()
        sandbox.add_source(NAMES[0])
        assert app.once().objects == {"ok": 1}
        assert {a["place"] for a in sandbox.annotations()} == {SAVED, NAMES[0]}
        with app.store.begin() as unit:
            assert unit.needle.unlisted(NAMES[0]) is None
            assert unit.needle.unlisted(NAMES[1]).ra_deg == 150.0


def test_the_papers_cuts_hold_for_what_nobody_saved(sandbox, tmp_path):
    faded = invented("ZTF26faded00", 401, jd=2461040.5, mag=19.5)
    sandbox.add_alert(invented("ZTF26faded00", 400, jd=2461020.5, mag=17.0))
    sandbox.add_alert(faded)
    sandbox.add_alert(invented("ZTF26onceonl", 402, epochs=0))
    for n, name in enumerate(["ZTF26varstar", "ZTF26typed00", SAVED]):
        sandbox.add_alert(invented(name, 410 + n, jd=2461002.6))
    sandbox.lasair.sherlock |= {name: {"classification": "VS"} for name in ("ZTF26varstar", SAVED)}
    sandbox.lasair.tns["ZTF26typed00"] = {"tns_name": "2026abc", "tns_prefix": "SN", "type": "SN Ia"}
    with opened(sandbox, tmp_path, watch_min_detections=2) as app:
        done = app.once()
        assert done.objects == {"ok": N, "let_go": 4}
        with app.store.begin() as unit:
            names = ("ZTF26faded00", "ZTF26onceonl", "ZTF26varstar", "ZTF26typed00")
            reasons = {piece.subject.id: piece.reason for name in names for piece in unit.queue.of(name)}
        assert not app.once().objects["ok"]  # nothing newer has come
    assert "fading for 20.0 d" in reasons["ZTF26faded00"]
    assert "1 detection(s)" in reasons["ZTF26onceonl"]
    assert reasons["ZTF26varstar"] == "Sherlock calls it VS"
    assert reasons["ZTF26typed00"] == "the TNS has it as SN Ia"
    assert SAVED in {one.object_id for one in sandbox.lasair.written}
    with opened(
        sandbox,
        tmp_path / "more",
        watch_classified=True,
        watch_not_sherlock="",
        watch_fading_days=30.0,
        database_url=f"sqlite:///{tmp_path / 'more.sqlite'}",
    ) as app:
        assert app.once().objects == {"ok": N + 4}


@pytest.mark.parametrize("kind", ["avro", "kafka"])
def test_other_streams_find_what_nobody_saved_too(kind, sandbox, tmp_path):
    folder = tmp_path / "alerts"
    folder.mkdir()
    packets = [record(invented(name, 500 + n, jd=2461002.5)) for n, name in enumerate(NAMES)]
    star = invented("ZTF26onastar", 600)
    star["candidate"] |= {"sgscore1": 0.98, "distpsnr1": 0.4}
    packets.append(record(star))
    source: Any
    if kind == "avro":
        for n, packet in enumerate(packets):
            (folder / f"{n}.avro").write_bytes(packet)
        source = AvroFolder(folder)
    else:
        from iris_client.brokers.kafka import KafkaAlerts

        cluster = MockCluster()
        cluster.send("babamul.ztf", *packets)
        stream = KafkaAlerts.connect(cluster.servers, ["babamul.ztf"], group="g")
        source = SpooledAlerts(stream, folder, everything=True)
    with opened(sandbox, tmp_path, source=source) as app:
        outcomes = Counter(app.once().objects)
        if not outcomes["ok"]:  # joining the group takes time
            outcomes += app.once().objects
        assert outcomes == {"ok": N, "let_go": 1}
        assert not app.once().objects
    assert {one.object_id for one in sandbox.lasair.written} == set(NAMES)
    assert {a["place"] for a in sandbox.annotations()} == {SAVED}


def test_without_the_setting_only_what_is_saved_is_answered(sandbox, tmp_path):
    with opened(sandbox, tmp_path, watch_alerts=False) as app:
        assert app.once().objects == {"ok": 1}
    assert {one.object_id for one in sandbox.lasair.written} == {SAVED}


def test_an_answer_that_does_not_hold_is_withdrawn_at_lasair(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        app.once()
        sandbox.add_alert(invented(NAMES[0], 301, jd=2461004.5, mag=22.0, epochs=0))
        del sandbox.state.alerts.rows[200]  # what is left is too faint
        app.once()
    assert sandbox.lasair.annotations[ANNOTATOR, NAMES[0]]["classification"] == "withdrawn"


def test_who_may_not_write_to_lasair_keeps_nothing_from_the_marshal(sandbox, tmp_path):
    sandbox.lasair.active = False
    with opened(sandbox, tmp_path) as app:
        done = app.once()
        assert done.delivered["parked"] == N
        with app.store.begin() as unit:
            reasons = {p.reason for p in unit.outbox.parked()}
            (summary, needle) = sorted(unit.outbox.at([Place(kind="source", id=SAVED)]), key=lambda p: p.kind)
        assert all("not active" in str(reason) for reason in reasons)
        assert (summary.kind, summary.state, needle.kind) == ("annotation", "sent", "lasair")
        sandbox.lasair.active = True
        assert app.once(retry_parked=True).delivered["sent"] == N


def test_no_token_is_in_the_database_or_a_reason(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        sandbox.faults = FaultPlan(rates={FaultKind.SERVER_ERROR: 1.0})
        app.cycle()
        sandbox.faults = None
        app.once()
        with app.store.engine.connect() as connection:
            tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
            held = json.dumps([str(connection.execute(text(f'SELECT * FROM "{t}"')).all()) for t in tables])
    assert LASAIR["lasair_token"] not in held


def test_an_object_is_answered_again_when_asked_for(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        app.once()
        count = len(sandbox.lasair.written)
        sandbox.lasair.annotations.clear()
        again(app.store, app.marshal, NAMES[1], app._clock())
        app.once()
    assert [one.object_id for one in sandbox.lasair.written[count:]] == [NAMES[1]]


def there(sandbox: Sandbox) -> dict[str, Any]:
    """What hangs at Lasair, but for the moment at which it was first said."""
    return {
        name: {key: value for key, value in body.items() if key != "explanation"}
        for (_, name), body in sandbox.lasair.annotations.items()
    }


@pytest.fixture
def undisturbed(tmp_path) -> tuple[dict[str, Any], set[str]]:
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    with Sandbox() as sandbox:
        fill(sandbox)
        with opened(sandbox, folder) as app:
            assert app.once().complete
        return there(sandbox), {a["place"] for a in sandbox.annotations()}


def test_three_in_ten_calls_go_wrong_and_the_end_is_the_same(sandbox, tmp_path, undisturbed):
    later = Later()
    sandbox.faults = FaultPlan(rates=dict.fromkeys(FAULTS, 0.3 / len(FAULTS)), seed=5)
    with opened(sandbox, tmp_path, clock=later) as app:
        for _ in range(40):
            cycle = app.once(retry_parked=True)
            later.ahead += timedelta(hours=2)
            with app.store.begin() as unit:
                if cycle.complete and not unit.outbox.count("pending") and len(unit.reports.every(NEEDLE)) == N:
                    break
        else:
            pytest.fail("forty cycles in vain")
        struck = sum(status in (0, 429, 500, 502) for _, _, status in sandbox.requests)
        sandbox.faults = None
        assert (there(sandbox), {a["place"] for a in sandbox.annotations()}) == undisturbed
        count = len(sandbox.lasair.written)
        sandbox.forget_requests()
        app.once()
        assert (sandbox.writes(), len(sandbox.lasair.written)) == ([], count)
    assert struck > 10


STEPS = [
    ("plugin.store.objects:Objects.watch", 3),  # told of, not yet watched
    ("plugin.store.objects:Objects.saw", 1),  # watched, not yet due
    ("plugin.store.queue:Queue.claim", 3),
    ("plugin.cycle.objects.gather:Gathering.gather", 3),
    ("tests.fakes.objects:FakeObjectAnalyst.run", 2),
    ("plugin.store.needle.record:Needle.note", 2),  # the report is inserted, the record not yet
    ("plugin.store.needle.record:Needle.cross", 2),
    ("plugin.store.outbox:Outbox.enqueue", 4),
    ("iris_client.brokers.lasair.calls:LasairCalls.annotate", 4),  # about to send
    ("plugin.store.outbox:Outbox.sent", 5),  # sent, not written down
]


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_kill_anywhere_then_another_cycle(step, number, sandbox, tmp_path, undisturbed):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([needle_service.__name__])
    given = (step, number, sandbox.url, sandbox.token, tmp_path, "lasair")
    process = context.Process(target=needle_service.cycle_and_die, args=given, kwargs={"labels": LABELS})
    process.start()
    process.join(timeout=120)
    assert process.exitcode == -signal.SIGKILL
    with opened(sandbox, tmp_path) as app:
        assert app.once().complete
        with app.store.begin() as unit:
            assert len(unit.needle.objects()) == N
    assert (there(sandbox), {a["place"] for a in sandbox.annotations()}) == undisturbed
    count = len(sandbox.lasair.written)
    assert count <= N + 1  # one may have been sent just before, and is sent again: Lasair keeps one of each
    sandbox.forget_requests()
    with opened(sandbox, tmp_path) as app:
        app.once()
    assert (sandbox.writes(), len(sandbox.lasair.written)) == ([], count)
