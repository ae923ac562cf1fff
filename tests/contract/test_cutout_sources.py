"""What every `CutoutSource` promises, checked on each of them with the same alerts."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iris_client.brokers.avro import read_alert
from iris_client.brokers.http import Boom, SkyPortalBroker
from iris_client.brokers.kafka import KafkaAlerts
from iris_client.brokers.kept import AlertCache, AvroFolder
from iris_client.brokers.lasair.budget import HourlyBudget
from iris_client.brokers.lasair.calls import LasairCalls
from iris_client.brokers.lasair.client import Lasair
from iris_client.errors import NotFound
from iris_client.http.pacer import Pacer
from iris_client.protocols import Alert, AlertFeed, AlertSource, CutoutSource, PhotometrySource
from models.domain import CaveatCode
from plugin.sandbox import Sandbox
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.brokers.boom import PASSWORD, USERNAME
from plugin.sandbox.brokers.lasair import TOKEN
from tests.fakes.kafka import MockCluster, record

NAME, OTHER = "ZTF26aaaaaab", "ZTF26aaaaaac"
TOPIC = "babamul.ztf.no-lsst-match.hosted"


def packets() -> list[dict]:
    broken = {**invented(OTHER, 7, jd=2461003.5, fid=2), "cutoutTemplate": b"\xff\xd8no image"}
    return [invented(NAME, 12, jd=2461002.5, mag=18.5, epochs=0), invented(NAME, 11, jd=2461000.5, epochs=0), broken]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as marshal:
        for packet in packets():
            marshal.add_alert(packet)
            sherlock = {"classification": "SN", "separationArcsec": 1.5, "catalogue_table_name": "PS1", "z": 0.05}
            marshal.lasair.sherlock[packet["objectId"]] = sherlock
        yield marshal


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("alerts")
    for packet in packets():
        (place / f"{packet['candid']}.avro").write_bytes(record(packet))
    return place


@pytest.fixture(scope="module", params=["skyportal", "boom", "avro folder", "kafka", "memory", "lasair"])
def source(request, sandbox, folder) -> Iterator[CutoutSource]:
    pacer = Pacer(1000, 1000)
    if request.param == "skyportal":
        with SkyPortalBroker(sandbox.url, sandbox.token, pacer=pacer) as client:
            yield client
    elif request.param == "boom":
        with Boom(f"{sandbox.url}/boom", USERNAME, PASSWORD, pacer=pacer) as client:
            yield client
    elif request.param == "lasair":
        calls = LasairCalls(f"{sandbox.url}/lasair/api", TOKEN, budget=HourlyBudget(10**9))
        with Lasair(calls, pacer=pacer) as broker:
            yield broker
    elif request.param == "avro folder":
        yield AvroFolder(folder)
    elif request.param == "memory":
        cache = AlertCache()
        for path in folder.iterdir():
            cache.add(read_alert(path))
        yield cache
    else:
        cluster = MockCluster()
        cluster.send(TOPIC, *(record(p) for p in packets()))
        stream = KafkaAlerts.connect(cluster.servers, [TOPIC], group="babamul-test")
        assert len(stream.receive(most=3, patience_s=20)) == 3
        stream.commit()
        yield stream
        stream.close()


def same(one: Alert, other: Alert) -> bool:
    arrays = [(getattr(one.cutouts, k), getattr(other.cutouts, k)) for k in ("science", "template", "difference")]
    curves = [(getattr(one.light_curve, k), getattr(other.light_curve, k)) for k in ("mjd", "mag", "limit_mag")]
    rest = [(a.target, a.host, a.positive, a.caveats) for a in (one, other)]
    return (
        all((a is None) == (b is None) and (a is None or np.array_equal(a, b)) for a, b in arrays)
        and all(np.allclose(a, b, equal_nan=True) for a, b in curves)
        and one.light_curve.band == other.light_curve.band
        and rest[0] == rest[1]
    )


def test_it_is_a_cutout_source(source):
    assert isinstance(source, CutoutSource)
    assert isinstance(source, PhotometrySource)


def test_it_says_whether_it_works(source):
    if isinstance(source, AlertCache):
        pytest.skip("memory needs no asking")
    assert isinstance(source, AlertSource)
    assert source.probe()


def test_the_light_curve_of_an_object_is_that_of_all_its_alerts(source):
    curve = source.light_curve(NAME)
    assert curve.mjd.tolist() == [61000.0, 61002.0]
    assert curve.mag.tolist() == pytest.approx([19.0, 18.5])
    assert curve.band == ("g", "g")
    assert (curve.is_limit == 0).all()


def test_an_unknown_object_has_no_light_curve(source):
    assert source.light_curve("ZTF99zzzzzzz") is None


def test_alerts_come_oldest_first_and_once_each(source):
    found = source.alerts(NAME)
    assert [stub.candid for stub in found] == ["11", "12"]
    assert [stub.mjd for stub in found] == [61000.0, 61002.0]
    assert [(stub.target_id, stub.band, stub.positive) for stub in found] == [(NAME, "g", True)] * 2
    assert found[1].mag == pytest.approx(18.5)


def test_an_unknown_object_has_no_alerts(source):
    assert list(source.alerts("ZTF99zzzzzzz")) == []


def test_an_alert_has_its_stamps_and_its_light_curve(source):
    found = source.alert(NAME, "12")
    assert found.target.target_id == NAME
    assert (found.target.ra_deg, found.target.dec_deg) == (150.0, 20.0)
    assert found.cutouts.candid == "12"
    assert found.cutouts.science.shape == (63, 63)
    assert np.unravel_index(np.argmax(found.cutouts.difference), (63, 63)) == (31, 31)
    assert found.light_curve.mag[-1] == pytest.approx(18.5)
    if isinstance(source, Lasair):  # it has Sherlock in place of the survey's nearest source
        around = source.surroundings(NAME)
        assert (around.sherlock, around.host.separation_arcsec, around.host.redshift) == ("SN", 1.5, 0.05)
        return
    assert found.host.separation_arcsec == 1.5
    assert found.star_score == pytest.approx(0.1)


def test_a_stamp_that_cannot_be_read_has_a_reason(source):
    found = source.alert(OTHER, "7")
    assert found.cutouts.template is None
    assert found.cutouts.science is not None
    assert any("template stamp" in c.text for c in found.caveats)


def test_the_history_is_there_once_each_and_sorted(source):
    curve = source.alert(OTHER, "7").light_curve
    assert curve.mjd.size == 7
    assert (np.diff(curve.mjd) > 0).all()
    assert not math.isnan(curve.mag.sum())


def test_what_is_not_there_is_not_found(source):
    for name, candid in ((NAME, "99"), ("ZTF99zzzzzzz", "11"), (OTHER, "11"), (NAME, "no number")):
        with pytest.raises(NotFound):
            source.alert(name, candid)


def test_all_sources_give_the_same_alert(source, folder):
    found, wanted = source.alert(OTHER, "7"), read_alert(folder / "7.avro")
    if isinstance(source, Lasair):  # it gives neither the survey's nearest source nor the limits of detections
        caveats = tuple(c for c in found.caveats if c.code is not CaveatCode.NO_HOST)
        curve = replace(found.light_curve, limit_mag=wanted.light_curve.limit_mag)
        found = replace(found, host=wanted.host, light_curve=curve, caveats=caveats)
    assert same(found, wanted)


def test_a_feed_tells_of_the_wanted_objects_only(source):
    if not isinstance(source, AlertFeed):
        pytest.skip("this source is asked about each object")
    source.seen()
    if isinstance(source, Lasair):  # its table of objects has the time of the last alert and not its number
        told = source.news([NAME, "ZTF99zzzzzzz"], since_mjd=61001.0)
        assert [(stub.target_id, stub.mjd) for stub in told] == [(NAME, 61002.0)]
        assert {stub.target_id for stub in source.news([NAME, OTHER], since_mjd=60000.0)} == {NAME, OTHER}
        assert source.news([], since_mjd=60000.0) == []
        return
    assert [stub.candid for stub in source.news([NAME, "ZTF99zzzzzzz"], since_mjd=61001.0)] == ["12"]
    assert {stub.candid for stub in source.news([NAME, OTHER], since_mjd=60000.0)} == {"7", "11", "12"}
    assert source.news([], since_mjd=60000.0) == []


def test_a_folder_tells_of_files_that_come_later(folder):
    feed = AvroFolder(folder)
    feed.news([NAME], since_mjd=61500.0)
    feed.seen()
    late = folder / "late" / "13.avro"
    late.parent.mkdir()
    late.write_bytes(record(invented(NAME, 13, jd=2460990.5, epochs=0))[:100])  # half written
    assert feed.news([NAME], since_mjd=61500.0) == []
    late.write_bytes(record(invented(NAME, 13, jd=2460990.5, epochs=0)))
    assert [stub.candid for stub in feed.news([NAME], since_mjd=61500.0)] == ["13"]
    assert feed.rejected == []
    feed.seen()
    assert feed.news([NAME], since_mjd=61500.0) == []
    late.unlink()
