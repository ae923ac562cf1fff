"""A stand-in for BOOM's own REST API, under `/boom` of the sandbox: log-in, `queries/find`, cutouts.

Only what the client asks for is there: equality, `$in` and `$gte` in filters, dots in their keys,
and projections that name or leave out columns.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from plugin.sandbox.brokers.alerts import AlertTable
from plugin.sandbox.skyportal.api import finite
from plugin.sandbox.skyportal.routes.brokers import cutouts_json

USERNAME = "sandbox"
PASSWORD = "sandbox-password"  # noqa: S105  # of a stand-in on loopback
_DAY_S = 86400

Answer = Callable[[Request], Awaitable[Response]]


class BoomStandIn:
    """The routes, and the tokens they have given out."""

    def __init__(self, alerts: AlertTable) -> None:
        self._alerts = alerts
        self._tokens: set[str] = set()

    def routes(self) -> list[Route]:
        """Log-in, find, cutouts."""
        return [
            Route("/boom/auth", self._auth, methods=["POST"]),
            Route("/boom/queries/find", self._guarded(self._find), methods=["POST"]),
            Route("/boom/surveys/{survey}/cutouts", self._guarded(self._cutouts), methods=["GET"]),
        ]

    def expire(self) -> None:
        """Let every token run out."""
        self._tokens.clear()

    async def _auth(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        if (form.get("username"), form.get("password")) != ([USERNAME], [PASSWORD]):
            said = {"error": "invalid_client", "error_description": "Invalid username or password"}
            return JSONResponse(said, status_code=401)
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": _DAY_S})

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or token not in self._tokens:
                return PlainTextResponse("Unauthorized", status_code=401)
            return await answer(request)

        return guarded

    async def _find(self, request: Request) -> Response:
        try:
            query = json.loads(await request.body())
            rows = self._collection(query["catalog_name"])
            wanted = query["filter"].items()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return JSONResponse({"message": f"Invalid filter: {error}"}, status_code=400)
        found = [row for row in rows if all(_holds(_inside(row, key), value) for key, value in wanted)]
        data = finite([_projected(row, query.get("projection")) for row in found])
        return JSONResponse({"message": "success", "data": data})

    def _collection(self, name: str) -> list[dict[str, Any]]:
        ztf = name.startswith("ZTF")
        if name.endswith("_alerts_aux"):
            rows = [{"_id": key, **value} for key, value in self._alerts.histories.items()]
            return [row for row in rows if row["_id"].startswith("ZTF") == ztf]
        return [row for row in self._alerts.rows.values() if row["objectId"].startswith("ZTF") == ztf]

    async def _cutouts(self, request: Request) -> Response:
        candid = request.query_params.get("candid", "")
        found = cutouts_json(self._alerts.stamps, candid)
        if found is None:
            return JSONResponse({"message": f"no cutouts found for candid {candid}"}, status_code=404)
        return JSONResponse({"message": f"cutouts found for candid: {candid}", "data": found})


def _inside(row: Any, key: str) -> Any:
    """The value under a key with dots, as the database reads it."""
    for part in key.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        low = wanted.get("$gte")
        return value in wanted.get("$in", (value,)) and (low is None or (value is not None and value >= low))
    return bool(value == wanted)


def _projected(row: dict[str, Any], columns: dict[str, int] | None) -> dict[str, Any]:
    if not columns:
        return row
    keep = {key for key, flag in columns.items() if flag}
    return {k: v for k, v in row.items() if (k in keep or k == "_id" if keep else columns.get(k, 1))}
