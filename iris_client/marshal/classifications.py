"""Machine classifications: one row per (source, origin), by us, never a vote and never a label.

SkyPortal's defaults are those of a person (`ml` false, a vote, the source marked as looked at, public group), and a
classification can set off other people's follow-up, so they are all sent, and `ml` again on PUT, which resets it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from iris_client.errors import NotFound, Refused, Unavailable
from iris_client.http.transport import Transport
from iris_client.marshal import parse
from iris_client.marshal.places import source_path
from iris_client.taxonomy.names import tdtax_class
from iris_client.taxonomy.table import TDTAX_OF

_ROUNDS: Final = 3
_NOT_COLUMNS: Final = frozenset({"vote", "label"})
"""Wishes for POST only: a PUT takes nothing but the row's own columns."""
SITEWIDE: Final = "Sitewide Taxonomy"
"""tdtax, as every SkyPortal is set up with it."""


class Classifications:
    """Reads and writes our machine classifications.

    Parameters
    ----------
    user_id : callable
        The id of the token's owner.
    taxonomy : str
        Name of the taxonomy; its id differs from one marshal to the next.
    """

    def __init__(self, transport: Transport, user_id: Callable[[], int], taxonomy: str = SITEWIDE) -> None:
        self._transport, self._user_id, self._taxonomy = transport, user_id, taxonomy
        self._known: tuple[int, frozenset[str]] | None = None

    def upsert(
        self,
        target_id: str,
        label: str,
        probability: float,
        origin: str,
        group_ids: Sequence[int],
        known_id: str | None = None,
    ) -> str:
        """See `protocols.Marshal.classify`."""
        body = self._body(target_id, label, probability, origin, group_ids)
        for left in reversed(range(_ROUNDS)):
            try:
                return self._settle(target_id, body, known_id)
            except Unavailable:  # an answer was lost, or the row went away before our PUT: look again
                if not left:
                    raise
        raise AssertionError("unreachable")

    def remove(self, target_id: str, origin: str) -> bool:
        """See `protocols.Marshal.declassify`."""
        ours = [row for row in self._ours(target_id, origin) if row.get("ml")]
        for row in ours:
            try:
                # Each by its number: `DELETE /api/sources/<id>/classifications` takes away what people said as well.
                self._transport.delete(f"/api/classification/{row['id']}", {"label": False})
            except NotFound:
                continue  # an earlier try of this very call, or somebody else, was faster
        return bool(ours)

    def classes(self) -> frozenset[str]:
        """See `protocols.Marshal.class_names`."""
        return self._classes()[1]

    def _body(
        self, target_id: str, label: str, probability: float, origin: str, group_ids: Sequence[int]
    ) -> dict[str, Any]:
        if not (0.0 <= probability <= 1.0):
            raise Refused(f"a classification needs a probability from 0 to 1, not {probability!r}")
        if not origin or not group_ids:
            raise Refused("a classification needs an origin and group ids; without them it would be public")
        taxonomy_id, classes = self._classes()
        name = tdtax_class(label, classes) if label in TDTAX_OF else label
        if name not in classes:
            raise Refused(f"class {label!r} is not in the marshal's {self._taxonomy!r}")
        return {
            "obj_id": target_id,
            "classification": name,
            "taxonomy_id": taxonomy_id,
            "probability": float(probability),
            "origin": origin,
            "ml": True,
            "vote": False,
            "label": False,
            "group_ids": sorted(set(group_ids)),
        }

    def _settle(self, target_id: str, body: dict[str, Any], known_id: str | None) -> str:
        own = self._own(target_id, body["origin"])
        if own is None:
            return str(self._transport.post("/api/classification", body).get("classification_id"))
        same = all(own.get(key) == body[key] for key in ("classification", "taxonomy_id", "probability", "ml"))
        # No answer of the server's names a classification's groups. One that we sent before is sent again only when
        # something is different, and that may be the groups.
        if not same or str(own["id"]) == known_id:
            self._replace(own["id"], body)
        return str(own["id"])

    def _replace(self, row_id: int, body: dict[str, Any]) -> None:
        columns = {key: value for key, value in body.items() if key not in _NOT_COLUMNS}
        try:
            self._transport.put(f"/api/classification/{row_id}", columns)
        except NotFound as error:
            raise Unavailable(f"the classification went away while it was being changed: {error}") from None

    def _own(self, target_id: str, origin: str) -> parse.Row | None:
        """Our row of this origin, the oldest if an accident left several. A person's own row is not ours to change."""
        return min(self._ours(target_id, origin), key=lambda row: row["id"], default=None)

    def _ours(self, target_id: str, origin: str) -> list[parse.Row]:
        me = self._user_id()
        found = parse.rows(self._transport.get(f"{source_path(target_id)}/classifications", expect=list))
        ours = [row for row in found if row.get("author_id") == me and row.get("origin") == origin]
        return [row for row in ours if isinstance(row.get("id"), int)]

    def _classes(self) -> tuple[int, frozenset[str]]:
        """Id and class names of the latest taxonomy of our name; asked for once."""
        if self._known is None:
            found = parse.rows(self._transport.get("/api/taxonomy", expect=list))
            named = [row for row in found if row.get("name") == self._taxonomy and row.get("isLatest", True)]
            if not named:
                names = ", ".join(sorted({repr(row["name"]) for row in found if isinstance(row.get("name"), str)}))
                raise Refused(f"the marshal has no taxonomy {self._taxonomy!r}, only {names or 'none'}")
            latest = max(named, key=lambda row: int(row["id"]))
            self._known = int(latest["id"]), frozenset(_names(latest.get("hierarchy")))
        return self._known


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield str(node.get("class"))
        for child in node.get("subclasses") or ():
            yield from _names(child)
