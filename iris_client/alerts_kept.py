"""Alerts that are here already, in a folder of Avro files or in memory, as a `protocols.CutoutSource`."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from iris_client.alert import alert as to_alert
from iris_client.alerts_avro import read_packets
from iris_client.brokers import candid_of, stub, survey_of
from iris_client.errors import BadPayload, NotFound
from iris_client.protocols import Alert, AlertStub

_MOST: Final = 100_000

Packet = Mapping[str, Any]


class AvroFolder:
    """The packets of a folder and of those in it. It is read once; packets are decoded when they are asked for.

    Parameters
    ----------
    folder : Path
        With files `*.avro`.

    Raises
    ------
    NotFound
        If there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotFound(f"no folder {folder.name}")
        self.rejected: list[tuple[str, str]] = []
        """Files that cannot be read, and why."""
        self._where: dict[tuple[str, str], Path] = {}
        self._stubs: dict[str, dict[str, AlertStub]] = {}
        for path in sorted(folder.rglob("*.avro")):
            self._note(path)

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object, each once, oldest first; empty when there are none."""
        return _oldest_first(self._stubs.get(target_id, {}).values())

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert with stamps and history; raises `NotFound` when there is no such alert of this object."""
        path = self._where.get((target_id, candid))
        for packet in read_packets(path) if path is not None else ():
            if str(packet.get("objectId")) == target_id and candid_of(packet) == candid:
                return to_alert(packet, survey=survey_of(target_id))
        raise NotFound(f"no alert {candid} of {target_id} in the folder")

    def target_ids(self) -> list[str]:
        """Every object in the folder."""
        return sorted(self._stubs)

    def _note(self, path: Path) -> None:
        try:
            for packet in read_packets(path):
                made = stub(packet)
                self._stubs.setdefault(made.target_id, {}).setdefault(made.candid, made)
                self._where.setdefault((made.target_id, made.candid), path)
        except BadPayload as error:
            self.rejected.append((path.name, str(error)))


class AlertShelf:
    """The latest alerts of a stream, in memory, each once.

    Parameters
    ----------
    most : int
        Beyond this the oldest ones are let go.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str], tuple[AlertStub, Alert]] = OrderedDict()

    def add(self, found: Alert) -> bool:
        """Keep an alert; False when it is here already, as after a repeated delivery."""
        key = (found.target.target_id, found.cutouts.candid)
        if key in self._kept:
            return False
        self._kept[key] = (_stub_of(found), found)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return True

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object, each once, oldest first; empty when there are none."""
        return _oldest_first(made for (name, _), (made, _) in self._kept.items() if name == target_id)

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert with stamps and history; raises `NotFound` when it is not, or no longer, here."""
        try:
            return self._kept[target_id, candid][1]
        except KeyError:
            raise NotFound(f"no alert {candid} of {target_id} has been received") from None


def _stub_of(found: Alert) -> AlertStub:
    images, curve = found.cutouts, found.light_curve
    mag = None
    if curve is not None:
        here = [m for t, b, m in zip(curve.mjd, curve.band, curve.mag, strict=True) if (t, b) == _when(found)]
        mag = float(here[0]) if here and here[0] == here[0] else None
    return AlertStub(
        candid=images.candid,
        target_id=found.target.target_id,
        mjd=images.mjd,
        band=images.band,
        mag=mag,
        positive=found.positive,
    )


def _when(found: Alert) -> tuple[float, str]:
    return found.cutouts.mjd, found.cutouts.band


def _oldest_first(found: Iterable[AlertStub]) -> list[AlertStub]:
    return sorted(found, key=lambda s: (s.mjd, s.candid))
