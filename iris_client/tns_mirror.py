"""The TNS as rows: what its bulk CSV files hold, and what an object or a search reply says.

Every number may come as text, as a number, as "" or as null; `internal_names` may begin or end with a comma; the
header stands where the line with `objid` is, not at a fixed line. Nothing here talks to anybody.
"""

import csv
import io
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from iris_client.errors import BadPayload

MAX_CSV_BYTES: Final = 2 * 2**30
"""The full file has some 100 MB unpacked; a zip bomb has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TnsObject:
    """One public object of the TNS.

    Parameters
    ----------
    objid : int
        The TNS's own number; a name's prefix changes (AT to SN), this does not.
    prefix, name : str
        `SN` and `2022G`; never branch on the prefix, `type` says what it is.
    type : str or None
        None while nobody has classified it.
    """

    objid: int
    prefix: str
    name: str
    ra_deg: float
    dec_deg: float
    type: str | None = None
    redshift: float | None = None
    internal_names: tuple[str, ...] = ()
    discovered_at: str | None = None
    modified: str | None = None

    @property
    def full_name(self) -> str:
        """Such as `SN 2022G`."""
        return f"{self.prefix} {self.name}"


def unzip(content: bytes) -> str:
    """The one CSV file in a zip archive.

    Raises
    ------
    BadPayload
        If it is no such archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (info,) = archive.infolist()
            if info.file_size > MAX_CSV_BYTES:
                raise BadPayload(f"the TNS's CSV claims {info.file_size} bytes")
            return archive.read(info).decode("utf-8", errors="replace")
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadPayload(f"no zipped CSV ({type(error).__name__}): {content[:60]!r}") from None


def read_csv(text: str) -> Iterator[TnsObject]:
    """The objects of a bulk CSV; rows without number, name or position are left out.

    Raises
    ------
    BadPayload
        If no line is the header.
    """
    lines = iter(csv.reader(io.StringIO(text)))
    header = next((row for row in lines if "objid" in row), None)
    if header is None or not {"objid", "name", "ra", "declination"} <= set(header):
        raise BadPayload(f"a TNS CSV without a header: {text[:100]!r}")
    for cells in lines:
        found = _from_csv(dict(zip(header, cells, strict=False)))
        if found is not None:
            yield found


def from_object(data: Mapping[str, Any]) -> TnsObject:
    """An object as `get/object` gives it.

    Raises
    ------
    BadPayload
        If number, name or position are missing.
    """
    kind = data.get("object_type")
    found = _made(
        data,
        prefix="name_prefix",
        name="objname",
        ra="radeg",
        dec="decdeg",
        type_=kind.get("name") if isinstance(kind, Mapping) else kind,
    )
    if found is None:
        raise BadPayload(f"a TNS object without number, name or position; it has {sorted(data)[:12]}")
    return found


def number(value: object) -> float | None:
    """A number from text, number, empty text or null; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def separation_arcsec(ra_deg: float, dec_deg: float, other_ra_deg: float, other_dec_deg: float) -> float:
    """Angle between two positions (haversine formula), arcseconds."""
    ra, dec, ra2, dec2 = map(math.radians, (ra_deg, dec_deg, other_ra_deg, other_dec_deg))
    a = math.sin((dec2 - dec) / 2) ** 2 + math.cos(dec) * math.cos(dec2) * math.sin((ra2 - ra) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(a)))) * 3600.0


def _from_csv(row: Mapping[str, Any]) -> TnsObject | None:
    return _made(row, prefix="name_prefix", name="name", ra="ra", dec="declination", type_=row.get("type"))


def _made(row: Mapping[str, Any], *, prefix: str, name: str, ra: str, dec: str, type_: object) -> TnsObject | None:
    objid, ra_deg, dec_deg = number(row.get("objid")), number(row.get(ra)), number(row.get(dec))
    bare = _text(row.get(name))
    if objid is None or bare is None or ra_deg is None or dec_deg is None or not -90.0 <= dec_deg <= 90.0:
        return None
    return TnsObject(
        objid=int(objid),
        prefix=_text(row.get(prefix)) or "AT",
        name=bare,
        ra_deg=ra_deg % 360.0,
        dec_deg=dec_deg,
        type=_text(type_),
        redshift=number(row.get("redshift")),
        internal_names=_names(row.get("internal_names")),
        discovered_at=_text(row.get("discoverydate")),
        modified=_text(row.get("lastmodified")),
    )


def _names(value: object) -> tuple[str, ...]:
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else []
    return tuple(dict.fromkeys(part for part in parts if part))


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
