"""SkyPortal's JSON as our domain's values. Pure: no requests are made here.

What the service cannot do without (ids, time stamps) raises `BadPayload` when it is missing; everything else becomes
None. The arrays of a spectrum go through as they are: judging them is the job of quality control.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from iris_client.errors import BadPayload
from iris_client.protocols import Account, Annotation, SaveStub, SourceStub, SpectrumStub
from models.domain import GivenLabel, Host, HumanLabel, LightCurve, RawSpectrum, Target

_BANDS: Final = {"ztfg": "g", "ztfr": "r", "ztfi": "i"}

Row = Mapping[str, Any]


def stub(row: Row) -> SpectrumStub:
    """A spectrum's existence, from a full or a minimal row."""
    return SpectrumStub(
        spectrum_id=str(_need(row, "id", int)),
        target_id=_need(row, "obj_id", str),
        modified=_need(row, "modified", str),
        kind=_text(row.get("type")) or "source",
    )


def source(row: Row) -> SourceStub:
    """A source's row in a list."""
    return SourceStub(
        target_id=_need(row, "id", str),
        modified=_need(row, "modified", str),
        redshift=_number(row.get("redshift")),
    )


def save(row: Row) -> SaveStub:
    """That a source was saved, from a row of the list's summary."""
    return SaveStub(target_id=_need(row, "obj_id", str), saved_at=_need(row, "saved_at", str))


def spectrum(row: Row) -> RawSpectrum:
    """A spectrum with its arrays."""
    return RawSpectrum(
        spectrum_id=str(_need(row, "id", int)),
        target_id=_need(row, "obj_id", str),
        wavelengths=row.get("wavelengths"),
        fluxes=row.get("fluxes"),
        errors=row.get("errors"),
        units=row.get("units"),
        kind=_text(row.get("type")) or "source",
        instrument=_text(row.get("instrument_name")),
        observed_at=_text(row.get("observed_at")),
        modified=_text(row.get("modified")),
        origin=_text(row.get("origin")),
        group_ids=ids(row.get("groups")),
        observers=_people(row, "observers", "external_observer"),
        reducers=_people(row, "reducers", "external_reducer"),
        exposure_s=_exposure(row.get("altdata")),
    )


def target(row: Row) -> Target:
    """A source. Only classifications by people count: `ml` rows are what machines said, perhaps we ourselves."""
    return Target(
        target_id=_need(row, "id", str),
        ra_deg=_number(row.get("ra")),
        dec_deg=_number(row.get("dec")),
        redshift=_number(row.get("redshift")),
        redshift_origin=_text(row.get("redshift_origin")),
        tns_name=_text(row.get("tns_name")),
        tns_type=_tns_type(row.get("tns_info")),
        ebv_mag=_number(row.get("ebv")),
        classifications=_human(rows(row.get("classifications"))),
        group_ids=ids(row.get("groups")),
        given=_given(rows(row.get("classifications"))),
        simulated=_simulated(row.get("altdata")),
    )


def host(row: Row) -> Host | None:
    """The host of a source, from the source's row; None when it has none, or one without a position."""
    found = row.get("host")
    place = (
        [_number(part.get(key)) for part in (row, found) for key in ("ra", "dec")] if isinstance(found, dict) else []
    )
    if not isinstance(found, dict) or None in place:
        return None
    ra, dec, host_ra, host_dec = (float(v) for v in place if v is not None)
    east = ((host_ra - ra + 180.0) % 360.0 - 180.0) * math.cos(math.radians(dec))
    return Host(
        separation_arcsec=3600.0 * math.hypot(east, host_dec - dec),
        ra_deg=host_ra,
        dec_deg=host_dec,
        redshift=_number(found.get("redshift")),
        redshift_error=_number(found.get("redshift_error")),
        source=_text(found.get("name")),
        dlr=_in_radii(east * 3600.0, (host_dec - dec) * 3600.0, found),
    )


def _in_radii(east: float, north: float, galaxy: Row) -> float | None:
    """The offset over the galaxy's directional light radius (Sullivan et al. 2006); None where its shape is not known.

    Parameters
    ----------
    east, north : float
        From the transient to the centre, arcsec.
    galaxy : mapping
        `a`, the semi-major axis in arcsec, `b2a`, the ratio of the axes, `pa`, degrees from north to east.
    """
    a, ratio, angle = (_number(galaxy.get(key)) for key in ("a", "b2a", "pa"))
    if a is None or not a > 0.0:
        return None
    ratio = ratio if ratio is not None and 0.0 < ratio <= 1.0 else 1.0
    if ratio < 1.0 and angle is None:
        return None
    turned = math.radians(angle or 0.0)
    along = east * math.sin(turned) + north * math.cos(turned)
    across = east * math.cos(turned) - north * math.sin(turned)
    return math.hypot(along, across / ratio) / a


def light_curve(points: Sequence[Row]) -> LightCurve | None:
    """Photometry sorted by time; None when not one row holds a time and a magnitude or a limit.

    ZTF's bands get their short names; those of other surveys keep their own, so that they are not mixed up.
    """
    good = [point for point in points if _usable(point)]
    if not good:
        return None
    good.sort(key=lambda point: (float(point["mjd"]), str(point.get("filter"))))
    mag = _column(good, "mag")
    return LightCurve(
        mjd=_column(good, "mjd"),
        band=tuple(_BANDS.get(str(point.get("filter")), str(point.get("filter"))) for point in good),
        mag=mag,
        mag_error=_column(good, "magerr"),
        limit_mag=_column(good, "limiting_mag"),
        is_limit=np.isnan(mag).astype(float),
    )


def annotation(row: Row, user_id: int) -> Annotation:
    """An annotation, and whether we wrote it."""
    author = row.get("author_id")
    data = row.get("data")
    return Annotation(
        annotation_id=str(_need(row, "id", int)),
        origin=_need(row, "origin", str),
        data=data if isinstance(data, dict) else {},
        mine=author is not None and author == user_id,
        group_ids=ids(row["groups"]) if isinstance(row.get("groups"), list) else None,
    )


def account(profile: Row, groups: Row, is_ours: Callable[[object], bool]) -> Account:
    """Who we are. The rights are the token's own, which may be fewer than its owner's."""
    owners = frozenset(str(name) for name in profile.get("permissions") or ())
    tokens = rows(profile.get("tokens"))
    mine = [row for row in tokens if is_ours(row.get("id"))] or (tokens if len(tokens) == 1 else [])
    acls = frozenset(str(name) for name in mine[0].get("acls") or ()) if mine else owners
    return Account(
        user_id=_need(profile, "id", int),
        username=_need(profile, "username", str),
        acls=acls,
        group_ids=frozenset(ids(groups.get("user_groups"))),
        group_names=_named([*rows(groups.get("all_groups")), *rows(groups.get("user_groups"))]),
    )


def _named(found: Sequence[Row]) -> dict[int, str]:
    names = {row["id"]: _text(row.get("name")) for row in found if isinstance(row.get("id"), int)}
    return {number: name for number, name in names.items() if name is not None}


def rows(value: Any) -> list[Row]:
    """The objects in a list, if it is one."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def ids(value: Any) -> tuple[int, ...]:
    """The ids of the objects in a list, sorted."""
    return tuple(sorted(row["id"] for row in rows(value) if isinstance(row.get("id"), int)))


def _need(row: Row, key: str, kind: type) -> Any:
    value = row.get(key)
    if not isinstance(value, kind) or isinstance(value, bool) or value == "":
        raise BadPayload(f"a row without a usable {key!r} ({kind.__name__} expected); it has {sorted(row)[:12]}")
    return value


def _text(value: Any) -> str | None:
    """Text, but neither empty nor the word None, which SkyPortal stores for an empty origin."""
    return value if isinstance(value, str) and value not in {"", "None"} else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None  # JSON has integers that no float can hold


def _people(row: Row, key: str, external: str) -> tuple[str, ...]:
    """Names of those who took or reduced a spectrum; accounts without a name, such as those of robots, by theirs.

    Who has no account stands in a text beside them, where SkyPortal keeps the account as a contact only.
    """
    outside = _text(row.get(external))
    if outside is not None:
        return (outside,)
    names = []
    for one in rows(row.get(key)):
        parts = (_text(one.get("first_name")), _text(one.get("last_name")))
        name = " ".join(part for part in parts if part) or _text(one.get("username"))
        names.append(name or "")
    return tuple(dict.fromkeys(name for name in names if name))


def _simulated(altdata: Any) -> bool:
    return isinstance(altdata, dict) and altdata.get("simulated") is True


def _exposure(altdata: Any) -> float | None:
    """Seconds of exposure, where the header of the file came along and says so."""
    if not isinstance(altdata, dict):
        return None
    found = {str(key).strip().lower(): value for key, value in altdata.items()}
    for key in ("exptime", "exposure"):
        value = found.get(key)
        value = value.get("value") if isinstance(value, dict) else value
        try:
            seconds = float(str(value).split("/")[0])
        except ValueError:
            continue
        if 0 < seconds < 1e6:
            return seconds
    return None


def _tns_type(info: Any) -> str | None:
    kind = info.get("object_type") if isinstance(info, dict) else None
    return _text(kind.get("name")) if isinstance(kind, dict) else _text(kind)


def _human(found: Sequence[Row]) -> tuple[HumanLabel, ...]:
    """Each name once, with the greatest of the probabilities that people gave it; without one it is certain."""
    sure: dict[str, float | None] = {}
    for row in found:
        name, p = _text(row.get("classification")), _number(row.get("probability"))
        if row.get("ml") or name is None:
            continue
        p = p if p is not None and 0.0 <= p <= 1.0 else None
        known = sure.get(name, -1.0)
        sure[name] = None if p is None or known is None else max(p, known)
    return tuple(HumanLabel(name, p) for name, p in sure.items())


def _given(found: Sequence[Row]) -> tuple[GivenLabel, ...]:
    """Each row by a person; where a server does not number them, there is nothing to tell them apart by."""
    made = []
    for row in found:
        name, number = _text(row.get("classification")), row.get("id")
        if row.get("ml") or name is None or isinstance(number, bool) or not isinstance(number, int | str):
            continue
        p, author = _number(row.get("probability")), row.get("author_id")
        made.append(
            GivenLabel(
                row_id=str(number),
                name=name,
                probability=p if p is not None and 0.0 <= p <= 1.0 else None,
                author_id=author if isinstance(author, int) else None,
                author=_text(row.get("author_name")),
                origin=_text(row.get("origin")),
                changed_at=_text(row.get("modified")) or _text(row.get("created_at")),
            )
        )
    return tuple(made)


def _usable(point: Row) -> bool:
    """A row with a time, and a magnitude or at least a limit, in AB."""
    if _text(point.get("magsys")) not in {None, "ab"} or _number(point.get("mjd")) is None:
        return False
    return _number(point.get("mag")) is not None or _number(point.get("limiting_mag")) is not None


def _column(points: Sequence[Row], key: str) -> Any:
    found = [_number(point.get(key)) for point in points]
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)
