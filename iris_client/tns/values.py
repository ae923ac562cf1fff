"""The TNS's numbers of object types and instruments, by name: as `get/values` gives them, else as shipped here.

The form of the answer is after public clients and not checked: a table may be a mapping of number to name, of name to
number, or a list of objects with `id` and `name`. The shipped numbers were collected from public clients in 2026.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iris_client.errors import BadPayload
from iris_client.tns.mirror import number, text

SHIPPED: Final = "the table shipped with this program"

_TYPES: Final[Mapping[str, int]] = {
    "SN Ia": 3, "SN Ib": 4, "SN Ic": 5, "SN Ib/c": 6, "SN Ic-BL": 7, "SN Ibn": 9, "SN II": 10, "SN IIP": 11,
    "SN IIL": 12, "SN IIn": 13, "SN IIb": 14, "SLSN-I": 18, "SLSN-II": 19, "AGN": 29, "SN Ia-pec": 100,
    "SN Ia-SC": 102, "SN Ia-91bg-like": 103, "SN Ia-91T-like": 104, "SN Iax[02cx-like]": 105, "SN Ia-CSM": 106,
    "SN Icn": 109, "TDE": 120, "TDE-H": 121, "TDE-He": 122, "TDE-H-He": 123,
}  # fmt: skip
_INSTRUMENTS: Final[Mapping[str, int]] = {
    "P200 - DBSP": 1, "Keck1 - LRIS": 3, "Gemini-N - GMOS": 6, "Gemini-S - GMOS": 9, "Lick-3m - KAST": 10,
    "UH88 - SNIFS": 11, "VLT-UT2 - X-Shooter": 12, "ESO-NTT - EFOSC2": 30, "NOT - ALFOSC": 41, "GTC - OSIRIS": 101,
    "FTN - FLOYDS": 108, "FTS - FLOYDS": 125, "ANU-2.3m - WiFeS": 115, "SOAR - Goodman": 127, "DCT - DeVeny": 143,
    "P60 - SEDM": 149, "LT - SPRAT": 156, "MMT - Binospec": 221, "Keck2 - KCWI": 259, "P200 - NGPS": 285,
    "ESO-NTT - SoXS": 288,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTables:
    """Numbers by name.

    Parameters
    ----------
    origin : str
        Where they are from, in words.
    """

    types: Mapping[str, int] = field(default_factory=lambda: dict(_TYPES))
    instruments: Mapping[str, int] = field(default_factory=lambda: dict(_INSTRUMENTS))
    origin: str = SHIPPED

    def type_id(self, name: str) -> int | None:
        """The number of an object type; None when there is none of that name."""
        return next((n for known, n in self.types.items() if _plain(known) == _plain(name)), None)

    def instrument_id(self, name: str) -> int | None:
        """The number of an instrument: by the whole name, else by the part behind the telescope if only one fits."""
        whole = {n for known, n in self.instruments.items() if _plain(known) == _plain(name)}
        tail = {n for known, n in self.instruments.items() if _plain(known.rpartition(" - ")[2]) == _plain(name)}
        found = whole or tail
        return found.pop() if len(found) == 1 else None


def read_values(payload: Any, origin: str) -> IdTables:
    """Read the answer of `get/values`.

    Raises
    ------
    BadPayload
        If it has no table of object types or of instruments.
    """
    tables = {}
    for key in ("object_types", "instruments"):
        part = payload.get(key) if isinstance(payload, Mapping) else None
        tables[key] = dict(_pairs(part))
        if not tables[key]:
            raise BadPayload(f"get/values: no {key}")
    return IdTables(types=tables["object_types"], instruments=tables["instruments"], origin=origin)


def _pairs(table: Any) -> Iterator[tuple[str, int]]:
    rows: Any = table.items() if isinstance(table, Mapping) else table if isinstance(table, list) else ()
    for row in rows:
        pair = (row.get("id"), row.get("name")) if isinstance(row, Mapping) else row
        if not isinstance(pair, tuple):
            continue
        first, second = pair
        value, name = (number(first), text(second)) if number(first) is not None else (number(second), text(first))
        if value is not None and name is not None:
            yield name, int(value)


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum() or c == "/")
