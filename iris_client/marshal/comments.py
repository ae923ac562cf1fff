"""Comments: the server takes the same one twice for one, but it does not look at the attached file.

Text, file name, author and groups decide. So the file's hash goes into its name, or a changed plot would be dropped.
And a changed plot would hang beside the old one: of ours with a file of one name there is one at a place, the newest.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from iris_client.errors import NotFound, Refused
from iris_client.http.transport import Transport
from iris_client.marshal import parse
from iris_client.marshal.places import place_path
from iris_client.protocols import Place


class Comments:
    """Writes comments.

    Parameters
    ----------
    user_id : callable
        The id of the token's owner.
    """

    def __init__(self, transport: Transport, user_id: Callable[[], int]) -> None:
        self._transport, self._user_id = transport, user_id

    def post(
        self,
        place: Place,
        text: str,
        group_ids: Sequence[int],
        attachment: tuple[str, bytes] | None,
        known_id: str | None = None,
    ) -> str:
        """See `protocols.Marshal.post_comment`."""
        if not text.strip() or not group_ids:
            raise Refused("a comment needs text and group ids; without them it would go to the public group")
        body: dict[str, Any] = {"text": quiet(text), "group_ids": sorted(set(group_ids))}
        if attachment is not None:
            name, content = attachment
            encoded = base64.b64encode(content).decode("ascii")
            body["attachment"] = {"name": file_name(place, name, content), "body": encoded}
            same = self._clear(place, body["text"], name, content, known_id)
            if same is not None:
                return same
        made = self._transport.post(f"{place_path(place)}/comments", body, repeatable=True)
        return str(made.get("comment_id"))

    def _clear(self, place: Place, text: str, name: str, content: bytes, known_id: str | None) -> str | None:
        """Take away our comments with a file of this name, but for one that is the same already: its id."""
        wanted, kept = (text, file_name(place, name, content)), None
        for row in self._ours(place, name):
            number = str(row["id"])
            # Nothing tells a comment's groups. One that we sent before is sent again only when something differs.
            if kept is None and number != known_id and (row.get("text"), row.get("attachment_name")) == wanted:
                kept = number
                continue
            try:
                self._transport.delete(f"{place_path(place)}/comments/{number}")
            except NotFound:
                continue  # somebody was faster
        return kept

    def _ours(self, place: Place, name: str) -> list[parse.Row]:
        stem, suffix = _named(place, name)
        me = self._user_id()
        found = parse.rows(self._transport.get(f"{place_path(place)}/comments", expect=list))
        ours = [row for row in found if row.get("author_id") == me and isinstance(row.get("id"), int)]
        names = [str(row.get("attachment_name") or "") for row in ours]
        return [row for row, one in zip(ours, names, strict=True) if one.startswith(stem) and one.endswith(suffix)]


def quiet(text: str) -> str:
    """Text in which no word notifies anybody: SkyPortal takes `@name` and `#instrument` for calls."""
    return text.replace("@", "\uff20").replace("#", "\uff03")


def file_name(place: Place, name: str, content: bytes) -> str:
    """The file's name with its place and its hash: other bytes, other name."""
    stem, suffix = _named(place, name)
    return f"{stem}{hashlib.sha256(content).hexdigest()[:10]}{suffix}"


def _named(place: Place, name: str) -> tuple[str, str]:
    """What the names of all files of one name at a place begin and end with."""
    path = PurePosixPath(PurePosixPath(name).name or "file")
    return f"{path.stem}_{place.kind}{place.id}_", path.suffix
