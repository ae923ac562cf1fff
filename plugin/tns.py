"""What the TNS calls our objects, asked where it costs least: marshal, broker, mirror, and the API last.

A marshal's "AT" may be years old, so it only stands until somebody knows more; a type is firm wherever it comes from.
While the mirror is fresh its "no" is an answer, and a night of cross-matching costs no API call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from iris_client.errors import NotFound, Unavailable
from iris_client.protocols import TransientName, TransientNames
from iris_client.tns import CSV_PAUSE_S, FULL, Tns, daily_file, hourly_file
from iris_client.tns_mirror import TnsObject, number, separation_arcsec
from models.domain import Target
from plugin.clock import Clock
from plugin.store import Store
from plugin.store.tns import Renamed

RADIUS_ARCSEC: Final = 2.0
"""As SkyPortal and BOOM have it; the TNS's default accuracy is 5 arcsec, so a miss proves nothing."""
FRESH: Final = timedelta(hours=26)
"""A mirror read within this is up to date for a night: the daily file appears once a day."""
DAYS_KEPT: Final = 14
"""Daily files older than this are gone; then only the full one helps."""
_log = structlog.get_logger("astranet.tns")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarshalFields:
    """What the marshal holds of the TNS."""

    def match(self, target: Target) -> TransientName | None:
        """Name and type as the marshal has them."""
        if not target.tns_name:
            return None
        return TransientName(name=target.tns_name, type=target.tns_type, redshift=target.redshift, source="marshal")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerMatches:
    """BOOM's cross-match with its TNS catalogue, `cross_matches.TNS` of an object.

    Parameters
    ----------
    rows : callable
        Object id to the list of matches, as BOOM gives them.
    """

    rows: Callable[[str], Sequence[Mapping[str, Any]]]

    def match(self, target: Target) -> TransientName | None:
        """The nearest match within the radius."""
        found = []
        for row in self.rows(target.target_id):
            ra, dec, name = number(row.get("ra")), number(row.get("dec")), row.get("name")
            if ra is None or dec is None or not name or target.ra_deg is None or target.dec_deg is None:
                continue
            distance = separation_arcsec(target.ra_deg, target.dec_deg, ra, dec)
            if distance <= RADIUS_ARCSEC:
                full = f"{row.get('name_prefix') or 'AT'} {name}"
                kind = row.get("type") or None
                z = number(row.get("redshift"))
                found.append((distance, full, kind, z))
        if not found:
            return None
        distance, full, kind, z = min(found, key=lambda x: (x[0], x[1]))
        return TransientName(name=full, type=kind, redshift=z, separation_arcsec=distance, source="broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The bulk files in our own database.

    Parameters
    ----------
    server : str
        Whose objects are meant: the address of the TNS.
    """

    store: Store
    server: str
    clock: Clock

    def match(self, target: Target) -> TransientName | None:
        """The nearest object within the radius."""
        if target.ra_deg is None or target.dec_deg is None:
            return None
        with self.store.begin() as unit:
            found = unit.tns.near(self.server, target.ra_deg, target.dec_deg, RADIUS_ARCSEC)
        return _named(found[0], target, "mirror") if found else None

    def is_fresh(self) -> bool:
        """Whether its "no" is an answer."""
        with self.store.begin() as unit:
            last, whole = unit.tns.last_read(self.server), unit.tns.read_at(self.server, FULL)
        return whole is not None and last is not None and self.clock() - last <= FRESH


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The TNS itself: by the survey's name first, then by position, within its budgets."""

    tns: Tns

    def match(self, target: Target) -> TransientName | None:
        """The nearest object within the radius; two requests or more."""
        if target.ra_deg is None or target.dec_deg is None:
            return None
        names = self.tns.named(target.target_id)
        if not names:
            names = self.tns.near(target.ra_deg, target.dec_deg, RADIUS_ARCSEC)
        found = [one for one in map(self._object, names) if one is not None]
        if not found:
            return None
        return min((_named(one, target, "api") for one in found), key=lambda x: (x.separation_arcsec or 0.0, x.name))

    def _object(self, name: str) -> TnsObject | None:
        try:
            return self.tns.object(name)
        except NotFound:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class InOrder:
    """Several who may know, asked in order until one knows a type.

    Parameters
    ----------
    first : sequence of TransientNames
        Those who cost nothing.
    mirror : Mirror, optional
    last : TransientNames, optional
        Asked only when the mirror is missing or stale.
    """

    first: Sequence[TransientNames] = ()
    mirror: Mirror | None = None
    last: TransientNames | None = None

    def match(self, target: Target) -> TransientName | None:
        """The first answer with a type; else the last name without one, which is the freshest."""
        return self.match_all([target])[target.target_id]

    def match_all(self, targets: Sequence[Target]) -> dict[str, TransientName | None]:
        """The same for a night."""
        asked: list[TransientNames] = [*self.first]
        if self.mirror is not None:
            asked.append(self.mirror)
        if self.last is not None and (self.mirror is None or not self.mirror.is_fresh()):
            asked.append(self.last)
        return {target.target_id: _first_typed(asked, target) for target in targets}


def _first_typed(asked: Sequence[TransientNames], target: Target) -> TransientName | None:
    best = None
    for one in asked:
        found = one.match(target)
        if found is not None:
            best = found
        if found is not None and found.type:
            break
    return best


def _named(one: TnsObject, target: Target, source: str) -> TransientName:
    ra, dec = target.ra_deg or 0.0, target.dec_deg or 0.0
    return TransientName(
        name=one.full_name,
        type=one.type,
        redshift=one.redshift,
        separation_arcsec=separation_arcsec(ra, dec, one.ra_deg, one.dec_deg),
        source=source,
    )


def update_mirror(tns: Tns, store: Store, now: datetime) -> list[Renamed]:
    """Bring the mirror up to date: the full file once, then the daily files since, then the hours of today.

    Returns
    -------
    list of Renamed
        Objects that changed their prefix or type, such as AT to SN.
    """
    with store.begin() as unit:
        whole, last = unit.tns.read_at(tns.url, FULL), unit.tns.last_read(tns.url)
    if whole is None or last is None or now - last > timedelta(days=DAYS_KEPT):
        return _read(tns, store, FULL, now, FULL)
    changed: list[Renamed] = []
    for day in range((now.date() - last.date()).days, 0, -1):
        name = f"{now.date() - timedelta(days=day):%Y%m%d}"
        changed += _read(tns, store, daily_file(name), now, daily_file(name))
    first = last.hour if last.date() == now.date() else 0
    for hour in range(first, now.hour):
        # Hourly files have the same names every day.
        changed += _read(tns, store, hourly_file(hour), now, f"{now:%Y%m%d} {hourly_file(hour)}")
    return changed


def _read(tns: Tns, store: Store, file: str, now: datetime, key: str) -> list[Renamed]:
    """Read one file, unless it was read or is to be left alone; a file that is not there yet is no trouble."""
    with store.begin() as unit:
        pause, done = unit.tns.not_before(tns.url, key), unit.tns.read_at(tns.url, key)
    if (pause is not None and now < pause) or (done is not None and key != FULL):
        return []
    try:
        objects = tns.bulk(file)
    except NotFound:
        return []
    except Unavailable as error:
        wait = error.retry_after or CSV_PAUSE_S / 24
        _log.warning("TNS file not read", file=file, error=str(error), retry_in_s=round(wait))
        with store.begin() as unit:
            unit.tns.note_file(tns.url, key, not_before=now + timedelta(seconds=wait))
        return []
    with store.begin() as unit:
        changed = unit.tns.upsert(tns.url, objects)
        unit.tns.note_file(tns.url, key, read_at=now, not_before=None)
    return changed
