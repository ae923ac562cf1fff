"""An alert in the domain's words, from the fields that ZTF packets and BOOM's records share.

BOOM copies ZTF's candidate and adds `band` and `psfFlux`; its stamps travel apart from the record. So the Avro reader
and the brokers all end here.
"""

from collections.abc import Mapping
from typing import Any, Final

from iris_client.brokers.history import MJD_0, of_fid, positive, usable_jd
from iris_client.brokers.history import light_curve as history
from iris_client.brokers.neighbours import neighbours
from iris_client.brokers.stamps import cutouts
from iris_client.brokers.surveys import adapted, survey_of
from iris_client.brokers.words import band as short_band
from iris_client.errors import BadPayload
from iris_client.protocols import Alert
from models.domain import Caveat, CaveatCode, Host, LightCurve, Target

_PS1: Final = {"g": "sgmag1", "r": "srmag1", "i": "simag1", "z": "szmag1"}
_STAMPS: Final = {"science": "cutoutScience", "template": "cutoutTemplate", "difference": "cutoutDifference"}

__all__ = ["Alert", "alert", "band"]

Row = Mapping[str, Any]


def alert(packet: Row, *, survey: str | None = None) -> Alert:
    """Build an alert from a decoded packet: `objectId`, `candid`, `candidate`, histories and stamps as bytes.

    Packets of Rubin, WINTER and Gattini-IR are brought into that shape first (`iris_client.brokers.surveys`).

    Parameters
    ----------
    survey : str, optional
        Who sent it; by default what the object's name says, and ZTF where that says nothing.

    Raises
    ------
    BadPayload
        If it has no name, no id, no candidate or no time; everything else may be missing.
    """
    survey = survey or ("LSST" if "diaSource" in packet else _survey(packet))
    packet = adapted(packet)
    name, candid, row = packet.get("objectId"), packet.get("candid"), packet.get("candidate")
    if not name or not isinstance(name, str | int) or not isinstance(row, Mapping):
        raise BadPayload(f"no alert: it needs objectId and candidate, and has {sorted(map(str, packet))[:12]}")
    candid = row.get("candid") if candid is None else candid
    jd = usable_jd(row)
    if jd is None or not isinstance(candid, int | str):
        raise BadPayload(f"alert of {str(name)[:40]} without a usable candid or jd")
    images, bad_images = cutouts(
        {kind: _stamp(packet.get(key)) for kind, key in _STAMPS.items()},
        candid=str(candid),
        band=band(row),
        mjd=jd - MJD_0,
        position=_pair(row, "xpos", "ypos"),
        survey=survey,
    )
    curve, odd_rows = history(packet, survey=survey)
    return Alert(
        target=Target(target_id=str(name), ra_deg=_number(row.get("ra")), dec_deg=_number(row.get("dec"))),
        cutouts=images,
        light_curve=curve,
        host=_host(row),
        star_score=_within(row.get("sgscore1"), 0.0, 1.0),
        neighbours=neighbours(row),
        positive=positive(row),
        caveats=(*bad_images, *odd_rows, *_missing(curve, row)),
    )


def band(row: Row) -> str:
    """The filter of a row, `g`, `r` or `i`; a question mark when it does not say."""
    name = row.get("band")
    if isinstance(name, str) and name:
        short = short_band(name)
        return short if short in ("g", "r", "i") else name
    return of_fid(row.get("fid")) or "?"


def _survey(packet: Row) -> str:
    """Told apart by the name; objects with names of no survey come from files that were made of ZTF's."""
    name = str(packet.get("objectId", packet.get("objectid", "")))
    found = survey_of(name)
    return found if found != "LSST" else "ZTF"


def _stamp(value: Any) -> bytes | None:
    """The bytes of a stamp; ZTF wraps them in a record with the file's name."""
    data = value.get("stampData") if isinstance(value, Mapping) else value
    return bytes(data) if isinstance(data, bytes | bytearray) else None


def _host(row: Row) -> Host | None:
    """The nearest Pan-STARRS source; -999 stands for what is not known."""
    mags = {name: _within(row.get(key), 0.0, 40.0) for name, key in _PS1.items()}
    separation = _within(row.get("distpsnr1"), 0.0, 3600.0)
    known = {name: mag for name, mag in mags.items() if mag}
    if not known or separation is None:
        return None
    return Host(mags=known, separation_arcsec=separation, source="PS1, nearest source (alert)")


def _missing(curve: LightCurve | None, row: Row) -> tuple[Caveat, ...]:
    found = []
    if curve is None:
        found.append(Caveat(code=CaveatCode.NO_LIGHT_CURVE, text="the alert has no magnitude and no limit"))
    if _host(row) is None:
        found.append(Caveat(code=CaveatCode.NO_HOST, text="the alert names no Pan-STARRS source nearby"))
    return tuple(found)


def _pair(row: Row, first: str, second: str) -> tuple[float, float] | None:
    x, y = _within(row.get(first), 0.0, 1e5), _within(row.get(second), 0.0, 1e5)
    return None if x is None or y is None else (x, y)


def _within(value: Any, low: float, high: float) -> float | None:
    number = _number(value)
    return number if number is not None and low <= number <= high else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None  # JSON has integers that no float can hold
