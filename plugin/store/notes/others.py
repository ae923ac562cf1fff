"""The AstroNotes of others, and which of them names an object already."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, func, or_, select

from iris_client.tns.astronotes import AstroNote, NotedObject
from iris_client.tns.mirror import separation_arcsec
from plugin.store.context import Context
from plugin.store.notes.tables import astronote_objects, astronotes
from plugin.store.tns.cone import band, in_cone

By = Literal["name", "position"]
RADIUS_ARCSEC: Final = 2.0
_NAME, _ALT = 80, 255
_MOST_AUTHORS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedBy:
    """Somebody's AstroNote that names an object.

    Parameters
    ----------
    by : str
        `name`, or `position` where no name is the same.
    separation_arcsec : float or None
        Between the positions, where both are known.
    """

    number: str
    title: str
    authors: str
    posted_at: str | None
    by: By
    separation_arcsec: float | None = None

    def __str__(self) -> str:
        who = self.authors if len(self.authors) <= _MOST_AUTHORS else self.authors[:_MOST_AUTHORS].rstrip() + " ..."
        return f"AstroNote {self.number}" + (f" ({who})" if who else "")


@dataclass(frozen=True, slots=True)
class OthersNotes:
    """The questions about notes of others."""

    context: Context

    def put(self, server: str, found: Iterable[AstroNote], now: datetime) -> int:
        """Take notes in, each in the place of what was known of it; returns how many were not known."""
        new = 0
        for note in {one.number: one for one in found}.values():
            new += self._put(server, note, now)
        return new

    def naming(
        self,
        server: str,
        names: Sequence[str],
        *,
        ra_deg: float | None = None,
        dec_deg: float | None = None,
        radius_arcsec: float = RADIUS_ARCSEC,
    ) -> list[NotedBy]:
        """Notes that name an object: by one of its names first, then by its position; the oldest note first."""
        found = {one.number: one for one in self._near(server, ra_deg, dec_deg, radius_arcsec)}
        found |= {one.number: one for one in self._called(server, names, ra_deg, dec_deg)}
        return sorted(found.values(), key=lambda one: (one.by, one.posted_at or "", one.number))

    def count(self, server: str) -> int:
        """How many notes of a server are here."""
        query = select(func.count()).select_from(astronotes).where(astronotes.c.server == server)
        return int(self.context.connection.execute(query).scalar_one())

    def _called(self, server: str, names: Sequence[str], ra: float | None, dec: float | None) -> list[NotedBy]:
        wanted = [name for name in names if name]
        o = astronote_objects.c
        return self._found(server, or_(o.name.in_(wanted), o.alt_name.in_(wanted)), "name", ra, dec) if wanted else []

    def _near(self, server: str, ra: float | None, dec: float | None, radius: float) -> list[NotedBy]:
        if ra is None or dec is None:
            return []
        o = astronote_objects.c
        some = self._found(server, in_cone(o.dec_band, o.ra_deg, ra, dec, radius), "position", ra, dec)
        return [one for one in some if one.separation_arcsec is not None and one.separation_arcsec <= radius]

    def _found(
        self,
        server: str,
        which: ColumnElement[bool],
        by: Literal["name", "position"],
        ra: float | None,
        dec: float | None,
    ) -> list[NotedBy]:
        o, n = astronote_objects.c, astronotes.c
        query = select(n.number, n.title, n.authors, n.posted_at, o.ra_deg, o.dec_deg)
        query = query.join(astronotes, (o.server == n.server) & (o.number == n.number)).where(o.server == server, which)
        rows = self.context.connection.execute(query.select_from(astronote_objects).order_by(n.number, o.part))
        return [
            NotedBy(
                number=row.number,
                title=row.title,
                authors=row.authors,
                posted_at=row.posted_at,
                by=by,
                separation_arcsec=_distance(ra, dec, row),
            )
            for row in rows
        ]

    def _put(self, server: str, note: AstroNote, now: datetime) -> int:
        here = (astronotes.c.server == server) & (astronotes.c.number == note.number)
        known = self.context.connection.execute(select(astronotes.c.number).where(here)).first() is not None
        key = {"server": server, "number": note.number}
        values: dict[str, Any] = {"title": note.title, "authors": note.authors, "source_group": note.source_group}
        values |= {"type": note.type, "posted_at": note.posted_at}
        new = self.context.insert(astronotes).values(**key, **values, read_at=now)
        self.context.connection.execute(
            new.on_conflict_do_update(index_elements=list(key), set_={**values, "read_at": now})
        )
        theirs = (astronote_objects.c.server == server) & (astronote_objects.c.number == note.number)
        self.context.connection.execute(astronote_objects.delete().where(theirs))
        rows = [{**key, "part": part, **_columns(one)} for part, one in enumerate(note.objects)]
        if rows:
            self.context.connection.execute(astronote_objects.insert(), rows)
        return int(not known)


def _columns(one: NotedObject) -> dict[str, Any]:
    return {
        "name": one.name[:_NAME] if one.name else None,
        "alt_name": one.alt_name[:_ALT] if one.alt_name else None,
        "ra_deg": one.ra_deg,
        "dec_deg": one.dec_deg,
        "dec_band": None if one.dec_deg is None else band(one.dec_deg),
    }


def _distance(ra: float | None, dec: float | None, row: Any) -> float | None:
    if ra is None or dec is None or row.ra_deg is None or row.dec_deg is None:
        return None
    return separation_arcsec(ra, dec, row.ra_deg, row.dec_deg)
