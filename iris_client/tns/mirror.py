"""The TNS as rows: what its bulk CSV files hold, and what an object or a search reply says.

Every number may come as text, as a number, as "" or as null; `internal_names` may begin or end with a comma; the
header stands where the line with `objid` is, not at a fixed line; texts are made such that a database takes them.
Nothing here talks to anybody.
"""

import csv
import lzma
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

from iris_client.errors import BadPayload

MAX_CSV_BYTES: Final = 2 * 2**30
"""The full file has some 100 MB unpacked; a zip bomb has more."""
LONGEST_LINE: Final = 2**20
LONGEST_TEXT, LONGEST_PREFIX = 64, 16
"""Characters of a name, type or date, and of a prefix; whatever is longer is cut."""
MOST_NAMES: Final = 50
LARGEST_NUMBER: Final = 2**31 - 1


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


_MOMENT: Final = re.compile(r"(19|20)\d\d-[01]\d-[0-3]\d")
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, ValueError, IndexError, NotImplementedError,
    RuntimeError, EOFError, OSError,
)  # fmt: skip
"""What `zipfile` raises for an archive that is none."""


def unzip(packed: IO[bytes]) -> Iterator[str]:
    """The lines of the one CSV file in a zip archive, unpacked as they are asked for.

    Raises
    ------
    BadPayload
        If it is no such archive, holds more than `MAX_CSV_BYTES`, or a line longer than `LONGEST_LINE`.
    """
    try:
        with zipfile.ZipFile(packed) as archive:
            (info,) = archive.infolist()
            size = 0
            with archive.open(info) as file:
                while line := file.readline(LONGEST_LINE + 1):
                    size += len(line)
                    if size > MAX_CSV_BYTES or len(line) > LONGEST_LINE:
                        raise BadPayload(
                            "the TNS's CSV does not end" if size > MAX_CSV_BYTES else "no lines in the TNS's CSV"
                        )
                    yield line.decode("utf-8", errors="replace")
    except _DAMAGED as error:
        packed.seek(0)
        raise BadPayload(f"no zipped CSV ({type(error).__name__}): {packed.read(60)!r}") from None


def read_csv(lines: Iterable[str]) -> Iterator[TnsObject]:
    """The objects of a bulk CSV; rows without number, name or position are left out.

    Raises
    ------
    BadPayload
        If no line is the header, or a line is none of a CSV.
    """
    rows, first = csv.reader(lines), ""
    try:
        header = None
        for row in rows:
            first = first or ",".join(row)
            if "objid" in row:
                header = row
                break
        if header is None or not {"objid", "name", "ra", "declination"} <= set(header):
            raise BadPayload(f"a TNS CSV without a header: {first[:100]!r}")
        for cells in rows:
            found = _from_csv(dict(zip(header, cells, strict=False)))
            if found is not None:
                yield found
    except csv.Error as error:
        raise BadPayload(f"a TNS CSV that is none ({error}): {first[:100]!r}") from None


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


def text(value: object, longest: int = LONGEST_TEXT) -> str | None:
    """Text that is not empty, without what no database takes: half characters and zero bytes."""
    if not isinstance(value, str):
        return None
    return value.encode("utf-8", "replace").decode().replace("\0", "").strip()[:longest].strip() or None


def separation_arcsec(ra_deg: float, dec_deg: float, other_ra_deg: float, other_dec_deg: float) -> float:
    """Angle between two positions (haversine formula), arcseconds."""
    ra, dec, ra2, dec2 = map(math.radians, (ra_deg, dec_deg, other_ra_deg, other_dec_deg))
    a = math.sin((dec2 - dec) / 2) ** 2 + math.cos(dec) * math.cos(dec2) * math.sin((ra2 - ra) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(a)))) * 3600.0


def _from_csv(row: Mapping[str, Any]) -> TnsObject | None:
    return _made(row, prefix="name_prefix", name="name", ra="ra", dec="declination", type_=row.get("type"))


def _made(row: Mapping[str, Any], *, prefix: str, name: str, ra: str, dec: str, type_: object) -> TnsObject | None:
    objid, ra_deg, dec_deg = number(row.get("objid")), number(row.get(ra)), number(row.get(dec))
    bare = text(row.get(name))
    if objid is None or not 0 < objid <= LARGEST_NUMBER or bare is None:
        return None
    if ra_deg is None or dec_deg is None or not -90.0 <= dec_deg <= 90.0:
        return None
    return TnsObject(
        objid=int(objid),
        prefix=text(row.get(prefix), LONGEST_PREFIX) or "AT",
        name=bare,
        ra_deg=ra_deg % 360.0 % 360.0,  # just below zero the first one gives 360
        dec_deg=dec_deg,
        type=text(type_),
        redshift=number(row.get("redshift")),
        internal_names=_names(row.get("internal_names")),
        discovered_at=text(row.get("discoverydate")),
        modified=_moment(row.get("lastmodified")),
    )


def _names(value: object) -> tuple[str, ...]:
    parts = map(text, value.split(",")) if isinstance(value, str) else ()
    return tuple(dict.fromkeys(part for part in parts if part))[:MOST_NAMES]


def _moment(value: object) -> str | None:
    """A time stamp that sorts; anything else would pass for the newest for ever."""
    found = text(value)
    return found if found is not None and _MOMENT.match(found) else None
