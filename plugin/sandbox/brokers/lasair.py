"""A stand-in for Lasair-ZTF's REST API, under `/lasair/api`, and for its files of stamps, under `/lasair/fits`.

Made after the public client, the documentation and the published source: forms by POST, errors with code 200 and a key
`error`, so many calls an hour for each user and then 429 with `Retry-After`, annotations that replace each other, and
texts that are put into SQL as they are, so that a quotation mark breaks the annotation.
"""

import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plugin.clock import Clock, utc_now
from plugin.sandbox.brokers.alerts import STAMPS, AlertTable, Json
from plugin.sandbox.brokers.lasair_tables import object_body, run_query
from plugin.sandbox.skyportal.api import finite

TOKEN: Final = "lasair-sandbox-token"  # noqa: S105  # of a stand-in on loopback
STRANGER: Final = "lasair-other-token"
"""Of an account that owns no annotator."""
TOPIC: Final = "lasair_2Everything"
"""Of a stored filter that lets every alert through."""
ANNOTATOR: Final = "astranet"
DIGEST: Final = 1000
_HOUR_S: Final = 3600.0
_FIELDS: Final = {
    "topic": 256, "objectId": 256, "classification": 256, "version": 256, "explanation": 1024, "classdict": 4096,
    "url": 1024,
}  # fmt: skip
_MAY_BE_BLANK: Final = ("explanation", "url")

Answer = Callable[[Request, dict[str, str]], Awaitable[Response]]


class Written(NamedTuple):
    """One annotation that was taken."""

    topic: str
    object_id: str
    body: Json


class LasairStandIn:
    """The routes, and what the annotator left.

    Parameters
    ----------
    clock : callable
        The time at which alerts pass the filter, naive UTC.
    """

    def __init__(self, alerts: AlertTable, clock: Clock = utc_now) -> None:
        self.clock = clock
        self.sherlock: dict[str, Json] = {}
        """By object, the row that Sherlock has of it."""
        self.tns: dict[str, Json] = {}
        """By object, the TNS's row that was matched."""
        self.annotations: dict[tuple[str, str], Json] = {}
        """What hangs there, by topic and object."""
        self.written: list[Written] = []
        """Every annotation that was taken, also one that says what was there already."""
        self.active = True
        """Whether Lasair's team lets the annotator write."""
        self.per_hour: int | None = None
        """Calls an hour for each user; None for any number."""
        self.refused = 0
        """Calls beyond them."""
        self._alerts = alerts
        self._passed: dict[int, datetime] = {}
        self._calls: dict[str, deque[float]] = {}

    def routes(self) -> list[Route]:
        """The methods of the API, and the files."""
        table: dict[str, Answer] = {
            "query": self._query,
            "streams": self._topics,
            "streams/{topic}": self._stream,
            "objects": self._objects,
            "object": self._object,
            "sherlock/objects": self._sherlock_objects,
            "sherlock/object": self._sherlock_object,
            "annotate": self._annotate,
        }
        api = [
            Route(f"/lasair/api/{path}", self._guarded(answer), methods=["GET", "POST"])
            for path, answer in table.items()
        ]
        return [*api, Route("/lasair/fits/{name}", self._fits)]

    def _guarded(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme != "Token" or token not in (TOKEN, STRANGER):
                return JSONResponse({"detail": "Invalid token."}, status_code=401)
            if (wait := self._throttled(token)) is not None:
                self.refused += 1
                said = "Request limit exceeded. Either wait an hour, or see API documentation to increase your limits."
                return JSONResponse({"message": said}, 429, headers={"Retry-After": str(int(wait) + 1)})
            return await answer(request, await _form(request))

        return guarded

    def _throttled(self, token: str) -> float | None:
        if self.per_hour is None:
            return None
        now, calls = time.monotonic(), self._calls.setdefault(token, deque())
        while calls and now - calls[0] >= _HOUR_S:
            calls.popleft()
        if len(calls) >= self.per_hour:
            return calls[0] + _HOUR_S - now
        calls.append(now)
        return None

    async def _query(self, _: Request, form: dict[str, str]) -> Response:
        if missing := [key for key in ("selected", "tables", "conditions") if key not in form]:
            return _invalid(missing)
        limit, offset = min(int(form.get("limit", 1000)), 10_000), int(form.get("offset", 0))
        found = run_query(self._alerts, self.sherlock, form, limit, offset)
        return JSONResponse(finite(found) if isinstance(found, list) else {"error": found})

    async def _topics(self, _: Request, form: dict[str, str]) -> Response:
        return JSONResponse([{"topic": TOPIC, "more_info": "https://lasair-ztf.lsst.ac.uk/query/2/"}])

    async def _stream(self, request: Request, form: dict[str, str]) -> Response:
        topic = request.path_params["topic"]
        if topic != TOPIC:
            return JSONResponse({"error": f"Cannot open digest file /streams/{topic}"})
        for candid in self._alerts.rows:
            self._passed.setdefault(candid, self.clock())
        newest = list(self._passed.items())[::-1][:DIGEST]
        rows = [self._record(candid, when) for candid, when in newest]
        return JSONResponse(rows[: int(form.get("limit", DIGEST))])

    def _record(self, candid: int, when: datetime) -> Json:
        return {"objectId": self._alerts.rows[candid]["objectId"], "UTC": f"{when:%Y-%m-%d %H:%M:%S}"}

    async def _objects(self, request: Request, form: dict[str, str]) -> Response:
        names = [name.strip() for name in form.get("objectIds", "").split(",") if name.strip()]
        if not names:
            return _invalid(["objectIds"])
        return JSONResponse(finite([self._body(request, name) for name in names]))

    async def _object(self, request: Request, form: dict[str, str]) -> Response:
        found = self._body(request, form.get("objectId", ""))
        return JSONResponse(finite(found) if found else {"error": "object does not exist"})

    def _body(self, request: Request, name: str) -> Json | None:
        base = f"{request.base_url}lasair/fits/"
        return object_body(self._alerts, name, base, self.sherlock.get(name, {}), self.tns.get(name, {}))

    async def _sherlock_objects(self, _: Request, form: dict[str, str]) -> Response:
        names = form.get("objectIds", "").split(",")
        return JSONResponse({name: {"classifications": {name: self._said(name)}, "crossmatches": []} for name in names})

    async def _sherlock_object(self, _: Request, form: dict[str, str]) -> Response:
        name = form.get("objectId", "")
        return JSONResponse({"classifications": {name: self._said(name)}, "crossmatches": []})

    def _said(self, name: str) -> list[str]:
        row = self.sherlock.get(name, {})
        return [str(row.get("classification", "ORPHAN")), str(row.get("description", ""))]

    async def _annotate(self, request: Request, form: dict[str, str]) -> Response:
        if missing := [k for k in _FIELDS if k not in form or (not form[k] and k not in _MAY_BE_BLANK)]:
            return _invalid(missing)
        if long := [key for key, most in _FIELDS.items() if len(form[key]) > most]:
            return JSONResponse(
                {key: [f"Ensure this field has no more than {_FIELDS[key]} characters."] for key in long}, 400
            )
        topic = form["topic"]
        if topic != ANNOTATOR:
            return JSONResponse({"error": f"Annotator error: topic {topic} does not exist"})
        if request.headers["authorization"] != f"Token {TOKEN}":
            return JSONResponse({"error": f"Annotator error: A Stranger is not allowed to submit to topic {topic}"})
        if not self.active:
            return JSONResponse({"error": f"Annotator error: topic {topic} is not active -- ask Lasair team"})
        values = "', '".join(form[key] for key in ("objectId", "topic", "version", "classification"))
        query = f"REPLACE INTO annotations (...) VALUES ('{values}', ...)"  # noqa: S608  # shown, and never run
        if any("'" in form[key] or "\\" in form[key] for key in _FIELDS):
            return JSONResponse({"error": "Query failed 1064: You have an error in your SQL syntax\n"})
        body = {key: form[key] for key in ("classification", "version", "explanation", "url")}
        body["classdict"] = json.loads(form["classdict"])
        self.annotations[topic, form["objectId"]] = body
        self.written.append(Written(topic, form["objectId"], body))
        return JSONResponse({"status": "success", "query": query})

    async def _fits(self, request: Request) -> Response:
        candid, _, kind = request.path_params["name"].partition("_")
        stamps = self._alerts.stamps.get(int(candid) if candid.isdigit() else -1, {})
        data = stamps.get(kind) if kind in STAMPS else None
        return Response(data or b"", media_type="image/fits")


async def _form(request: Request) -> dict[str, str]:
    """Arguments in the query, as a form, or as JSON."""
    found = dict(request.query_params)
    text = (await request.body()).decode("utf-8", "replace")
    if "json" in request.headers.get("content-type", ""):
        return found | {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in json.loads(text).items()
        }
    return found | {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}


def _invalid(missing: list[str]) -> Response:
    return JSONResponse({key: ["This field is required."] for key in missing}, status_code=400)
