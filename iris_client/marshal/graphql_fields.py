"""Where things are in the answers of a GraphQL server: a map that its operator writes, in JSON.

    {"operations": {"modified": "ModifiedSpectra", "shared": ..., "spectrum": ..., "source": ...},
     "rows":       {"modified": "spectra.nodes", "shared": ..., "spectrum": "spectrum", "source": "source"},
     "more":       {"modified": "spectra.pageInfo.hasNextPage", "shared": ...},
     "next":       {"modified": "spectra.pageInfo.endCursor", "shared": ...},
     "spectrum":   {"id": "id", "obj_id": "objId", "groups": {"path": "groups", "fields": {"id": "id"}}, ...},
     "source":     {"id": "id", ...}}

The keys of `spectrum` and `source` are SkyPortal's column names; the values are paths from the row. A path goes
through lists ("spectra.edges.node" finds the node of every edge).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from iris_client.errors import BadPayload

OPERATIONS: Final = ("modified", "shared", "spectrum", "source")
LISTS: Final = ("modified", "shared")
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"spectrum": ("id", "obj_id", "modified"), "source": ("id",)}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """The map, checked. See the module's text for its parts."""

    operations: Mapping[str, str]
    rows_at: Mapping[str, str]
    more_at: Mapping[str, str]
    next_at: Mapping[str, str]
    columns: Mapping[str, Row]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the map from a file's text.

        Raises
        ------
        ValueError
            If it is no JSON or lacks a part; the message says which.
        """
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("the field map must be a JSON object")
        parts = {"operations": OPERATIONS, "rows": OPERATIONS, "more": LISTS, "next": LISTS, **NEEDED}
        for part, keys in parts.items():
            given = found.get(part)
            missing = [key for key in keys if not isinstance(given, dict) or key not in given]
            if missing:
                raise ValueError(f"the field map's {part!r} lacks {', '.join(missing)}")
        if unknown := sorted(set(found) - set(parts)):
            raise ValueError(f"the field map has parts that mean nothing: {', '.join(unknown)}")
        return cls(
            operations=found["operations"],
            rows_at=found["rows"],
            more_at=found["more"],
            next_at=found["next"],
            columns={kind: found[kind] for kind in NEEDED},
        )

    def rows(self, what: str, data: Row) -> list[Row]:
        """The rows of a page, with SkyPortal's names.

        Raises
        ------
        BadPayload
            If there is no list where the map says.
        """
        found = walk(data, self.rows_at[what])
        if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
            raise BadPayload(f"GraphQL: no list of objects at {self.rows_at[what]!r}")
        return [renamed(row, self.columns["spectrum"]) for row in found]

    def row(self, what: str, data: Row) -> Row | None:
        """The one row asked for, with SkyPortal's names; None when the server says null.

        Raises
        ------
        BadPayload
            If something else is there.
        """
        found = walk(data, self.rows_at[what])
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise BadPayload(f"GraphQL: no object at {self.rows_at[what]!r}")
        return renamed(found, self.columns[what])

    def next_page(self, what: str, data: Row) -> str | None:
        """The cursor of the next page; None at the last one.

        Raises
        ------
        BadPayload
            If there is more, but no cursor.
        """
        if not walk(data, self.more_at[what]):
            return None
        cursor = walk(data, self.next_at[what])
        if not isinstance(cursor, str) or not cursor:
            raise BadPayload("GraphQL: there are more pages, but no cursor")
        return cursor


def walk(value: Any, path: str) -> Any:
    """What is at the end of a path of keys; None when it breaks off. Lists are gone through."""
    for key in path.split("."):
        if isinstance(value, list):
            value = [item.get(key) if isinstance(item, Mapping) else None for item in value]
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def renamed(row: Row, columns: Row) -> dict[str, Any]:
    """A row under other names. Ids written as text of digits become numbers, as SkyPortal has them."""
    made: dict[str, Any] = {}
    for ours, where in columns.items():
        if isinstance(where, Mapping):
            made[ours] = _inner(walk(row, str(where.get("path", ours))), where.get("fields"))
        else:
            made[ours] = walk(row, str(where))
    number = made.get("id")
    if "obj_id" in columns and isinstance(number, str) and number.isdecimal():
        made["id"] = int(number)
    return made


def _inner(found: Any, columns: Any) -> list[Row]:
    if not isinstance(found, list) or not isinstance(columns, Mapping):
        return []
    return [renamed(item, columns) for item in found if isinstance(item, Mapping)]
