"""What Lasair says of an object, in the domain's words: alerts, light curve, where stamps are, Sherlock and the TNS.

Lasair-ZTF gives `candidates` (detections with a `candid`, limits without, whose `magpsf` is the limit), `forcedphot`,
`sherlock` and `TNS`; Lasair-LSST `diaSourcesList`, `diaForcedSourcesList` and, in `lasairData`, the rest.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iris_client.brokers.alert import alert as read_alert
from iris_client.brokers.history import MJD_0, light_curve
from iris_client.brokers.records import candid_of, stub
from iris_client.brokers.streams import Surroundings
from iris_client.brokers.surveys import TAI_MINUS_UTC_DAYS, adapted
from iris_client.errors import BadPayload, NotFound
from iris_client.protocols import Alert, AlertStub
from models.domain import PHOTO_Z_ERROR, Host, LightCurve

Row = Mapping[str, Any]
KINDS: Final = {"Science": "cutoutScience", "Template": "cutoutTemplate", "Difference": "cutoutDifference"}
_TAGS: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class LasairObject:
    """One object as Lasair has it.

    Parameters
    ----------
    alerts : mapping of str to mapping
        Detections by candid, in the shape of ZTF's candidates.
    limits, forced : tuple of mapping
        Non-detections, and forced photometry.
    urls : mapping of str to mapping of str to str
        By candid, where the stamps are: `cutoutScience` and so on.
    """

    name: str
    survey: str
    ra_deg: float | None
    dec_deg: float | None
    alerts: Mapping[str, Row]
    limits: tuple[Row, ...] = ()
    forced: tuple[Row, ...] = ()
    urls: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sherlock: Row = field(default_factory=dict)
    tns: Row = field(default_factory=dict)

    @classmethod
    def read(cls, body: Row, *, survey: str) -> "LasairObject":
        """Read the answer of `objects` (one of its list) or `object`.

        Raises
        ------
        BadPayload
            If it is no object, or one without a detection.
        """
        return _of_rubin(body) if "diaSourcesList" in body else _of_ztf(body, survey)

    def stubs(self) -> list[AlertStub]:
        """Its alerts, oldest first."""
        found = [stub(self._packet(candid)) for candid in self.alerts]
        return sorted(found, key=lambda one: (one.mjd, one.candid))

    def alert(self, candid: str, stamps: Mapping[str, bytes | None]) -> Alert:
        """One of its alerts, with stamps that were fetched; raises `NotFound` when it has no such alert."""
        if candid not in self.alerts:
            raise NotFound(f"Lasair has no alert {candid} of {self.name}")
        return read_alert({**self._packet(candid), **stamps}, survey=self.survey)

    def light_curve(self) -> LightCurve | None:
        """All its photometry; None when there is none."""
        return light_curve(
            {"prv_candidates": [*self.alerts.values(), *self.limits], "fp_hists": list(self.forced)}, survey=self.survey
        )[0]

    def surroundings(self) -> Surroundings:
        """What Sherlock and the TNS say; the galaxy only where Sherlock ties the object to one."""
        kind = _text(self.sherlock.get("classification"))
        separation = _number(self.sherlock.get("separationArcsec"))
        galaxy = None
        if kind in ("SN", "NT", "AGN") and separation is not None and 0.0 <= separation < 3600.0:
            photometric = _number(self.sherlock.get("photoZ"))
            z = _number(self.sherlock.get("z"))
            table = _text(self.sherlock.get("catalogue_table_name")) or "a catalogue"
            found, error, by = _redshift(z, photometric, _number(self.sherlock.get("photoZErr")))
            galaxy = Host(
                separation_arcsec=separation,
                ra_deg=_number(self.sherlock.get("raDeg")) or None,
                dec_deg=_number(self.sherlock.get("decDeg")) or None,
                redshift=found,
                redshift_error=error,
                redshift_kind=by,
                source=f"Sherlock, {table}"[:80],
            )
        said = _text(self.sherlock.get("description"))
        plain = None if said is None else " ".join(html.unescape(_TAGS.sub("", said)).split())
        return Surroundings(sherlock=kind, description=plain, host=galaxy, tns_type=_text(self.tns.get("type")))

    def tns_rows(self) -> list[Row]:
        """Its match in the TNS as a broker's cross-match; where Lasair gives no position, at that of the object."""
        name = _text(self.tns.get("tns_name"))
        if name is None:
            return []
        place = [_number(self.tns.get("ra")), _number(self.tns.get("decl", self.tns.get("dec")))]
        ra, dec = (self.ra_deg, self.dec_deg) if None in place else place
        row = {"name": name, "name_prefix": self.tns.get("tns_prefix"), "ra": ra, "dec": dec}
        return [row | {"type": self.tns.get("type"), "redshift": _number(self.tns.get("z"))}]

    def _packet(self, candid: str) -> dict[str, Any]:
        others = [row for key, row in self.alerts.items() if key != candid]
        place = {"ra": self.ra_deg, "dec": self.dec_deg}
        now = {**place, **{k: v for k, v in self.alerts[candid].items() if v is not None}}
        history = {"prv_candidates": [*others, *self.limits], "fp_hists": list(self.forced)}
        return {"objectId": self.name, "candid": candid, "candidate": now, **history}


def _of_ztf(body: Row, survey: str) -> LasairObject:
    rows, about = body.get("candidates"), body.get("objectData")
    name = body.get("objectId")
    if not isinstance(rows, list) or not isinstance(name, str) or not name:
        raise BadPayload(f"no object of Lasair's; it has {sorted(map(str, body))[:12]}")
    alerts: dict[str, Row] = {}
    limits, urls = [], {}
    for row in rows:
        if not isinstance(row, Mapping):
            raise BadPayload(f"Lasair: a list of candidates with {type(row).__name__} in it")
        candid = candid_of(row)
        if candid is None:
            limits.append(_timed({key: value for key, value in row.items() if key != "magpsf"}))
            continue
        alerts.setdefault(candid, _timed(row))
        urls[candid] = _urls(row.get("image_urls"))
    forced = body.get("forcedphot")
    place = about if isinstance(about, Mapping) else {}
    return LasairObject(
        name=name,
        survey=survey,
        ra_deg=_number(place.get("ramean")),
        dec_deg=_number(place.get("decmean")),
        alerts=alerts,
        limits=tuple(limits),
        forced=tuple(_timed(row) for row in forced if isinstance(row, Mapping)) if isinstance(forced, list) else (),
        urls=urls,
        sherlock=_mapping(body.get("sherlock")),
        tns=_mapping(body.get("TNS")),
    )


def _of_rubin(body: Row) -> LasairObject:
    rows, about = body.get("diaSourcesList"), _mapping(body.get("diaObject"))
    more = _mapping(body.get("lasairData"))
    name = body.get("diaObjectId", body.get("objectId", about.get("diaObjectId")))
    if not isinstance(rows, list) or not isinstance(name, str | int) or isinstance(name, bool):
        raise BadPayload(f"no object of Lasair's; it has {sorted(map(str, body))[:12]}")
    alerts: dict[str, Row] = {}
    for row in rows:
        if not isinstance(row, Mapping):
            raise BadPayload(f"Lasair: a list of sources with {type(row).__name__} in it")
        when = _number(row.get("midpointMjdTai"))
        candid = row.get("diaSourceId") or (None if when is None else f"at {when - TAI_MINUS_UTC_DAYS:.5f}")
        if candid is not None:
            packet = adapted({"diaSource": {"diaObjectId": name, **row, "diaSourceId": candid}})
            alerts.setdefault(str(candid), packet["candidate"])
    forced = {"diaSource": {"diaObjectId": name}, "prvDiaForcedSources": body.get("diaForcedSourcesList")}
    pictures = more.get("imageUrls")
    listed = [row for row in pictures if isinstance(row, Mapping)] if isinstance(pictures, list) else []
    return LasairObject(
        name=str(name),
        survey="LSST",
        ra_deg=_number(about.get("ra")),
        dec_deg=_number(about.get("decl", about.get("dec"))),
        alerts=alerts,
        forced=tuple(adapted(forced)["fp_hists"]),
        urls={str(row.get("diaSourceId")): _urls(row) for row in listed},
        sherlock=_mapping(more.get("sherlock")),
        tns=_mapping(more.get("TNS")),
    )


def _redshift(
    spectroscopic: float | None, photometric: float | None, error: float | None
) -> tuple[float | None, float | None, str | None]:
    """The galaxy's redshift, its error and its kind, from a spectrum first; one by colours always has an error."""
    if spectroscopic is not None:
        return spectroscopic, None, "spectroscopic"
    if photometric is not None:
        return photometric, error if error is not None and error > 0 else PHOTO_Z_ERROR, "photometric"
    return None, None, None


def _timed(row: Row) -> Row:
    """With a Julian date, also where there is only a modified one."""
    mjd = _number(row.get("mjd"))
    return row if row.get("jd") is not None or mjd is None else {**row, "jd": mjd + MJD_0}


def _urls(row: Any) -> Mapping[str, str]:
    found = row if isinstance(row, Mapping) else {}
    return {ours: found[theirs] for theirs, ours in KINDS.items() if isinstance(found.get(theirs), str)}


def _mapping(value: Any) -> Row:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    """A number, also one that is written as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if good else None
