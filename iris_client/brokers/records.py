"""What alert brokers have in common: their records as alerts, whatever the way they came.

BOOM keeps an alert, its object's history, and the stamps in three places; over Kafka it sends either all three in one
record (Babamul) or a filter's result, whose photometry is one list of fluxes.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from iris_client.brokers.alert import alert, band
from iris_client.brokers.history import MJD_0, light_curve, positive, usable_jd
from iris_client.brokers.surveys import adapted, survey_of
from iris_client.errors import BadPayload
from iris_client.protocols import Alert, AlertStub
from models.domain import LightCurve

STAMPS: Final = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
HISTORY: Final = ("prv_candidates", "prv_nondetections", "fp_hists")
NO_FLUX: Final = -99999.0

Row = Mapping[str, Any]


def stub(row: Row) -> AlertStub:
    """An alert's existence, from a row of a broker's list.

    Raises
    ------
    BadPayload
        If it has no name, no id or no time.
    """
    found, name, candid = row.get("candidate"), row.get("objectId"), candid_of(row)
    jd = usable_jd(found) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or jd is None or candid is None or not _is_name(name):
        raise BadPayload(f"an alert without a usable objectId, candid or jd; it has {sorted(map(str, row))[:12]}")
    mag = found.get("magpsf")
    return AlertStub(
        candid=candid,
        target_id=str(name),
        mjd=jd - MJD_0,
        band=band(found),
        mag=float(mag) if isinstance(mag, int | float) and 0 < mag < 40 else None,
        positive=positive(found),
    )


def stubs(rows: Iterable[Any]) -> list[AlertStub]:
    """The alerts of a list, each once, oldest first.

    Raises
    ------
    BadPayload
        If a row is no alert.
    """
    found: dict[str, AlertStub] = {}
    for row in rows:
        if not isinstance(row, Mapping):
            raise BadPayload(f"a list of alerts with {type(row).__name__} in it")
        made = stub(row)
        found.setdefault(made.candid, made)
    return sorted(found.values(), key=lambda s: (s.mjd, s.candid))


def candid_of(row: Row) -> str | None:
    """The id of an alert; BOOM's database calls it `_id`."""
    value = next((row[key] for key in ("candid", "_id") if row.get(key) is not None), None)
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None


def assembled(row: Row, history: Row, stamps: Row, *, survey: str) -> Alert:
    """Put an alert together from a broker's three answers; stamps are base64 text.

    Raises
    ------
    BadPayload
        If there is no alert in `row`.
    """
    packet = {"objectId": row.get("objectId"), "candid": candid_of(row), "candidate": row.get("candidate")}
    packet |= {key: history.get(key) for key in HISTORY}
    return alert(packet | {key: _decoded(stamps.get(key)) for key in STAMPS}, survey=survey)


def photometry_of(rows: Sequence[Any], history: Row, *, survey: str) -> LightCurve | None:
    """The light curve of an object from its alerts and its history; None when there is none."""
    known = [row["candidate"] for row in rows if isinstance(row, Mapping) and isinstance(row.get("candidate"), Mapping)]
    old = history.get("prv_candidates")
    earlier = list(old) if isinstance(old, list | tuple) else []
    packet = {key: history.get(key) for key in HISTORY} | {"prv_candidates": [*earlier, *known]}
    return light_curve(packet, survey=survey)[0]


def tns_rows(history: Row) -> list[Row]:
    """The TNS's part of an object's cross-matches, in which BOOM also has stars and galaxies."""
    matches = history.get("cross_matches")
    found = matches.get("TNS") if isinstance(matches, Mapping) else None
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list | tuple) else []


def packet_of(record: Row) -> Row:
    """A record of a file or of BOOM's topics in the shape of an alert: a filter's result has another, as have packets
    of other surveys than ZTF.
    """
    return _from_filter(record) if "photometry" in record else adapted(record)


def from_stream(record: Row, *, survey: str | None = None) -> Alert:
    """Read a record of BOOM's Kafka topics, Babamul's or a filter's.

    Raises
    ------
    BadPayload
        If it is neither.
    """
    name = survey or _survey(record)
    return alert(packet_of(record), survey=name)


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def only(found: Any, what: str) -> Row:
    """The object of an answer, or the first of a list of them; empty when the broker knows nothing.

    Raises
    ------
    BadPayload
        If it holds something else.
    """
    if isinstance(found, Mapping):
        return found
    first: Any = next(iter(listed(found, what)), {})
    if not isinstance(first, Mapping):
        raise BadPayload(f"{what}: {type(first).__name__} instead of an object")
    return first


def listed(found: Any, what: str) -> Sequence[Any]:
    """The list of an answer. Who knows nothing answers with an empty list, an empty object, or nothing at all.

    Raises
    ------
    BadPayload
        If it holds something else.
    """
    if found is None or found == {}:
        return []
    if not isinstance(found, list):
        raise BadPayload(f"{what}: {type(found).__name__} instead of a list")
    return found


def _decoded(value: Any) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b"not base64"


def _survey(record: Row) -> str:
    named = record.get("survey")
    if isinstance(named, str):
        return named.upper()
    return "LSST" if "diaSource" in record else survey_of(str(record.get("objectId", record.get("objectid"))))


def _from_filter(record: Row) -> Row:
    """A filter's result in the shape of an alert; `flux` is BOOM's `psfFlux` by another name."""
    points = record.get("photometry")
    rows = [_point(p) for p in points if isinstance(p, Mapping)] if isinstance(points, list | tuple) else []
    now = [r for r in rows if r.get("jd") == record.get("jd")]
    candidate = {key: record.get(key) for key in ("jd", "ra", "dec", "drb")} | (now[0] if now else {})
    return {**record, "candidate": candidate, "prv_candidates": [], "fp_hists": rows}


def _point(point: Row) -> dict[str, Any]:
    flux = point.get("flux")
    return {
        "jd": point.get("jd"),
        "band": point.get("band"),
        "psfFlux": 0.0 if flux is None or flux == NO_FLUX else flux,
        "psfFluxErr": point.get("flux_err"),
    }
