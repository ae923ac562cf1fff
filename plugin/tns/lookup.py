"""What the TNS calls our objects, asked where it costs least: marshal, broker, mirror, and the API last.

A marshal's "AT" may be years old, so it only stands until somebody knows more; a type is firm wherever it comes from.
While the mirror is fresh its "no" is an answer, and a night of cross-matching costs no API call. Everybody here is a
`protocols.TransientNames`; what each of them promises is checked in `tests/contract/test_transient_names.py`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from iris_client.errors import NotFound, UpstreamError
from iris_client.protocols import TransientName, TransientNames
from iris_client.tns.client import FULL, Tns
from iris_client.tns.mirror import LONGEST_PREFIX, TnsObject, number, separation_arcsec, text
from models.domain import Target
from plugin.clock import Clock
from plugin.store import Store

RADIUS_ARCSEC: Final = 2.0
"""As SkyPortal and BOOM have it; the TNS's default accuracy is 5 arcsec, so a miss proves nothing."""
FRESH: Final = timedelta(hours=26)
"""A mirror read within this is up to date for a night: the daily file appears once a day."""
_SPELT: Final = re.compile(r"([A-Za-z]*)\s*((?:19|20)\d\d[A-Za-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarshalFields:
    """What the marshal holds of the TNS."""

    def match(self, target: Target) -> TransientName | None:
        """Name and type as the marshal has them."""
        name, kind = text(target.tns_name), _typed(target.tns_type)
        if name is None:
            return None
        return TransientName(name=_spelt(name, kind), type=kind, redshift=number(target.redshift), source="marshal")


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
        if target.ra_deg is None or target.dec_deg is None:
            return None
        named = (_of_row(row, target) for row in self.rows(target.target_id))
        return _nearest(one for one in named if one is not None)


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
        with self.store.begin(to_read=True) as unit:
            found = unit.tns.near(self.server, target.ra_deg, target.dec_deg, RADIUS_ARCSEC)
        return _named(found[0], target, "mirror") if found else None

    def is_fresh(self) -> bool:
        """Whether its "no" is an answer."""
        with self.store.begin(to_read=True) as unit:
            last, whole = unit.tns.last_read(self.server), unit.tns.read_at(self.server, FULL)
        return whole is not None and last is not None and self.clock() - last <= FRESH


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The TNS itself, within its budgets: by the name the marshal has, the survey's name, then by position."""

    tns: Tns

    def match(self, target: Target) -> TransientName | None:
        """The object of that name, or the nearest within the radius; one request for a known name, else two or more."""
        known = _SPELT.fullmatch(text(target.tns_name) or "")
        found = self._objects([known[2]]) if known else []
        if not found and target.target_id:
            found = self._objects(self.tns.named(target.target_id))
        if not found and target.ra_deg is not None and target.dec_deg is not None:
            around = self._objects(self.tns.near(target.ra_deg, target.dec_deg, RADIUS_ARCSEC))
            found = [one for one in around if (_separation(one, target) or 0.0) <= RADIUS_ARCSEC]
        return _nearest(_named(one, target, "api") for one in found)

    def _objects(self, names: Sequence[str]) -> list[TnsObject]:
        found = []
        for name in dict.fromkeys(names):
            try:
                found.append(self.tns.object(name))
            except NotFound:
                continue
        return found


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
        """The first answer with a type; else the last name without one, which is the freshest.

        Raises
        ------
        UpstreamError
            If nobody knew a type and the last one asked, who would know best, could not be asked. One who is away
            before that is passed over.
        """
        best, trouble = None, None
        for one in self._asked():
            try:
                found, trouble = one.match(target), None
            except UpstreamError as error:
                trouble = error
                continue
            best = found or best
            if found is not None and found.type:
                return found
        if trouble is not None:
            raise trouble
        return best

    def match_all(self, targets: Sequence[Target]) -> dict[str, TransientName | None]:
        """The same for a night."""
        return {target.target_id: self.match(target) for target in targets}

    def _asked(self) -> list[TransientNames]:
        asked: list[TransientNames] = [*self.first]
        if self.mirror is not None:
            asked.append(self.mirror)
        if self.last is not None and (self.mirror is None or not self.mirror.is_fresh()):
            asked.append(self.last)
        return asked


def _nearest(found: Any) -> TransientName | None:
    return min(found, key=lambda one: (one.separation_arcsec or 0.0, one.name), default=None)


def _named(one: TnsObject, target: Target, source: str) -> TransientName:
    return TransientName(
        name=one.full_name,
        type=one.type,
        redshift=one.redshift,
        separation_arcsec=_separation(one, target),
        source=source,
    )


def _separation(one: TnsObject, target: Target) -> float | None:
    if target.ra_deg is None or target.dec_deg is None:
        return None
    return separation_arcsec(target.ra_deg, target.dec_deg, one.ra_deg, one.dec_deg)


def _of_row(row: Mapping[str, Any], target: Target) -> TransientName | None:
    """A broker's row as a name; None when it lacks something or lies beyond the radius."""
    if not isinstance(row, Mapping):
        return None
    ra, dec, name = number(row.get("ra")), number(row.get("dec")), text(row.get("name"))
    if ra is None or dec is None or name is None or target.ra_deg is None or target.dec_deg is None:
        return None
    distance = separation_arcsec(target.ra_deg, target.dec_deg, ra, dec)
    if not distance <= RADIUS_ARCSEC:
        return None
    full = f"{text(row.get('name_prefix'), LONGEST_PREFIX) or 'AT'} {name}"
    kind, z = _typed(row.get("type")), number(row.get("redshift"))
    return TransientName(name=full, type=kind, redshift=z, separation_arcsec=distance, source="broker")


def _typed(kind: object) -> str | None:
    """A type; `AT` says that there is none."""
    found = text(kind)
    return None if found is None or found.upper() == "AT" else found


def _spelt(name: str, kind: str | None) -> str:
    """With prefix and one blank, also where a marshal keeps the bare name or writes `SN2026abc`."""
    found = _SPELT.fullmatch(name)
    return name if found is None else f"{found[1] or ('SN' if kind else 'AT')} {found[2]}"
