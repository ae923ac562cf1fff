"""One annotation per (place, origin): SkyPortal has the constraint but no upsert, so this is the recipe.

    known to hold something else:  PUT (which replaces it whole)
    not known:  POST
    otherwise, or when that is refused ("already exists", gone), or its answer is lost:
    list -> ours is there:  the same, for the same groups: done;  different: PUT
         -> it is not:      POST -> "already exists", or a lost answer: list once more
    still not to be seen:   somebody else has that origin here, or ours is in a group we cannot read

So a first answer costs one request, and one that changes another. The database's unique constraint is the lock: of two
POSTs at the same time one gets the 400. Only the author (or an administrator) may PUT, and what is PUT is listed as
ours or has an id from our own records, so nobody else's annotation is ever touched.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from iris_client.errors import NotFound, Refused, Unavailable
from iris_client.http.transport import Transport
from iris_client.marshal import parse
from iris_client.marshal.places import place_path
from iris_client.protocols import Annotation, Place, Upserted

_ROUNDS: Final = 3
"""Looks at what is there, each after a write whose outcome is not known."""
_TAKEN: Final = "already exists"
_UNSEEN: Final = "Could not access spectrum"
_Step = Callable[[Place, Mapping[str, Any]], Upserted]


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
        self,
        place: Place,
        origin: str,
        data: Mapping[str, Any],
        group_ids: Sequence[int],
        known_id: str | None = None,
        *,
        differs: bool = False,
    ) -> Upserted:
        """See `protocols.Marshal.upsert_annotation`."""
        body = _checked(origin, data, group_ids)
        steps: list[_Step] = [self._look] * _ROUNDS
        if known_id is None:
            steps[0] = self._add
        elif differs and known_id.isdigit():
            steps[0] = partial(self._replace_known, known_id)
        taken, sent = 0, False
        for left, step in zip(reversed(range(_ROUNDS)), steps, strict=True):
            try:
                done = step(place, body)
                return replace(done, changed=True) if sent else done
            except Unavailable:  # did it happen? look again
                sent = True
                if not left:
                    raise
            except _Taken as error:
                taken += 1
                if taken > 1 or not left:
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

    def _look(self, place: Place, body: Mapping[str, Any]) -> Upserted:
        """See what is there, and make it right."""
        own = self._own(place, body["origin"])
        if own is None:
            return self._add(place, body)
        if _same(own, body):
            return Upserted(own.annotation_id, changed=False)
        try:
            return self._replace(place, own.annotation_id, body)
        except NotFound as error:
            raise Unavailable(f"the annotation went away while it was being changed: {error}") from None

    def _replace_known(self, known_id: str, place: Place, body: Mapping[str, Any]) -> Upserted:
        """Replace the one we made; look for it when it is not there any more."""
        try:
            return self._replace(place, known_id, body)
        except (NotFound, Refused):
            return self._look(place, body)

    def _replace(self, place: Place, annotation_id: str, body: Mapping[str, Any]) -> Upserted:
        self._transport.put(f"{place_path(place)}/annotations/{annotation_id}", body)
        return Upserted(annotation_id)

    def _add(self, place: Place, body: Mapping[str, Any]) -> Upserted:
        try:
            made = self._transport.post(f"{place_path(place)}/annotations", body)
        except Refused as error:
            if _TAKEN in str(error):
                raise _Taken(str(error), status=error.status) from None
            if _UNSEEN in str(error):
                raise NotFound(str(error), status=error.status) from None
            raise
        return Upserted(str(made.get("annotation_id")))

    def _hidden(self, place: Place, body: Mapping[str, Any], known_id: str | None, taken: Refused) -> Upserted:
        """There is one that we cannot see. Only with the id from our own records can it be ours."""
        if known_id is not None and known_id.isdigit():
            try:
                return self._replace(place, known_id, body)
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


def _same(there: Annotation, body: Mapping[str, Any]) -> bool:
    """Whether data and groups are equal after a trip through JSON; 1 and true are not the same there, 1 and 1.0 are."""
    groups = there.group_ids is None or list(there.group_ids) == body["group_ids"]
    return groups and bool(_typed(there.data) == _typed(json.loads(json.dumps(body["data"], allow_nan=False))))


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return (isinstance(value, bool), value)
