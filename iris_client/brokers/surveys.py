"""Alert packets of other surveys in the shape of ZTF's: Rubin's own, and those of WINTER, WIRC and Gattini-IR.

Rubin's have sources and objects by other names and fluxes in nJy. WINTER's have ZTF's fields in other spelling, and
filter numbers of their own: its 1 is Y and not g.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from iris_client.errors import BadPayload

Row = Mapping[str, Any]

TAI_MINUS_UTC_DAYS: Final = 37.0 / 86400.0
"""Since 2017."""
MJD_0: Final = 2400000.5
FILTERS: Final[Mapping[str, Mapping[int, str]]] = {
    "WINTER": {1: "Y", 2: "J", 3: "Hs", 4: "dark"},
    "WIRC": {0: "Y", 1: "J", 2: "H", 3: "K"},
    "PGIR": {1: "J"},
}
_PREFIXES: Final = {"ZTF": "ZTF", "WNTR": "WINTER", "WIRC": "WIRC", "PGIR": "PGIR"}
_SPELLINGS: Final = {
    "objectid": "objectId", "object_id": "objectId", "cutout_science": "cutoutScience",
    "cutout_template": "cutoutTemplate", "cutout_difference": "cutoutDifference",
}  # fmt: skip


def survey_of(target_id: str) -> str:
    """The survey that named an object: ZTF's names start with it, Rubin's are numbers."""
    upper = target_id.upper()
    return next((survey for prefix, survey in _PREFIXES.items() if upper.startswith(prefix)), "LSST")


def adapted(packet: Row) -> Row:
    """A packet in the shape of ZTF's; what has it already, or is none that is known, is given back as it is.

    Raises
    ------
    BadPayload
        If it is one of Rubin's about a solar-system object.
    """
    if isinstance(packet.get("diaSource"), Mapping):
        return _of_rubin(packet)
    for theirs, ours in _SPELLINGS.items():
        if theirs in packet and ours not in packet:
            packet = {**packet, ours: packet[theirs]}
    filters = FILTERS.get(survey_of(str(packet.get("objectId"))))
    return packet if filters is None else _with_bands(packet, filters)


def _with_bands(packet: Row, filters: Mapping[int, str]) -> Row:
    changed = dict(packet)
    for key in ("prv_candidates", "fp_hists", "prv_nondetections"):
        if isinstance(packet.get(key), list | tuple):
            changed[key] = [_banded(row, filters) for row in packet[key]]
    changed["candidate"] = _banded(packet.get("candidate"), filters)
    return changed


def _banded(row: Any, filters: Mapping[int, str]) -> Any:
    if not isinstance(row, Mapping) or isinstance(row.get("band"), str):
        return row
    number = row.get("fid")
    known = filters.get(number) if isinstance(number, int) else None
    return {**row, "fid": None, "band": known or f"filter {str(number)[:10]}"}


def _of_rubin(packet: Row) -> Row:
    source = packet["diaSource"]
    about = packet.get("diaObject")
    names = [source.get("diaObjectId"), about.get("diaObjectId") if isinstance(about, Mapping) else None]
    name = next((n for n in names if n), None)
    if name is None and packet.get("ssObject"):
        raise BadPayload("an alert of a solar-system object, which is no transient")
    candid = source.get("diaSourceId") or packet.get("diaSourceId") or packet.get("alertId")
    earlier = _rubin_rows(packet.get("prvDiaSources"))
    return {
        **{key: packet.get(key) for key in ("cutoutScience", "cutoutTemplate", "cutoutDifference")},
        "objectId": None if name is None else str(name),
        "candid": candid,
        "candidate": _rubin_row(source),
        "prv_candidates": earlier,
        "fp_hists": _rubin_rows(packet.get("prvDiaForcedSources")),
        "prv_nondetections": _rubin_rows(packet.get("prvDiaNondetectionLimits")),
    }


def _rubin_rows(rows: Any) -> list[dict[str, Any]]:
    found: Iterable[Any] = rows if isinstance(rows, list | tuple) else ()
    return [_rubin_row(row) for row in found if isinstance(row, Mapping)]


def _rubin_row(row: Row) -> dict[str, Any]:
    mjd = row.get("midpointMjdTai", row.get("midPointTai"))
    when = mjd - TAI_MINUS_UTC_DAYS + MJD_0 if isinstance(mjd, int | float) and abs(mjd) < 1e9 else None
    flux = row.get("psfFlux", row.get("psFlux"))
    negative = row.get("isNegative")
    return {
        "jd": when,
        "band": row.get("band", row.get("filterName")),
        "psfFlux": flux,
        "psfFluxErr": row.get("psfFluxErr", row.get("psFluxErr", row.get("diaNoise"))),
        "ra": row.get("ra"),
        "dec": row.get("dec", row.get("decl")),
        **({"isdiffpos": not negative} if isinstance(negative, bool) else {}),
    }
