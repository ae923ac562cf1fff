"""One annotation per (place, origin): SkyPortal has the constraint but no upsert, so this is the recipe.

    list -> ours is there:  the same: done;  different: PUT (which replaces it whole)
         -> it is not:      POST -> "already exists", or a lost answer: list once more
    still not to be seen:   somebody else has that origin here, or ours is in a group we cannot read

The database's unique constraint is the lock: of two POSTs at the same time one gets the 400.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from iris_client.errors import NotFound, Refused, Unavailable
from iris_client.http.transport import Transport
from iris_client.marshal import parse
from iris_client.marshal.places import place_path
from iris_client.protocols import Annotation, Place

_ROUNDS: Final = 3
"""Looks at what is there, each after a write whose outcome is not known."""
_TAKEN: Final = "already exists"


class Annotations:
    """Reads and writes annotations.

    Parameters
    ----------
    user_id : callable
        The id of the token's owner, who alone may change a row.
    """

    def __init__(self, transport: Transport, user_id: Callable[[], int]) -> None:
        self._transport, self._user_id = transport, user_id

    def at(self, place: Place) -> list[Annotation]:
        """All that the token can read."""
        me = self._user_id()
        found = self._transport.get(f"{place_path(place)}/annotations", expect=list)
        return [parse.annotation(row, me) for row in parse.rows(found)]

    def upsert(
        self, place: Place, origin: str, data: Mapping[str, Any], group_ids: Sequence[int], known_id: str | None
    ) -> str:
        """See `protocols.Marshal.upsert_annotation`."""
        body = _checked(origin, data, group_ids)
        for attempt in range(_ROUNDS):
            try:
                return self._settle(place, body)
            except Unavailable:  # did it happen? look again
                if attempt + 1 == _ROUNDS:
                    raise
            except _Taken as error:
                if attempt:
                    return self._hidden(place, body, known_id, error)
        raise AssertionError("unreachable")

    def delete(self, place: Place, origin: str) -> bool:
        """See `protocols.Marshal.delete_annotation`."""
        own = self._own(place, origin)
        if own is None:
            return False
        try:
            self._transport.delete(f"{place_path(place)}/annotations/{own.annotation_id}")
        except NotFound:
            return True  # an earlier try of this very call, or somebody else, was faster
        return True

    def _own(self, place: Place, origin: str) -> Annotation | None:
        return next((a for a in self.at(place) if a.mine and a.origin == origin), None)

    def _settle(self, place: Place, body: Mapping[str, Any]) -> str:
        path = f"{place_path(place)}/annotations"
        own = self._own(place, body["origin"])
        if own is None:
            return self._add(path, body)
        if not _same(own.data, body["data"]):
            self._replace(f"{path}/{own.annotation_id}", body)
        return own.annotation_id

    def _replace(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            self._transport.put(path, body)
        except NotFound as error:
            raise Unavailable(f"the annotation went away while it was being changed: {error}") from None

    def _add(self, path: str, body: Mapping[str, Any]) -> str:
        try:
            made = self._transport.post(path, body)
        except Refused as error:
            if _TAKEN in str(error):
                raise _Taken(str(error), status=error.status) from None
            raise
        return str(made.get("annotation_id"))

    def _hidden(self, place: Place, body: Mapping[str, Any], known_id: str | None, taken: Refused) -> str:
        """There is one that we cannot see. Only with the id from our own records can it be ours."""
        if known_id is not None and known_id.isdigit():
            try:
                self._transport.put(f"{place_path(place)}/annotations/{known_id}", body)
                return known_id
            except (NotFound, Refused):
                pass  # not ours after all: say so below
        where = f"{place.kind} {place.id}"
        text = f"another user owns the annotation {body['origin']!r} on {where}; `astranet marshal hand-over`"
        raise Refused(text, status=taken.status) from None


class _Taken(Refused):
    """The (place, origin) has a row already."""


def _checked(origin: str, data: Mapping[str, Any], group_ids: Sequence[int]) -> dict[str, Any]:
    """The body to send; what SkyPortal would refuse, or take in silence and choke on later, is refused here."""
    if not re.match(r"\w", origin) or "." in origin:
        raise Refused(f"origin {origin!r} must begin with a letter or digit and hold no dot (sorting splits it there)")
    if not group_ids:
        raise Refused("an annotation needs group ids; without them SkyPortal shows it to every group of the user")
    for key, value in data.items():
        if not isinstance(key, str) or not key or not _is_flat(value):
            raise Refused(f"annotation value of {key!r} must be a finite number, text, boolean, null or a list of them")
    return {"origin": origin, "data": dict(data), "group_ids": sorted(set(group_ids))}


def _is_flat(value: object) -> bool:
    items = value if isinstance(value, list | tuple) else [value]
    return all(
        item is None or isinstance(item, str | bool | int) or (isinstance(item, float) and math.isfinite(item))
        for item in items
    )


def _same(there: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Equal after a trip through JSON; 1 and true are not the same there, 1 and 1.0 are."""
    return bool(_typed(there) == _typed(json.loads(json.dumps(ours, allow_nan=False))))


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return (isinstance(value, bool), value)
