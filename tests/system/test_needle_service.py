"""Alerts to annotations, exactly once: the service with NEEDLE (without its models) and the embedded marshal."""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iris_client.brokers.http import SkyPortalBroker
from iris_client.errors import BadPayload
from iris_client.protocols import Place
from plugin.clock import utc_now
from plugin.cycle.analyse import Analysing
from plugin.cycle.objects.producer import ObjectsProducer
from plugin.cycle.objects.spool import SpooledAlerts
from plugin.cycle.posting import Posting
from plugin.ops.again import again
from plugin.sandbox import FaultKind, FaultPlan, Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.store import NEEDLE, object_of
from tests.fakes import needle_service
from tests.fakes.kafka import MockCluster, record
from tests.fakes.marshal import WAVES, good
from tests.fakes.needle_service import open_service, source_of
from tests.fakes.objects import FakeObjectAnalyst

GOOD = good("1", "x").fluxes
N = 6


def packets() -> list[dict[str, Any]]:
    """Two alerts of each object; every third object's newest template cannot be read, the fifth is too faint."""
    found = []
    for n in range(N):
        name, mag = f"ZTF26aaaaaa{n}", 22.0 if n == 4 else 18.0 + n / 10
        older = invented(name, 100 + n, jd=2461000.5, mag=mag + 0.1, epochs=0)
        newer = invented(name, 200 + n, jd=2461002.5, mag=mag)
        found += [older, {**newer, "cutoutTemplate": b"\xff\xd8"} if n % 3 == 2 else newer]
    return found


def fill(sandbox: Sandbox) -> None:
    """Half of the objects are candidates and half are saved; the first three have a spectrum as well."""
    for packet in packets():
        sandbox.add_alert(packet)
    for n in range(N):
        name = sandbox.add_source(f"ZTF26aaaaaa{n}", group_ids=(6,) if n % 2 else ())
        if not n % 2:
            sandbox.add_candidate(name)
    for n in range(3):
        sandbox.add_spectrum(f"ZTF26aaaaaa{n}", wavelengths=WAVES, fluxes=GOOD)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        fill(running)
        yield running


class Later:
    """The real time, and as much more as a test asks for."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> Any:
        return utc_now() + self.ahead


def opened(sandbox: Sandbox, folder: Path, **more: Any) -> Any:
    return open_service(sandbox.url, sandbox.token, folder, **more)


def posted(sandbox: Sandbox) -> dict[tuple[str, str, str], dict[str, Any]]:
    """What hangs where; fails when something hangs twice."""
    found = sandbox.annotations()
    places = Counter((a["origin"], a["kind"], a["place"]) for a in found)
    assert set(places.values()) <= {1}
    return {(a["origin"], a["kind"], a["place"]): {**a["data"], "groups": a["group_ids"]} for a in found}


def needle(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {place: data for (origin, _, place), data in posted(sandbox).items() if origin == "NEEDLE"}


@pytest.fixture
def undisturbed(tmp_path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """What one good cycle leaves."""
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    with Sandbox() as sandbox:
        fill(sandbox)
        with opened(sandbox, folder) as app:
            assert app.once().complete
        return posted(sandbox)


def test_first_run_posts_everything_and_later_ones_write_nothing(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        first = app.once()
        assert first.objects == {"ok": 5, "refused": 1}
        assert set(needle(sandbox)) == {f"ZTF26aaaaaa{n}" for n in (0, 1, 2, 3, 5)}
        sandbox.forget_requests()
        again = app.once()
        assert (again.objects["ok"], again.complete) == (0, True)
        assert sandbox.writes() == []
    with opened(sandbox, tmp_path) as app:  # a new process
        app.once()
    assert sandbox.writes() == []
    with opened(sandbox, tmp_path, database_url=f"sqlite:///{tmp_path / 'new.sqlite'}") as app:  # a lost database
        assert app.once().objects == {"ok": 5, "refused": 1}
    assert [one for one in sandbox.writes() if one.status < 400] == []  # what is there is found out by trying


def test_the_keys_are_flat_and_keep_their_types(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        app.once()
    data = needle(sandbox)["ZTF26aaaaaa1"]
    assert {type(v) for k, v in data.items() if k != "groups"} <= {str, int, float}
    assert {"sn", "slsn", "tde", "class", "p_mondrian", "set", "n_g", "n_r", "host_sep"} <= set(data)
    assert data["groups"] == [6]
    assert (data["status"], data["set"], data["model"]) == ("ok", data["class"], "fake-needle@00000000")
    assert "bad_image" not in data["caveats"]
    assert "template stamp" in str(reports(sandbox, tmp_path)["ZTF26aaaaaa2"].report.caveats)


def reports(sandbox: Sandbox, folder: Path) -> dict[str, Any]:
    with opened(sandbox, folder, dry_run=True) as app, app.store.begin() as unit:
        return {f.target_id: f for f in unit.reports.every(NEEDLE)}


def test_dry_run_writes_nothing(sandbox, tmp_path):
    with opened(sandbox, tmp_path, dry_run=True) as app:
        assert app.once().delivered["dry"] > 5
    assert sandbox.writes() == []


def test_a_new_alert_is_answered_and_only_a_changed_body_is_sent(sandbox, tmp_path):
    with opened(sandbox, tmp_path, overlap_seconds=0) as app:
        app.once()
        sandbox.forget_requests()
        sandbox.add_alert(invented("ZTF26aaaaaa0", 300, jd=2461004.5, mag=17.5, epochs=9))  # more points: another n_g
        sandbox.add_candidate("ZTF26aaaaaa0")
        sandbox.add_candidate("ZTF26aaaaaa2")  # passed again with no alert that is new
        assert app.once().objects == {"ok": 1, "same": 1}
        assert [r.method for r in sandbox.writes()] == ["PUT"]
        sandbox.forget_requests()
        history = sandbox.state.alerts.histories["ZTF26aaaaaa0"]
        sandbox.add_alert({**invented("ZTF26aaaaaa0", 301, jd=2461005.5, mag=22.0), **history})  # too faint to count
        sandbox.add_candidate("ZTF26aaaaaa0")
        with app.store.begin() as unit:
            before = unit.reports.of(object_of("ZTF26aaaaaa0"), NEEDLE)
        assert app.once().objects == {"ok": 1}
        with app.store.begin() as unit:
            after = unit.reports.of(object_of("ZTF26aaaaaa0"), NEEDLE)
        assert after.version > before.version
        assert after.facts == before.facts
        assert sandbox.writes() == []


def test_the_source_says_whether_spectrum_and_needle_agree(sandbox, tmp_path):
    labels = {"ZTF26aaaaaa0": "SN", "ZTF26aaaaaa1": "TDE", "ZTF26aaaaaa2": "TDE"}
    sandbox.add_spectrum("ZTF26aaaaaa3", wavelengths=WAVES, fluxes=GOOD)
    sandbox.add_spectrum("ZTF26aaaaaa5", wavelengths=WAVES, fluxes=GOOD)  # the fifth spectrum: AGN to the fake
    with opened(sandbox, tmp_path, analyst=FakeObjectAnalyst(labels)) as app:
        app.once()
    found = posted(sandbox)
    said = {n: found["ASTRANet", "source", f"ZTF26aaaaaa{n}"] for n in (0, 1, 2, 5)}
    assert [(said[n]["an_class"], said[n]["an_joint"], said[n]["an_disagrees"]) for n in said] == [
        ("SN Ia", "agree", 0),
        ("SN Ibc", "disagree", 1),
        ("SLSN", "disagree", 1),
        ("AGN", "outside", 0),
    ]
    assert said[0]["an_needle"] == "SN"
    assert not any(key.startswith("an_") for key in found["NEEDLE", "source", "ZTF26aaaaaa0"])


def test_needle_changes_its_mind_and_the_joint_summary_follows(sandbox, tmp_path):
    with opened(sandbox, tmp_path, overlap_seconds=0, analyst=FakeObjectAnalyst({"ZTF26aaaaaa0": "SN"})) as app:
        app.once()
    sandbox.add_alert(invented("ZTF26aaaaaa0", 300, jd=2461004.5))
    sandbox.add_candidate("ZTF26aaaaaa0")
    sandbox.forget_requests()
    with opened(sandbox, tmp_path, overlap_seconds=0, analyst=FakeObjectAnalyst({"ZTF26aaaaaa0": "TDE"})) as app:
        app.once()
    found = posted(sandbox)
    assert found["ASTRANet", "source", "ZTF26aaaaaa0"]["an_joint"] == "disagree"
    assert found["NEEDLE", "source", "ZTF26aaaaaa0"]["class"] == "TDE"
    assert [r.method for r in sandbox.writes()] == ["PUT", "PUT"]


def test_an_object_is_answered_again_when_asked_for(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as app:
        app.once()
        sandbox.state.annotations = [a for a in sandbox.state.annotations if a.obj_id != "ZTF26aaaaaa0"]
        assert app.once().objects["ok"] == 0
        again(app.store, app.marshal, "ZTF26aaaaaa0", utc_now())
        assert app.once().objects["ok"] == 1
    found = posted(sandbox)
    assert {("NEEDLE", "source", "ZTF26aaaaaa0"), ("ASTRANet", "source", "ZTF26aaaaaa0")} <= set(found)


def test_an_answer_that_does_not_hold_is_taken_back(sandbox, tmp_path):
    with opened(sandbox, tmp_path, overlap_seconds=0) as app:
        app.once()
        del sandbox.state.sources["ZTF26aaaaaa0"]
        sandbox.add_alert(invented("ZTF26aaaaaa1", 300, jd=2461004.5, mag=23.0))
        sandbox.add_alert(invented("ZTF26aaaaaa0", 301, jd=2461004.5))
        with app.store.begin() as unit:
            unit.objects.ask(["ZTF26aaaaaa0", "ZTF26aaaaaa1"], utc_now())
        del sandbox.state.alerts.rows[101], sandbox.state.alerts.rows[201]
        cycle = app.cycle()
        states = states_of(app, "ZTF26aaaaaa0")
    assert cycle.objects == {"gone": 1, "refused": 1}
    assert states["NEEDLE"] == "retracted"
    assert "ZTF26aaaaaa1" not in needle(sandbox)
    assert "an_joint" not in posted(sandbox)["ASTRANet", "source", "ZTF26aaaaaa1"]


def states_of(app: Any, name: str) -> dict[str, str]:
    """What became of the posts on a source, by origin."""
    with app.store.begin() as unit:
        return {p.origin: p.state for p in unit.outbox.at([Place(kind="source", id=name)])}


def test_refusals_are_posted_where_they_are_wanted(sandbox, tmp_path):
    with opened(sandbox, tmp_path, post_refusals=True) as app:
        app.once()
    data = needle(sandbox)["ZTF26aaaaaa4"]
    assert (data["status"], data["reason"], data["n_g"]) == ("refused", "too faint", 0)
    assert "class" not in data


def test_whatever_is_missing_is_a_caveat_and_not_an_error(tmp_path):
    with Sandbox() as sandbox:
        sandbox.add_candidate(sandbox.add_source("nothing", group_ids=()))
        sandbox.add_candidate(sandbox.add_source("ZTF26photom", group_ids=()))
        sandbox.add_photometry("ZTF26photom", mjd=61000.0, mag=18.0, magerr=0.1)
        sandbox.add_candidate(sandbox.add_source("ZTF26nostam", group_ids=()))
        sandbox.add_alert({**invented("ZTF26nostam", 5), **dict.fromkeys(("cutoutScience", "cutoutTemplate"), None)})
        sandbox.add_candidate(sandbox.add_source("ZTF26negati", group_ids=()))
        faded = invented("ZTF26negati", 6)
        sandbox.add_alert({**faded, "candidate": faded["candidate"] | {"isdiffpos": "f"}})
        sandbox.add_candidate(sandbox.add_source("ZTF26broken", group_ids=()))
        sandbox.add_alert(invented("ZTF26broken", 7))
        analyst = FakeObjectAnalyst(fails_on=frozenset({"ZTF26broken"}))
        with opened(sandbox, tmp_path, analyst=analyst) as app:
            cycle = app.once()
            with app.store.begin() as unit:
                found = {f.target_id: f.report for f in unit.reports.every(NEEDLE)}
                parked = unit.queue.parked()
    assert cycle.objects == {"refused": 1, "ok": 3, "parked": 1}
    assert found["nothing"].reason == "no light curve"
    assert {c.code for c in found["ZTF26photom"].caveats} == {"no_cutouts"}
    assert {c.code for c in found["ZTF26nostam"].caveats} == {"bad_image"}
    assert any("only negative" in c.text for c in found["ZTF26negati"].caveats)
    assert [o.target_id for o in parked] == ["ZTF26broken"]
    assert "NaN" in parked[0].reason


def test_a_source_of_alerts_that_talks_nonsense_keeps_no_answer_from_the_marshals_photometry(tmp_path):
    """Nonsense may be a proxy's and is asked about again; at the last attempt it counts as missing."""

    class Nonsense(SkyPortalBroker):
        def alerts(self, target_id: str) -> Any:
            raise BadPayload("alerts: str instead of a list")

        light_curve = alerts

    later = Later()
    with Sandbox() as sandbox, Nonsense(sandbox.url, sandbox.token) as source:
        name = sandbox.add_source("ZTF26photom")
        sandbox.add_photometry(name, mjd=61000.0, mag=18.0, magerr=0.1)
        outcomes: Counter[str] = Counter()
        with opened(sandbox, tmp_path, source=source, clock=later) as app:
            for _ in range(5):
                outcomes += app.cycle().objects
                later.ahead += timedelta(hours=2)
        (found,) = needle(sandbox).values()
    assert outcomes == {"later": 2, "ok": 1}
    assert found["caveats"] == "no_cutouts|no_light_curve"


def test_the_host_that_the_marshal_knows_is_used(sandbox, tmp_path):
    source = sandbox.state.sources["ZTF26aaaaaa1"]
    source.host = {"id": 1, "name": "NGC 1", "ra": source.ra, "dec": source.dec + 1.0 / 3600, "redshift": 0.02}
    analyst = FakeObjectAnalyst()
    with opened(sandbox, tmp_path, analyst=analyst) as app:
        app.once()
    hosts = {e.target.target_id: e.host for e in analyst.seen}
    found = hosts["ZTF26aaaaaa1"]
    assert found.separation_arcsec == pytest.approx(1.0, abs=0.01)
    assert (found.redshift, found.dec_deg, found.mags["r"]) == (0.02, source.host["dec"], 20.0)
    assert hosts["ZTF26aaaaaa0"].ra_deg is None


def test_a_cycle_looks_at_so_many_objects_and_the_next_one_goes_on(sandbox, tmp_path):
    posting, analyst = Posting(group_ids=(6,)), FakeObjectAnalyst()
    with opened(sandbox, tmp_path, dry_run=True) as app:
        app.watch.look(app.settings, app.store, utc_now, bool)
        parts = {"marshal": app.marshal, "source": app.watch.source, "analyst": analyst}
        few = Analysing(producer=ObjectsProducer(**parts, posting=posting), store=app.store, batch_size=2, most=4)
        first, second = few.run(), few.run()
    assert (first["ok"] + first["refused"], first["waiting"]) == (4, 2)
    assert (second["ok"] + second["refused"], second["waiting"]) == (2, 0)


def test_an_archive_is_no_news_until_somebody_saves_it_or_an_alert_comes(tmp_path):
    later = Later()
    with Sandbox() as sandbox:
        for n in range(3):
            sandbox.add_source(f"ZTF26aaaaaa{n}")
            sandbox.state.sources[f"ZTF26aaaaaa{n}"].saves[6].saved_at -= timedelta(days=30)
            sandbox.add_alert(invented(f"ZTF26aaaaaa{n}", 100 + n, jd=2451000.5))
        with opened(sandbox, tmp_path, clock=later, backfill_days=2, sweep_hours=12, overlap_seconds=0) as app:
            assert not app.once().objects
            later.ahead = timedelta(hours=13)
            assert app.once().objects == {"same": 3}  # the sweep asks about each and finds nothing new
            sandbox.add_source("ZTF26aaaaaa0", group_ids=(6, 7))
            sandbox.state.sources["ZTF26aaaaaa0"].saves[6].saved_at = later()
            sandbox.add_alert(invented("ZTF26aaaaaa1", 200, jd=2470000.5))
            assert app.once().objects == {"ok": 1}
            later.ahead = timedelta(hours=26)
            assert app.once().objects == {"ok": 1, "same": 2}


def test_what_is_taken_from_the_group_is_looked_at_once_more(sandbox, tmp_path):
    later = Later()
    with opened(sandbox, tmp_path, clock=later, sweep_hours=12) as app:
        app.once()
        del sandbox.state.sources["ZTF26aaaaaa1"]
        later.ahead = timedelta(hours=13)
        cycle = app.once()
        assert cycle.objects["gone"] == 1
        assert states_of(app, "ZTF26aaaaaa1")["NEEDLE"] == "retracted"


@pytest.mark.parametrize("kind", ["boom", "avro", "kafka"])
def test_every_source_leaves_the_same_annotations(kind, sandbox, tmp_path, undisturbed):
    folder = tmp_path / "alerts"
    folder.mkdir()
    if kind == "kafka":
        cluster, topic = MockCluster(), "babamul.ztf"
        cluster.send(topic, *(record(p) for p in packets()))
        source: Any = kafka(cluster, topic, folder)
    else:
        for packet in packets():
            (folder / f"{packet['candid']}.avro").write_bytes(record(packet))
        source = source_of(kind, sandbox.url, sandbox.token, folder)
    with opened(sandbox, tmp_path, source=source) as app:
        cycle = app.once()
        if kind == "kafka":  # the first look at the lists makes the objects watched, the feed comes after it
            assert cycle.objects == {"ok": 5, "refused": 1}
        assert posted(sandbox) == undisturbed
        sandbox.forget_requests()
        app.once()
        assert sandbox.writes() == []


def kafka(cluster: MockCluster, topic: str, folder: Path) -> SpooledAlerts:
    from iris_client.brokers.kafka import KafkaAlerts

    options = {"session.timeout.ms": 6000}  # the mock notices only so that a member has left
    stream = KafkaAlerts.connect(cluster.servers, [topic], group="astranet", options=options, most=3)
    return SpooledAlerts(stream, folder)


@pytest.mark.slow
def test_a_stream_is_read_on_after_a_restart_and_nothing_is_lost_or_done_twice(tmp_path):
    cluster, topic, folder = MockCluster(), "babamul.ztf", tmp_path / "alerts"
    name = "ZTF26aaaaaa0"
    with Sandbox() as sandbox:
        sandbox.add_source(name)
        cluster.send(topic, record(invented(name, 1, jd=2461000.5)), record(invented("ZTF26nobody0", 2)))
        with opened(sandbox, tmp_path, source=kafka(cluster, topic, folder), overlap_seconds=0) as app:
            until(lambda: app.once().objects["ok"] == 1)
        assert len(list(folder.rglob("*.avro"))) == 1  # what nobody watches is not kept
        cluster.send(topic, record(invented(name, 3, jd=2461003.5, epochs=9)), b"rubbish")
        source = kafka(cluster, topic, folder)

        def die_when_received() -> None:
            if len(source.alerts(name)) == 2:
                raise KeyboardInterrupt

        source.seen = die_when_received  # before the offsets are committed
        with opened(sandbox, tmp_path, source=source, overlap_seconds=0) as app, pytest.raises(KeyboardInterrupt):
            until(lambda: app.once() is None)
        with opened(sandbox, tmp_path, source=kafka(cluster, topic, folder), overlap_seconds=0) as app:
            assert app.once().objects == {"ok": 1}
            sandbox.forget_requests()
            app.once()
        assert sandbox.writes() == []
        assert needle(sandbox)[name]["n_g"] > 7


def until(done: Callable[[], bool]) -> None:
    """A new consumer may have to wait for its turn."""
    for _ in range(8):
        if done():
            return
    pytest.fail("eight times in vain")


FAULTS = (FaultKind.RESET, FaultKind.RATE_LIMIT, FaultKind.BAD_GATEWAY, FaultKind.TRUNCATED, FaultKind.SHORT_BODY,
          FaultKind.HTML, FaultKind.WRONG_TYPES, FaultKind.SERVER_ERROR)  # fmt: skip


@pytest.mark.parametrize("kind", ["marshal", "boom"])
def test_three_in_ten_calls_go_wrong_and_the_end_is_the_same(kind, sandbox, tmp_path, undisturbed):
    later = Later()
    sandbox.faults = FaultPlan(rates=dict.fromkeys(FAULTS, 0.3 / len(FAULTS)), seed=5)
    source = source_of(kind, sandbox.url, sandbox.token, tmp_path)
    with opened(sandbox, tmp_path, source=source, clock=later) as app:
        for _ in range(40):
            cycle = app.once(retry_parked=True)
            later.ahead += timedelta(hours=2)
            with app.store.begin() as unit:
                if cycle.complete and not unit.outbox.count("pending"):
                    break
        else:
            pytest.fail("forty cycles in vain")
        struck = sum(status in (0, 429, 500, 502) for _, _, status in sandbox.requests)
        sandbox.faults = None
        with app.store.begin() as unit:  # a caveat about a fault may stay until the next alert; the marshal must agree
            caveats = {c.code for f in unit.reports.every(NEEDLE) for c in f.report.caveats}
        assert posted(sandbox) == undisturbed
        sandbox.forget_requests()
        app.once()
        assert sandbox.writes() == []
    assert struck > 10
    assert caveats <= {"bad_image"}


STEPS = [
    ("plugin.store.objects:Objects.ask", 1),  # watched, not yet due
    ("plugin.store.queue:Queue.claim", 2),  # due, nothing claimed
    ("plugin.cycle.objects.gather:Gathering.gather", 3),  # in the middle of a claimed batch
    ("tests.fakes.objects:FakeObjectAnalyst.run", 2),  # in the models
    ("plugin.store.reports:Reports.put", 2),  # finished, no report yet: not committed
    ("plugin.store.outbox:Outbox.enqueue", 2),  # report inserted, its post not yet
    ("plugin.app:App._deliver", 1),  # everything filed, nothing sent
    ("iris_client.marshal.annotations:Annotations._add", 4),  # about to post
    ("plugin.store.outbox:Outbox.sent", 6),  # posted, not written down
]


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_kill_anywhere_then_another_cycle(step, number, sandbox, tmp_path, undisturbed):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([needle_service.__name__])
    given = (step, number, sandbox.url, sandbox.token, tmp_path)
    process = context.Process(target=needle_service.cycle_and_die, args=given)
    process.start()
    process.join(timeout=240)
    assert process.exitcode == -signal.SIGKILL
    with opened(sandbox, tmp_path) as app:
        assert app.once().complete
    assert posted(sandbox) == undisturbed
    sandbox.forget_requests()
    with opened(sandbox, tmp_path) as app:
        app.once()
    assert sandbox.writes() == []


def test_requests_grow_with_what_is_new_and_not_with_what_is_watched(tmp_path):
    costs: dict[tuple[int, int], int] = {}
    with Sandbox() as sandbox:
        for size in (20, 200):
            for n in range(len(sandbox.state.sources), size):
                sandbox.add_source(f"ZTF26a{n:06d}")
                sandbox.state.sources[f"ZTF26a{n:06d}"].saves[6].saved_at -= timedelta(days=30)
            with opened(sandbox, tmp_path, backfill_days=2, overlap_seconds=0) as app:
                app.once()
                for new in (0, 3):
                    for n in range(size - new, size):
                        sandbox.add_alert(invented(f"ZTF26a{n:06d}", n, jd=2470000.5))
                        sandbox.add_candidate(f"ZTF26a{n:06d}")
                    sandbox.forget_requests()
                    assert app.once().objects["ok"] == new
                    costs[size, new] = len([r for r in sandbox.requests if r.method == "GET"])
    assert costs[20, 0] == costs[200, 0] <= 4
    assert costs[20, 3] == costs[200, 3] <= 4 + 3 * 13
