"""Alerts of watched objects from Kafka, kept in a folder: what was received outlives the process."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from iris_client.brokers.kafka import KafkaAlerts
from iris_client.brokers.kept import AvroFolder
from iris_client.protocols import Alert, AlertStub
from models.domain import LightCurve


class SpooledAlerts:
    """A `protocols.AlertSource` and `AlertFeed`: the stream is read into the folder, and the folder is asked.

    The stream's offsets are committed by `seen`, when files are written and tasks are stored: killed before, the same
    messages come again and the same files are written again.

    Parameters
    ----------
    stream : KafkaAlerts
    folder : Path
        Made if needed. Alerts of objects that nobody watches are not kept.
    everything : bool
        True: all are kept, whoever watches.
    """

    def __init__(self, stream: KafkaAlerts, folder: Path, *, everything: bool = False) -> None:
        self._everything = everything
        folder.mkdir(parents=True, exist_ok=True)
        self._stream, self._folder, self._place = stream, AvroFolder(folder), folder
        self._wanted: frozenset[str] = frozenset()
        stream.keep = self._keep

    def close(self) -> None:
        """Leave the group."""
        self._stream.close()

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object that were kept, oldest first."""
        return self._folder.alerts(target_id)

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert that was kept; raises `NotFound` when it was not."""
        return self._folder.alert(target_id, candid)

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of an object from the alerts that were kept."""
        return self._folder.light_curve(target_id)

    def news(self, target_ids: Collection[str], *, since_mjd: float) -> list[AlertStub]:
        """Receive what has arrived, keep what is of these objects, and tell of it."""
        self._wanted = frozenset(target_ids)
        self._receive()
        return self._folder.news(target_ids, since_mjd=since_mjd)

    def passed(self, cursor: str | None, *, since_mjd: float) -> tuple[list[AlertStub], str]:
        """Receive what has arrived and tell of all of it; of nothing, where only some is kept."""
        if not self._everything:
            return [], cursor or ""
        self._receive()
        return self._folder.passed(cursor, since_mjd=since_mjd)

    def seen(self) -> None:
        """Tell the cluster that all that was received is done."""
        self._stream.commit()
        self._folder.seen()

    def probe(self) -> str:
        """Whether the cluster is there and has the topics; and what is kept."""
        return f"{self._stream.probe()}; {self._folder.probe()}"

    def _receive(self) -> None:
        while self._stream.receive():
            continue

    def _keep(self, found: Alert, message: bytes) -> None:
        """Write a message as a file, whole or not at all."""
        name = found.target.target_id
        if not self._everything and name not in self._wanted:
            return
        # Names come from a server: a digest is a file name on every system, and cannot lead out of the folder.
        digest = hashlib.sha256(f"{name} {found.cutouts.candid}".encode()).hexdigest()
        path = self._place / digest[:2] / f"{digest[:32]}.avro"
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(message)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
