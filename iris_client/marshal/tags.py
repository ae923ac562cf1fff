"""Tags on sources. Their names are options that a person with the right `Manage sources` makes: letters and digits.

Attaching one needs no right, and the same twice is harmless. Taking one away fails on SkyPortal 1.4.0 for a token
without `Manage sources`, though the tag is its own: the server compares a number with the token and answers 500.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from iris_client.errors import NotFound, Refused
from iris_client.http.transport import Transport
from iris_client.marshal import parse
from iris_client.marshal.places import source_path


class Tags:
    """Reads and sets our tags.

    Parameters
    ----------
    user_id : callable
        The id of the token's owner: a person's own tag is not ours to take away.
    """

    def __init__(self, transport: Transport, user_id: Callable[[], int]) -> None:
        self._transport, self._user_id = transport, user_id
        self._known: Mapping[str, int] = {}

    def options(self) -> Mapping[str, int]:
        """The names there are, with their numbers."""
        rows = parse.rows(self._transport.get("/api/objtagoption", expect=list))
        found = {str(row["name"]): row["id"] for row in rows if isinstance(row.get("id"), int) and row.get("name")}
        self._known = found
        return found

    def settle(
        self, target_id: str, names: Collection[str], vocabulary: Collection[str], group_ids: Sequence[int]
    ) -> None:
        """See `protocols.Tagging.set_tags`."""
        if names and not group_ids:
            raise Refused("a tag needs group ids; without them it would go to the public group")
        source_path(target_id)  # no odd name gets into a question
        numbers = self._numbers(names)
        wanted = {numbers[name] for name in names}
        ours = {self._known[name] for name in vocabulary if name in self._known}
        hanging = self._hanging(target_id)
        for option in sorted(wanted - set(hanging)):
            body = {"obj_id": target_id, "objtagoption_id": option, "group_ids": sorted(set(group_ids))}
            self._transport.post("/api/objtag", body, repeatable=True)
        for option in sorted((ours & set(hanging)) - wanted):
            self._remove(hanging[option])

    def _numbers(self, names: Collection[str]) -> Mapping[str, int]:
        """Numbers of options; asked again when one is missing, for somebody may just have made it."""
        if not self._known or not set(names) <= set(self._known):
            self.options()
        missing = sorted(set(names) - set(self._known))
        if missing:
            raise Refused(f"the marshal has no tag option {', '.join(missing)}: a person with Manage sources makes it")
        return self._known

    def _hanging(self, target_id: str) -> dict[int, int]:
        """Our own tags on a source: from the option's number to the tag's."""
        me = self._user_id()
        rows = parse.rows(self._transport.get("/api/objtag", {"obj_id": target_id}, expect=list))
        ours = [row for row in rows if row.get("author_id") == me and row.get("obj_id") == target_id]
        return {row["objtagoption_id"]: row["id"] for row in ours}

    def _remove(self, tag_id: int) -> None:
        try:
            self._transport.delete(f"/api/objtag/{tag_id}")
        except NotFound:
            return
        except Refused as error:
            if error.status != 500:
                raise
            raise Refused(
                f"SkyPortal lets only a token with Manage sources take a tag away: {error}", status=error.status
            ) from None
