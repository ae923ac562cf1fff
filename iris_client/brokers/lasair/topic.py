"""A Lasair topic over Kafka: JSON records, of which name and time are read. Needs the extra `boom`."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final, Self

from iris_client.brokers.kafka import commit, judge, leave, make_consumer, topics_there

_WAIT_S: Final = 0.5
_MOST_REJECTED: Final = 1000


class LasairTopic:
    """The records of a topic, each delivered at least once.

    Parameters
    ----------
    consumer : confluent_kafka.Consumer
        Subscribed, and without automatic commits. `connect` makes one.
    """

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer, self._topic = consumer, topic
        self.rejected: list[tuple[str, str]] = []
        """Records that say nothing: topic, partition and offset, and why. The latest thousand."""

    @classmethod
    def connect(cls, servers: str, topic: str, *, group: str) -> Self:
        """Subscribe, from the oldest record that is kept; Lasair's cluster asks for no account.

        Raises
        ------
        Refused
            If confluent-kafka is not installed, or does not accept the settings.
        """
        return cls(make_consumer(servers, [topic], group=group), topic)

    def receive(self, *, most: int = 100_000, patience_s: float = 5.0) -> list[tuple[str, str]]:
        """Take what has arrived: name and time (UTC text) of each record; empty when nothing comes in time.

        Raises
        ------
        Unavailable, Refused, NotFound
            If the cluster cannot be reached, does not let us in, or has no such topic.
        """
        found: list[tuple[str, str]] = []
        end = time.monotonic() + patience_s
        while len(found) < most and (left := end - time.monotonic()) > 0:
            message = self._consumer.poll(min(left, _WAIT_S))
            if message is None:
                if found:
                    break
                continue
            if message.error() is not None:
                judge(message.error())
            elif (record := self._read(message)) is not None:
                found.append(record)
                end = time.monotonic() + patience_s
        return found

    def commit(self) -> None:
        """Tell the cluster that all that was received is done; raises `Unavailable` if it cannot be told."""
        commit(self._consumer)

    def close(self) -> None:
        """Leave the group."""
        leave(self._consumer)

    def probe(self) -> str:
        """Whether the cluster is there and has the topic; raises `UpstreamError` if not."""
        return topics_there(self._consumer, [self._topic])

    def _read(self, message: Any) -> tuple[str, str] | None:
        try:
            row = json.loads(bytes(message.value() or b""))
            if not isinstance(row, Mapping):
                raise ValueError(f"{type(row).__name__} instead of an object")
            name, when = row.get("objectId", row.get("diaObjectId")), row.get("UTC")
            if not isinstance(name, str | int) or not isinstance(when, str):
                raise ValueError("no objectId or no UTC")
        except (ValueError, RecursionError) as error:
            place = f"{message.topic()}/{message.partition()}/{message.offset()}"
            self.rejected = [*self.rejected[1 - _MOST_REJECTED :], (place, str(error)[:200])]
            return None
        return str(name), when[:19]
