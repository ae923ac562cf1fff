"""Alerts from BOOM's Kafka topics (its filters' results, and Babamul's public streams). Needs the extra `boom`.

    source = KafkaAlerts.connect("kaboom.caltech.edu:9093", ["babamul.ztf.no-lsst-match.hosted"], username=..., ...)
    new = source.receive()
    ...                     # store what is new
    source.commit()         # only then is it done: killed before, the same alerts come again

Each alert is given out once however often it is delivered.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from iris_client.brokers.avro import read_packets
from iris_client.brokers.kept import MOST, AlertCache
from iris_client.brokers.records import from_stream
from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, UpstreamError
from iris_client.protocols import Alert, AlertStub
from models.domain import LightCurve

_WAIT_S: Final = 0.5
_PROBE_S: Final = 15.0
_MOST_REJECTED: Final = 1000
_COMMIT_S: Final = 60.0
_LEAVE_S: Final = 20.0


class KafkaAlerts:
    """A `protocols.CutoutSource` of what has been received so far.

    Parameters
    ----------
    consumer : confluent_kafka.Consumer
        Subscribed, and without automatic commits. `connect` makes one.
    """

    def __init__(self, consumer: Any, topics: Sequence[str] = (), *, most: int = MOST) -> None:
        self._consumer, self._topics = consumer, tuple(topics)
        self.keep: Callable[[Alert, bytes], None] | None = None
        """Who is given each alert with the message it came in, when it is new."""
        self._cache = AlertCache(most)
        self.rejected: list[tuple[str, str]] = []
        """Messages that are no alerts: topic, partition and offset, and why. The latest thousand."""

    @classmethod
    def connect(
        cls,
        servers: str,
        topics: Sequence[str],
        *,
        group: str,
        username: str | None = None,
        password: str | None = None,
        mechanism: str = "SCRAM-SHA-512",
        protocol: str = "SASL_PLAINTEXT",
        from_start: bool = True,
        options: Mapping[str, Any] | None = None,
        most: int = MOST,
    ) -> Self:
        """Subscribe to topics.

        Parameters
        ----------
        group : str
            Consumers of one group share the work; Babamul's must start with `babamul-`.
        from_start : bool
            Where a new group begins: with the oldest message kept, or with the next.
        options : mapping, optional
            Further settings of librdkafka, such as `ssl.ca.location`.
        most : int
            How many alerts are kept in memory, to be asked for and to be recognised when they come again.

        Raises
        ------
        Refused
            If confluent-kafka is not installed, or does not accept the settings.
        """
        more = dict(options or {})
        if username is not None:
            account = {"security.protocol": protocol, "sasl.mechanism": mechanism}
            more = {**account, "sasl.username": username, "sasl.password": password or "", **more}
        consumer = make_consumer(servers, topics, group=group, from_start=from_start, options=more)
        return cls(consumer, topics, most=most)

    def receive(self, *, most: int = 500, patience_s: float = 5.0) -> list[Alert]:
        """Take what has arrived, each alert once; empty when nothing comes within `patience_s`.

        Raises
        ------
        Unavailable
            If the cluster cannot be reached.
        Refused
            If it does not let us in.
        """
        new: list[Alert] = []
        end = time.monotonic() + patience_s
        while len(new) < most and (left := end - time.monotonic()) > 0:
            message = self._consumer.poll(min(left, _WAIT_S))
            if message is None:
                if new:
                    break
                continue
            if message.error() is not None:
                judge(message.error())
                continue
            new += [found for found in self._read(message) if self._is_new(found, message)]
        return new

    def _is_new(self, found: Alert, message: Any) -> bool:
        if not self._cache.add(found):
            return False
        if self.keep is not None:
            self.keep(found, bytes(message.value()))
        return True

    def commit(self) -> None:
        """Tell the cluster that all that was received is done.

        Raises
        ------
        Unavailable
            If it cannot be told; the messages will come again, and be given out once all the same.
        """
        commit(self._consumer)

    def close(self) -> None:
        """Leave the group."""
        leave(self._consumer)

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object received so far, oldest first."""
        return self._cache.alerts(target_id)

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert received before; raises `NotFound` when it was not."""
        return self._cache.alert(target_id, candid)

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of an object from what has been received so far; None when there is none."""
        return self._cache.light_curve(target_id)

    def probe(self) -> str:
        """Whether the cluster is there and has the topics.

        Raises
        ------
        Unavailable
            If it cannot be reached.
        NotFound
            If it has none of the topics.
        """
        return topics_there(self._consumer, self._topics)

    def _read(self, message: Any) -> list[Alert]:
        try:
            return [from_stream(record) for record in read_packets(bytes(message.value() or b""))]
        except BadPayload as error:
            place = f"{message.topic()}/{message.partition()}/{message.offset()}"
            self.rejected = [*self.rejected[1 - _MOST_REJECTED :], (place, str(error))]
            return []


def make_consumer(
    servers: str,
    topics: Sequence[str],
    *,
    group: str,
    from_start: bool = True,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Make a `confluent_kafka.Consumer` that is subscribed and commits only when it is told to.

    Raises
    ------
    Refused
        If confluent-kafka is not installed, or does not accept the settings.
    """
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError:
        raise Refused("alerts over Kafka need confluent-kafka: install the extra [boom]") from None
    settings: dict[str, Any] = {
        "bootstrap.servers": servers,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest" if from_start else "latest",
    }
    try:
        consumer = Consumer(settings | dict(options or {}))
        consumer.subscribe(list(topics))
    except (KafkaException, ValueError, TypeError) as error:
        raise Refused(f"Kafka: {error}", secrets=(str((options or {}).get("sasl.password", "")),)) from None
    return consumer


def commit(consumer: Any) -> None:
    """Tell the cluster that all that was received is done; raises `Unavailable` if it cannot be told."""
    from confluent_kafka import KafkaError, KafkaException

    try:
        _bounded(consumer, lambda: consumer.commit(asynchronous=False), _COMMIT_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError._NO_OFFSET:
            raise Unavailable(f"Kafka: {error.args[0].str()}") from None
    except TimeoutError:
        raise Unavailable(f"Kafka: what was received could not be committed within {_COMMIT_S:g} s") from None


def leave(consumer: Any) -> None:
    """Leave the group; a cluster that does not answer finds out by itself, when the session ends."""
    with suppress(TimeoutError):
        _bounded(consumer, consumer.close, _LEAVE_S)


def _bounded(consumer: Any, work: Callable[[], object], seconds: float) -> None:
    """Do what may wait without end inside the library, where not even a signal is heard.

    Raises
    ------
    TimeoutError
        If it takes longer, or what was begun for this consumer before has not come back yet: one waits, never many.
    """
    name, failed = f"kafka {id(consumer)}", list[BaseException]()
    if any(thread.name == name for thread in threading.enumerate()):
        raise TimeoutError

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=guarded, daemon=True, name=name)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise failed[0]


def topics_there(consumer: Any, topics: Sequence[str]) -> str:
    """Which of these topics the cluster has.

    Raises
    ------
    Unavailable
        If it cannot be reached.
    NotFound
        If it has none of them.
    """
    from confluent_kafka import KafkaException

    try:
        there = set(consumer.list_topics(timeout=_PROBE_S).topics)
    except KafkaException as error:
        raise Unavailable(f"Kafka: {error.args[0].str()}") from None
    found = sorted(set(topics) & there)
    if topics and not found:
        raise NotFound(f"Kafka: no topic {', '.join(topics)}")
    return f"Kafka topics {', '.join(found)}"


def judge(error: Any) -> None:
    """Raise what an event of the client means; those it mends itself are let pass."""
    from confluent_kafka import KafkaError

    kind: type[UpstreamError] | None = {
        KafkaError._PARTITION_EOF: None,
        KafkaError._TRANSPORT: None,
        KafkaError.UNKNOWN_TOPIC_OR_PART: NotFound,
        KafkaError.TOPIC_AUTHORIZATION_FAILED: Refused,
        KafkaError.GROUP_AUTHORIZATION_FAILED: Refused,
        KafkaError._AUTHENTICATION: Refused,
    }.get(error.code(), Unavailable)
    if kind is not None:
        raise kind(f"Kafka: {error.str()}")
