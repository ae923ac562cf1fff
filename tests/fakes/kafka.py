"""librdkafka's own mock cluster, and records as BOOM writes them."""

import io
from collections.abc import Mapping
from typing import Any

import fastavro
from confluent_kafka import Producer

_NUMBER = ["null", "double"]
_ROW = {
    "type": "record",
    "name": "row",
    "fields": [
        *({"name": n, "type": _NUMBER, "default": None} for n in ("jd", "magpsf", "sigmapsf", "diffmaglim")),
        *({"name": n, "type": _NUMBER, "default": None} for n in ("psfFlux", "psfFluxErr", "ra", "dec")),
        *({"name": n, "type": _NUMBER, "default": None} for n in ("xpos", "ypos", "sgscore1", "distpsnr1")),
        *({"name": n, "type": _NUMBER, "default": None} for n in ("sgmag1", "srmag1", "simag1", "szmag1")),
        {"name": "band", "type": ["null", "string"], "default": None},
        {"name": "isdiffpos", "type": ["null", "string"], "default": None},
    ],
}
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "EnrichedZtfAlert",
        "fields": [
            {"name": "candid", "type": "long"},
            {"name": "objectId", "type": "string"},
            {"name": "candidate", "type": _ROW},
            *({"name": n, "type": {"type": "array", "items": "row"}} for n in ("prv_candidates", "fp_hists")),
            *({"name": n, "type": ["null", "bytes"]} for n in ("cutoutScience", "cutoutTemplate", "cutoutDifference")),
        ],
    }
)


def record(packet: Mapping[str, Any], codec: str = "null") -> bytes:
    """A packet as an Avro container file, as it travels over Kafka and lies on disk."""
    buffer = io.BytesIO()
    fastavro.writer(buffer, SCHEMA, [dict(packet)], codec=codec)
    return buffer.getvalue()


class MockCluster:
    """A Kafka cluster inside this process, as long as it is open."""

    def __init__(self) -> None:
        quiet = {"log_level": 0}
        self._producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "unused", **quiet})
        brokers = self._producer.list_topics(timeout=10).brokers.values()
        self.servers = ",".join(f"{b.host}:{b.port}" for b in brokers)

    def send(self, topic: str, *messages: bytes) -> None:
        """Put messages into a topic."""
        for message in messages:
            self._producer.produce(topic, message, partition=0)  # one partition keeps them in order
        left = self._producer.flush(10)
        assert left == 0, f"{left} messages were not taken"
