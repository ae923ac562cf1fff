"""A stand-in for the Transient Name Server on loopback, with the manners of the real one.

403 in HTML without the marker, 401 in JSON with a wrong key, search replies without position and type, code 110 for
what is not there, both envelopes, rolling budgets in headers with the word "Exceeded", 429 in JSON, 500 for positions
with too many decimals, maintenance pages (503, or 200), bulk files with a line of time before the header, a 403 on the
second full one, uploads of files, tables of numbers, reports that are judged later (`reports.py`), and the listing
of AstroNotes, which wants the marker and no key.
After the manual and public clients; not checked against the TNS.
Faults can be brought about as in the marshal's sandbox: `faults` is asked about every call.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from iris_client.tns.mirror import TnsObject, separation_arcsec
from plugin.sandbox.faults import Hook
from plugin.sandbox.gate import Gate, Record
from plugin.sandbox.server import Connections, Served, ServerThread
from plugin.sandbox.tns.files import Files
from plugin.sandbox.tns.reports import Reports, values

NO_RESULTS = {"name": {"110": {"message": "No results found.", "message_id": 110}}}
_LONGEST_DECIMALS = 7
_WINDOW_S = 60.0
_UNITS: Final = {"arcsec": 1.0, "arcmin": 60.0, "deg": 3600.0}


@dataclass(slots=True)
class Rolling:
    """Requests within the last minute, and how many there may be."""

    limit: int
    clock: Callable[[], float]
    times: list[float] = field(default_factory=list)

    def admit(self) -> bool:
        """Count one request; False when there were too many. A refused one does not count."""
        now = self.clock()
        self.times = [t for t in self.times if now - t < _WINDOW_S]
        if len(self.times) >= self.limit:
            return False
        self.times.append(now)
        return True

    def headers(self, prefix: str, *, exceeded: bool) -> dict[str, str]:
        """As the TNS writes them."""
        left = self.limit - len(self.times)
        reset = math.ceil(_WINDOW_S - (self.clock() - self.times[0])) if self.times else 0
        remaining = "Exceeded" if exceeded else str(left)
        return {f"{prefix}-limit": str(self.limit), f"{prefix}-remaining": remaining, f"{prefix}-reset": str(reset)}


class TnsSandbox(Served):
    """The stand-in; use it as a context and fill `objects`.

    Parameters
    ----------
    limit, cone_limit : int
        Requests per rolling minute.
    envelope : str
        `new` (since 2025) or `old`.
    clock : callable
        Seconds; tests pass their own.
    """

    def __init__(
        self,
        *,
        limit: int = 10,
        cone_limit: int = 2,
        envelope: Literal["new", "old"] = "new",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.objects: dict[int, TnsObject] = {}
        self.api_key = "sandbox-tns-key"
        self.bot = (4242, "sandbox_bot")
        self.envelope = envelope
        self.maintenance: Literal[None, "503", "200"] = None
        self.requests: list[tuple[str, int]] = []
        """Every call that reached it, as (path, status) before any fault."""
        self.files = Files(self.objects)
        self.reports = Reports(self.objects)
        self.astronotes: list[dict[str, Any]] = []
        """Notes as the listing shows them, the newest first: `astronote`, `title`, `related_objects` and so on."""
        self._all, self._cones = Rolling(limit, clock), Rolling(cone_limit, clock)
        self._connections = Connections()
        routes = [Route("/{path:path}", self._answer, methods=["GET", "POST"])]
        self._outer = Gate(Starlette(routes=routes), self._connections.abort)

    @property
    def faults(self) -> Hook | None:
        """What goes wrong with which call; None for nothing."""
        return self._outer.hook

    @faults.setter
    def faults(self, hook: Hook | None) -> None:
        self._outer.hook = hook

    @property
    def seen(self) -> list[Record]:
        """Every call as the client saw it end, faults included; status 0 for no answer."""
        return self._outer.records

    def __enter__(self) -> Self:
        self._server = ServerThread(self._outer, self._connections)
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop()

    def add(self, *found: TnsObject) -> None:
        """Make objects public; one with a number that is there replaces it."""
        for one in found:
            self.objects[one.objid] = one

    async def _answer(self, request: Request) -> Response:
        path = "/" + request.path_params["path"]
        if request.headers.get("content-type", "").startswith("multipart/"):
            response = await self._upload(request, path)
            self.requests.append((path, response.status_code))
            return response
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        response = self._gate(request, path, form)
        self.requests.append((path, response.status_code))
        return response

    async def _upload(self, request: Request, path: str) -> Response:
        """`set/file-upload`: every file of the form gets the name it is kept under."""
        async with request.form() as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            files = [(one.filename or "file", await one.read()) for one in form.values() if not isinstance(one, str)]
        refused = self._gate(request, path, {**fields, "files": str(len(files))})
        if refused.status_code != 200 or self.maintenance is not None:
            return refused
        return JSONResponse(self._wrapped([self.reports.upload(name, content) for name, content in files]))

    def _gate(self, request: Request, path: str, form: dict[str, str]) -> Response:
        if self.maintenance is not None:
            return HTMLResponse("<html><body>Down for maintenance</body></html>", int(self.maintenance))
        if not self._marked(request, strict=not path.startswith("/api/")):
            return HTMLResponse("<html><h1>403 Forbidden</h1></html>", 403)
        cone = path == "/api/get/search" and "radius" in form.get("data", "")
        bulk = path.startswith("/api/set/") or path.endswith("bulk-report-reply")
        if bulk:
            return self._route(path, form, request.query_params)
        admitted = self._all.admit() and (not cone or self._cones.admit())
        headers = self._all.headers("x-rate-limit", exceeded=not admitted)
        if cone:
            headers |= self._cones.headers("x-cone-rate-limit", exceeded=not admitted)
        if not admitted:
            return JSONResponse({"id_code": 429, "id_message": "Too Many Requests"}, 429, headers)
        response = self._route(path, form, request.query_params)
        response.headers.update(headers)
        return response

    def _marked(self, request: Request, *, strict: bool) -> bool:
        agent = request.headers.get("user-agent", "")
        if not agent.startswith("tns_marker{"):
            return False
        try:
            said = json.loads(agent.removeprefix("tns_marker"))
        except ValueError:
            return False
        # The bulk files want the marker of a registered bot; the API takes any.
        return not strict or (int(said.get("tns_id", 0)), said.get("name")) == self.bot

    def _route(self, path: str, form: dict[str, str], query: Mapping[str, str]) -> Response:
        self.reports.tick()
        if path == "/astronotes":  # a page of the web site: the marker is enough
            return self._listed(query)
        if form.get("api_key") != self.api_key:
            return JSONResponse({"id_code": 401, "id_message": "Unauthorized"}, 401)
        if path.startswith("/system/files/tns_public_objects/"):
            status, content = self.files.serve(path.rpartition("/")[2])
            return Response(content, status, media_type="application/zip" if status == 200 else "text/html")
        if path == "/api/set/file-upload":
            taken = form.get("files", "0") != "0"
            return JSONResponse({"id_code": 200 if taken else 400}, 200 if taken else 400)
        if path == "/api/get/values":
            return JSONResponse(self._wrapped(values()))
        if path == "/api/set/bulk-report":
            return JSONResponse(self._wrapped({"report_id": self.reports.take(json.loads(form["data"]))}))
        if path == "/api/get/bulk-report-reply":
            status, feedback = self.reports.reply(int(form.get("report_id", 0)))
            return JSONResponse(self._wrapped(feedback, status), status)
        asked = json.loads(form.get("data") or "{}")
        if path == "/api/get/search":
            return self._search(asked)
        if path == "/api/get/object":
            return JSONResponse(self._wrapped(self._object(asked)))
        return JSONResponse({"id_code": 404, "id_message": "Not Found"}, 404)

    def _listed(self, query: Mapping[str, str]) -> Response:
        if query.get("format") != "json":
            return HTMLResponse("<html><body>AstroNotes</body></html>")
        size, page = int(query.get("num_page", "50")), int(query.get("page", "0"))
        some = self.astronotes[size * page : size * (page + 1)]
        return JSONResponse({str(size * page + i): one for i, one in enumerate(some)})

    def _search(self, query: dict[str, Any]) -> Response:
        if any(len(str(query.get(axis, "")).partition(".")[2]) > _LONGEST_DECIMALS for axis in ("ra", "dec")):
            return HTMLResponse("<html>500 Internal Server Error</html>", 500)
        found = [one for one in self.objects.values() if _matches(one, query)]
        rows = [{"objname": one.name, "prefix": one.prefix, "objid": one.objid} for one in found]
        return JSONResponse(self._wrapped(rows))

    def _object(self, query: dict[str, Any]) -> dict[str, Any]:
        named = [one for one in self.objects.values() if one.name == query.get("objname")]
        if not named:
            return dict(NO_RESULTS)
        spectra = self.reports.spectra.get(named[0].name, []) if query.get("spectra") == "1" else []
        return {**_as_json(named[0]), "spectra": spectra}

    def _wrapped(self, payload: Any, code: int = 200) -> dict[str, Any]:
        data = payload if self.envelope == "new" else {"received_data": {}, "reply": payload}
        return {"id_code": code, "id_message": "OK" if code == 200 else "Error", "data": data}


def _matches(one: TnsObject, query: dict[str, Any]) -> bool:
    if query.get("internal_name"):
        return bool(query["internal_name"] in one.internal_names)
    if query.get("objname"):
        return bool(one.name == query["objname"])
    if "ra" not in query:
        return False
    distance = separation_arcsec(float(query["ra"]), float(query["dec"]), one.ra_deg, one.dec_deg)
    return distance <= float(query.get("radius") or 0) * {"arcmin": 60.0, "deg": 3600.0}.get(
        query.get("units", ""), 1.0
    )


def _as_json(one: TnsObject) -> dict[str, Any]:
    return {
        "objname": one.name,
        "name_prefix": one.prefix,
        "objid": one.objid,
        "object_type": {"name": one.type, "id": 3 if one.type else None},
        "redshift": one.redshift,
        "radeg": one.ra_deg,
        "decdeg": one.dec_deg,
        "hostname": None,
        "internal_names": ", " + ", ".join(one.internal_names),  # with the orphan comma of the real one
        "discoverydate": one.discovered_at,
        "public": 1,
        "photometry": [],
        "spectra": [],
    }
