"""How the real server answers, whatever the subject: envelope, codes, authorisation, JSON, dates, group lists."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from plugin.sandbox.skyportal.rows import Source, Spectrum, User
from plugin.sandbox.skyportal.state import State

VERSION = "1.4.0"
MALFORMED = 'HTTP 401: Unauthorized (Credentials malformed; expected form "Authorization: token abc123")'


class ApiError(Exception):
    """An error answer of the server: HTTP status and the sentence in the envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authorised request, ready for its handler. Of a repeated query parameter only the last counts."""

    state: State
    user: User
    path: Mapping[str, Any]
    query: Mapping[str, str]
    body: dict[str, Any]

    def flag(self, name: str) -> bool:
        """A boolean query parameter, false when absent."""
        return self.query.get(name, "").lower() in {"true", "1", "t", "yes"}

    def date(self, name: str) -> datetime | None:
        """A time in the query, naive UTC."""
        return parse_date(self.query[name]) if self.query.get(name) else None

    def numbers(self, name: str) -> list[int] | None:
        """Comma-separated integers in the query."""
        text = self.query.get(name)
        return None if not text else integers(text)


Handler = Callable[[Call], Any]


def success(data: Any = None) -> Response:
    """The envelope of an answer; NaN and infinity become null."""
    return _json({"status": "success", "data": {} if data is None else data, "version": VERSION}, 200)


def failure(error: ApiError) -> Response:
    """The envelope of an error; its content type names the character set, that of an answer does not."""
    body = {"status": "error", "message": error.message, "data": {}, "version": VERSION}
    return _json(body, error.status, "application/json; charset=UTF-8")


def endpoint(
    state: State, handler: Handler, acl: str | None = None, *, public: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: authorise, decode, hold the lock, and put the answer into the envelope."""

    async def answer(request: Request) -> Response:
        try:
            user = state.users[4] if public else authorise(state, request.headers.get("Authorization"), acl)
            body = decode(request.url.path, await request.body())
            query = dict(request.query_params.multi_items())
            call = Call(state=state, user=user, path=request.path_params, query=query, body=body)
            with state.lock:
                result = handler(call)
        except ApiError as error:
            return failure(error)
        return result if isinstance(result, Response) else success(result)

    return answer


def authorise(state: State, header: str | None, acl: str | None) -> User:
    """Find the account of the token.

    Raises
    ------
    ApiError
        401, for a wrong scheme, an unknown token, and (as on the real server) for a missing right.
    """
    scheme, _, token = (header or "").partition(" ")
    if scheme != "token" or not token:
        raise ApiError(401, MALFORMED)
    user = next((u for u in state.users.values() if u.token == token.strip()), None)
    if user is None or (acl is not None and not user.may(acl)):
        raise ApiError(401, "HTTP 401: Unauthorized")
    return user


def decode(path: str, raw: bytes) -> dict[str, Any]:
    """The request's JSON object; NaN passes here, as on the real server."""
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        text = f"JSON decode of request body failed on {path}. "
        raise ApiError(500, text + "Please ensure all requests are of type application/json.")
    return body


def parse_date(text: str) -> datetime:
    """ISO text to naive UTC."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ApiError(400, f'Cannot parse time input value "{text}".') from None
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def integers(text: str) -> list[int]:
    """Comma-separated integers; anything else is a server error there too."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ApiError(500, str(error)) from None


def body_groups(call: Call, default: set[int]) -> set[int]:
    """The groups named in the body. Any that exists will do, even one the caller is not in."""
    wanted = call.body.get("group_ids")
    if not wanted:
        return default
    if wanted == "all":
        return {2}
    try:
        group_ids = {int(g) for g in wanted}
    except (TypeError, ValueError) as error:
        raise ApiError(400, f"Invalid group_ids: {error}") from None
    if missing := group_ids - set(call.state.groups):
        raise ApiError(400, f"Cannot find one or more groups with IDs: {sorted(missing)}.")
    return group_ids


def find_source(call: Call, status: int = 404, message: str = "Source not found") -> Source:
    """The source named in the path. An object is world-readable; what hangs on it is not."""
    source = call.state.sources.get(str(call.path["obj_id"]))
    if source is None:
        raise ApiError(status, message)
    return source


def find_spectrum(call: Call) -> Spectrum:
    """The spectrum named in the path; 403 when there is none or it is not shared with the caller."""
    spectrum_id = call.path["spectrum_id"]
    spectrum = call.state.spectra.get(spectrum_id)
    if spectrum is None or not call.user.sees(spectrum.group_ids):
        raise ApiError(403, f"Could not access spectrum {spectrum_id}.")
    return spectrum


def finite(value: Any) -> Any:
    """The same JSON with null for NaN and infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


def has_nan(value: Any) -> bool:
    """Whether NaN or infinity hides anywhere in it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(has_nan(v) for v in value.values())
    return isinstance(value, list) and any(has_nan(v) for v in value)


def _json(body: dict[str, Any], status: int, content_type: str = "application/json") -> Response:
    try:
        text = json.dumps(body, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(body), allow_nan=False)
    return Response(text, status_code=status, headers={"content-type": content_type})
