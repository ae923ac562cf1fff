"""Alerts that are here already, in a folder of Avro files or in memory, as a `protocols.CutoutSource`."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from iris_client.brokers.avro import read_packets
from iris_client.brokers.curves import merged
from iris_client.brokers.records import candid_of, from_stream, packet_of, stub
from iris_client.errors import BadPayload, NotFound
from iris_client.protocols import Alert, AlertStub
from models.domain import LightCurve

MOST: Final = 100_000
_LATE_DAYS: Final = 1.0


class AvroFolder:
    """The packets of a folder and of those in it; packets are decoded when they are asked for.

    The folder is read at the beginning; `news` reads files that have come or changed since.

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
        self._folder = folder
        self._files: dict[Path, tuple[int, int]] = {}
        self._rejected: dict[Path, str] = {}
        self._where: dict[tuple[str, str], Path] = {}
        self._stubs: dict[str, dict[str, AlertStub]] = {}
        self._fresh: list[AlertStub] = []
        self._refresh()

    @property
    def rejected(self) -> list[tuple[str, str]]:
        """Files that cannot be read, and why."""
        return [(path.name, why) for path, why in self._rejected.items()]

    def alerts(self, target_id: str) -> list[AlertStub]:
        """The alerts of an object, each once, oldest first; empty when there are none."""
        return _oldest_first(self._stubs.get(target_id, {}).values())

    def alert(self, target_id: str, candid: str) -> Alert:
        """One alert with stamps and history; raises `NotFound` when there is no such alert of this object."""
        path = self._where.get((target_id, candid))
        for record in read_packets(path) if path is not None else ():
            packet = packet_of(record)
            if str(packet.get("objectId")) == target_id and candid_of(packet) == candid:
                return from_stream(record)
        raise NotFound(f"no alert {candid} of {target_id} in the folder")

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of an object from all its packets; None when they hold none."""
        return merged(self.alert(target_id, stub.candid).light_curve for stub in reversed(self.alerts(target_id)))

    def news(self, target_ids: Collection[str], *, since_mjd: float) -> list[AlertStub]:
        """Alerts of these objects observed since then, or in files that have come since `seen`."""
        self._refresh()
        wanted = set(target_ids)
        fresh = [made for made in self._fresh if made.target_id in wanted]
        late = [made for name in wanted for made in self._stubs.get(name, {}).values() if made.mjd >= since_mjd]
        return _oldest_first({(made.target_id, made.candid): made for made in [*fresh, *late]}.values())

    def passed(self, cursor: str | None, *, since_mjd: float) -> tuple[list[AlertStub], str]:
        """The newest alert of every object with one since then, or in a file that has come since `seen`."""
        self._refresh()
        begin = since_mjd if not cursor else float(cursor) - _LATE_DAYS
        late = [max(found.values(), key=_when_of) for found in self._stubs.values() if found]
        told = {one.target_id: one for one in late if one.mjd >= begin}
        fresh = {one.target_id for one in self._fresh} - set(told)
        told |= {one.target_id: one for one in late if one.target_id in fresh}
        end = max([one.mjd for one in told.values()], default=begin + _LATE_DAYS)
        return _oldest_first(told.values()), f"{end:.5f}"

    def seen(self) -> None:
        """What `news` and `passed` told is remembered elsewhere now."""
        self._fresh.clear()

    def probe(self) -> str:
        """How many alerts there are, and how many files cannot be read."""
        self._refresh()
        count = sum(map(len, self._stubs.values()))
        bad = f", {len(self._rejected)} files that cannot be read" if self._rejected else ""
        return f"{count} alerts of {len(self._stubs)} objects in {self._folder}{bad}"

    def target_ids(self) -> list[str]:
        """Every object in the folder."""
        return sorted(self._stubs)

    def _refresh(self) -> None:
        """Read the files that are new, or not as they were: a file may have been met half written."""
        for path in sorted(self._folder.rglob("*.avro")):
            try:
                status = path.stat()
            except OSError:
                continue  # taken away meanwhile
            state = (status.st_mtime_ns, status.st_size)
            if self._files.get(path) != state:
                self._files[path] = state
                self._note(path)

    def _note(self, path: Path) -> None:
        self._rejected.pop(path, None)
        try:
            for record in read_packets(path):
                made = stub(packet_of(record))
                if made.candid not in self._stubs.setdefault(made.target_id, {}):
                    self._fresh.append(made)
                self._stubs[made.target_id].setdefault(made.candid, made)
                self._where.setdefault((made.target_id, made.candid), path)
        except BadPayload as error:
            self._rejected[path] = str(error)


class AlertCache:
    """The latest alerts of a stream, in memory, each once.

    Parameters
    ----------
    most : int
        Beyond this the oldest ones are let go.
    """

    def __init__(self, most: int = MOST) -> None:
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

    def light_curve(self, target_id: str) -> LightCurve | None:
        """Photometry of an object from all its alerts; None when they hold none."""
        mine = [found for (name, _), (_, found) in self._kept.items() if name == target_id]
        return merged(found.light_curve for found in sorted(mine, key=lambda a: a.cutouts.mjd, reverse=True))


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


def _when_of(one: AlertStub) -> tuple[float, str]:
    return one.mjd, one.candid


def _oldest_first(found: Iterable[AlertStub]) -> list[AlertStub]:
    return sorted(found, key=_when_of)
