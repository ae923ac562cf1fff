"""Alerts over Kafka, on librdkafka's own mock cluster."""

import threading
import time

import pytest

from iris_client.brokers import kafka
from iris_client.brokers.kafka import KafkaAlerts
from iris_client.brokers.records import from_stream
from iris_client.errors import BadPayload, Refused, Unavailable
from plugin.sandbox.brokers.alerts import invented
from tests.fakes.kafka import MockCluster, record

TOPIC = "babamul.ztf.no-lsst-match.hosted"


@pytest.fixture(scope="module")
def cluster() -> MockCluster:
    return MockCluster()


def drained(stream: KafkaAlerts, count: int) -> list[str]:
    return [found.cutouts.candid for found in stream.receive(most=count, patience_s=20)]


def test_what_was_not_committed_comes_again_and_what_was_does_not(cluster):
    topic, options = "again", {"session.timeout.ms": 6000}  # the mock notices only so that a member has left
    cluster.send(topic, *(record(invented("ZTF26aaa", n), codec="snappy") for n in range(1, 6)))
    first = KafkaAlerts.connect(cluster.servers, [topic], group="again", options=options)
    assert drained(first, 2) == ["1", "2"]
    first.commit()
    assert drained(first, 3) == ["3", "4", "5"]
    first.close()  # as if killed before the second commit
    second = KafkaAlerts.connect(cluster.servers, [topic], group="again", options=options)
    assert drained(second, 3) == ["3", "4", "5"]
    second.close()


def test_the_same_alert_twice_is_given_out_once_and_rubbish_has_a_reason(cluster):
    topic = "twice"
    good = record(invented("ZTF26aaa", 1))
    cluster.send(topic, good, b"rubbish", good, good[: len(good) // 2], record(invented("ZTF26aaa", 2)))
    stream = KafkaAlerts.connect(cluster.servers, [topic], group="twice")
    assert drained(stream, 2) == ["1", "2"]
    assert [place for place, _ in stream.rejected] == [f"{topic}/0/1", f"{topic}/0/3"]
    assert all("Avro" in why for _, why in stream.rejected)
    stream.commit()
    stream.close()


class Silent:
    """A consumer whose cluster does not answer."""

    def __init__(self) -> None:
        self.asked, self.answer = 0, threading.Event()

    def commit(self, *, asynchronous: bool) -> None:
        self.asked += 1
        self.answer.wait(20)

    def close(self) -> None:
        self.asked += 1
        self.answer.wait(20)


def test_a_cluster_that_does_not_answer_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(kafka, "_COMMIT_S", 0.2)
    monkeypatch.setattr(kafka, "_LEAVE_S", 0.2)
    silent = Silent()
    stream = KafkaAlerts(silent)
    for _ in range(3):  # a cycle after the other, and one thread waits for all of them
        with pytest.raises(Unavailable, match=r"could not be committed within 0\.2 s"):
            stream.commit()
    assert silent.asked == 1
    begun = time.monotonic()
    stream.close()
    assert time.monotonic() - begun < 10.0
    silent.answer.set()
    (waiting,) = [thread for thread in threading.enumerate() if thread.name == f"kafka {id(silent)}"] or [None]
    if waiting is not None:
        waiting.join(10)
    stream.commit()
    assert silent.asked == 2


def test_wrong_settings_are_refused_without_the_password():
    with pytest.raises(Refused) as caught:
        KafkaAlerts.connect(
            "localhost:1", [TOPIC], group="g", username="me", password="s3cret-word", mechanism="NONSENSE"
        )
    assert "s3cret-word" not in str(caught.value)


def test_a_filter_result_has_its_fluxes_read():
    flux = 1e9 * 10 ** (-0.4 * (19.0 - 23.9))
    points = [
        {"jd": 2461000.5, "band": "g", "flux": flux, "flux_err": flux / 20},
        {"jd": 2460998.5, "band": "r", "flux": None, "flux_err": flux / 20},
        {"jd": 2460990.5, "band": "r", "flux": -99999.0, "flux_err": flux / 20},
    ]
    result = {"objectId": "ZTF26aaa", "candid": 9, "jd": 2461000.5, "survey": "Ztf", "photometry": points}
    found = from_stream(result)
    assert found.light_curve.mag[-1] == pytest.approx(19.0)
    assert list(found.light_curve.is_limit) == [1, 1, 0]
    assert (found.cutouts.band, found.cutouts.mjd) == ("g", 61000.0)


def test_a_record_that_is_neither_is_refused():
    with pytest.raises(BadPayload):
        from_stream({"hello": 1})
