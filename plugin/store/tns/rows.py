"""The TNS mirror: upserted by number, asked by position."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import func, select

from iris_client.tns.mirror import TnsObject, separation_arcsec
from plugin.store.context import Context
from plugin.store.tns.cone import band, in_cone
from plugin.store.tns.tables import tns_files, tns_objects

_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """An object whose prefix or type is not what it was: AT became SN, say."""

    before: TnsObject
    after: TnsObject


@dataclass(frozen=True, slots=True)
class TnsRows:
    """The questions about the mirror."""

    context: Context

    def upsert(self, server: str, objects: Iterable[TnsObject]) -> list[Renamed]:
        """Take objects in, and say which changed their prefix or type. An older row never replaces a newer one."""
        changed: list[Renamed] = []
        rest = iter(objects)
        while piece := {found.objid: found for found in islice(rest, _CHUNK)}:
            there = self._by_number(server, list(piece))
            newer = [new for number, new in piece.items() if _is_newer(new, there.get(number))]
            changed += [
                Renamed(before=there[new.objid], after=new)
                for new in newer
                if new.objid in there and (there[new.objid].prefix, there[new.objid].type) != (new.prefix, new.type)
            ]
            self._write(server, newer)
        return changed

    def near(self, server: str, ra_deg: float, dec_deg: float, radius_arcsec: float) -> list[TnsObject]:
        """Objects within a cone, nearest first."""
        t = tns_objects.c
        where = (t.server == server, in_cone(t.dec_band, t.ra_deg, ra_deg, dec_deg, radius_arcsec))
        rows = self.context.connection.execute(select(tns_objects).where(*where))
        found = [(separation_arcsec(ra_deg, dec_deg, row.ra_deg, row.dec_deg), _object(row)) for row in rows]
        return [one for distance, one in sorted(found, key=lambda x: (x[0], x[1].objid)) if distance <= radius_arcsec]

    def count(self, server: str) -> int:
        """How many objects of a server are here."""
        query = select(func.count()).select_from(tns_objects).where(tns_objects.c.server == server)
        return int(self.context.connection.execute(query).scalar_one())

    def read_at(self, server: str, file: str) -> datetime | None:
        """When a bulk file was read last."""
        found: datetime | None = self._file(server, file, "read_at")
        return found

    def not_before(self, server: str, file: str) -> datetime | None:
        """Until when a file is left alone."""
        found: datetime | None = self._file(server, file, "not_before")
        return found

    def last_read(self, server: str) -> datetime | None:
        """When any bulk file was read last."""
        query = select(func.max(tns_files.c.read_at)).where(tns_files.c.server == server)
        return self.context.connection.execute(query).scalar_one_or_none()

    def note_file(self, server: str, file: str, **when: datetime | None) -> None:
        """Write down that a file was read (`read_at`), or is refused for now (`not_before`)."""
        new = self.context.insert(tns_files).values(server=server, file=file, **when)
        self.context.connection.execute(new.on_conflict_do_update(index_elements=["server", "file"], set_=when))

    def _file(self, server: str, file: str, column: str) -> Any:
        query = select(tns_files.c[column]).where(tns_files.c.server == server, tns_files.c.file == file)
        return self.context.connection.execute(query).scalar_one_or_none()

    def _by_number(self, server: str, numbers: Sequence[int]) -> dict[int, TnsObject]:
        query = select(tns_objects).where(tns_objects.c.server == server, tns_objects.c.objid.in_(numbers))
        return {row.objid: _object(row) for row in self.context.connection.execute(query)}

    def _write(self, server: str, objects: Sequence[TnsObject]) -> None:
        if not objects:
            return
        new = self.context.insert(tns_objects)
        keep = {c.name: new.excluded[c.name] for c in tns_objects.columns if not c.primary_key}
        statement = new.on_conflict_do_update(index_elements=["server", "objid"], set_=keep)
        self.context.connection.execute(statement, [_row(server, one) for one in objects])


def _is_newer(new: TnsObject, old: TnsObject | None) -> bool:
    return old is None or old.modified is None or new.modified is None or new.modified >= old.modified


def _row(server: str, one: TnsObject) -> dict[str, Any]:
    return {
        "server": server,
        "objid": one.objid,
        "prefix": one.prefix,
        "name": one.name,
        "ra_deg": one.ra_deg,
        "dec_deg": one.dec_deg,
        "dec_band": band(one.dec_deg),
        "type": one.type,
        "redshift": one.redshift,
        "internal_names": json.dumps(one.internal_names, ensure_ascii=False),
        "discovered_at": one.discovered_at,
        "modified": one.modified,
    }


def _object(row: Any) -> TnsObject:
    return TnsObject(
        objid=row.objid,
        prefix=row.prefix,
        name=row.name,
        ra_deg=row.ra_deg,
        dec_deg=row.dec_deg,
        type=row.type,
        redshift=row.redshift,
        internal_names=tuple(json.loads(row.internal_names)),
        discovered_at=row.discovered_at,
        modified=row.modified,
    )
