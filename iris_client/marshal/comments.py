"""Comments: the server takes the same one twice for one, but it does not look at the attached file.

Text, file name, author and groups decide. So the file's hash goes into its name, or a changed plot would be dropped.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from iris_client.errors import Refused
from iris_client.http.transport import Transport
from iris_client.marshal.places import place_path
from iris_client.protocols import Place


def post_comment(
    transport: Transport, place: Place, text: str, group_ids: Sequence[int], attachment: tuple[str, bytes] | None
) -> str:
    """See `protocols.Marshal.post_comment`."""
    if not text.strip() or not group_ids:
        raise Refused("a comment needs text and group ids; without them it would go to the public group")
    body: dict[str, Any] = {"text": quiet(text), "group_ids": sorted(set(group_ids))}
    if attachment is not None:
        name, content = attachment
        encoded = base64.b64encode(content).decode("ascii")
        body["attachment"] = {"name": file_name(place, name, content), "body": encoded}
    made = transport.post(f"{place_path(place)}/comments", body, repeatable=True)
    return str(made.get("comment_id"))


def quiet(text: str) -> str:
    """Text in which no word notifies anybody: SkyPortal takes `@name` and `#instrument` for calls."""
    return text.replace("@", "\uff20").replace("#", "\uff03")


def file_name(place: Place, name: str, content: bytes) -> str:
    """The file's name with its place and its hash: other bytes, other name."""
    path = PurePosixPath(PurePosixPath(name).name or "file")
    return f"{path.stem}_{place.kind}{place.id}_{hashlib.sha256(content).hexdigest()[:10]}{path.suffix}"
