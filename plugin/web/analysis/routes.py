"""`/analysis/astranet` and `/analysis/needle`: taken in and answered 200 at once; the work is the queue's.

Whoever asks must show the secret that the marshal was told, and is read only then, up to a size. Nothing packed is
unpacked.
"""

import hmac
from datetime import timedelta
from typing import Final, get_args

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plugin.clock import Clock, utc_now
from plugin.environment import PREFIX
from plugin.settings import Settings
from plugin.sources.analysis import make_hooks
from plugin.store import ASTRANET, NEEDLE, Store
from plugin.store.analyses import Service, key_of
from plugin.web.analysis.request import BadRequest, parse_request

PATH: Final = "/analysis/"
MOST_BYTES: Final = 32 * 2**20
"""Of a request: an object with fifty spectra of four thousand pixels has 12 MB."""
MOST_WAITING: Final = 500
NAMES: Final = {"astranet": ASTRANET, "needle": NEEDLE}
_SETTLE: Final = timedelta(seconds=2)
"""Before work begins: SkyPortal notes that we have said 200 in a thread of its own, over whatever is noted by then."""
_log = structlog.get_logger("astranet.requests")


class AnalysisRoutes:
    """The routes, for one service.

    Parameters
    ----------
    store : Store
        A request is one small transaction.
    """

    def __init__(self, settings: Settings, store: Store, clock: Clock = utc_now) -> None:
        assert settings.analysis_secret is not None
        self._settings, self._store, self._clock = settings, store, clock
        self._hooks = make_hooks(settings)

    def routes(self) -> list[Route]:
        """Where they are."""
        path = f"{PATH}{{service}}"
        return [Route(path, self.ask, methods=["POST"]), Route(path, self.tell, methods=["GET"])]

    async def ask(self, request: Request) -> Response:
        """POST: take a request in."""
        try:
            service = self._admitted(request)
            if self._settings.dry_run:
                raise BadRequest(503, f"the service runs dry and sends no answers ({PREFIX}DRY_RUN)")
            body = await _body(request)
            return await run_in_threadpool(self._take, service, body)
        except BadRequest as error:
            _log.warning("a request that is not taken", status=error.status, reason=str(error))
            headers = {429: {"Retry-After": "300"}, 401: {"WWW-Authenticate": "Bearer"}}.get(error.status)
            return JSONResponse({"status": "error", "message": str(error)}, error.status, headers)

    async def tell(self, request: Request) -> Response:
        """GET: whether the service would be answered; `astranet doctor` asks."""
        try:
            return JSONResponse({"status": "ready", "service": self._admitted(request)})
        except BadRequest as error:
            return JSONResponse({"status": "error", "message": str(error)}, error.status)

    def _admitted(self, request: Request) -> Service:
        """Which service is asked, by somebody who may."""
        secret = self._settings.analysis_secret
        assert secret is not None
        expected = f"Bearer {secret.get_secret_value()}".encode()
        if not hmac.compare_digest(request.headers.get("authorization", "").encode("utf-8", "replace"), expected):
            raise BadRequest(401, "the secret is missing or wrong")
        for service in get_args(Service):
            if request.path_params["service"] == service:
                found: Service = service
                return found
        raise BadRequest(404, f"there is no such service, only {' and '.join(get_args(Service))}")

    def _take(self, service: Service, body: bytes) -> Response:
        """Check and store; in a thread, for it may take a moment."""
        asked = parse_request(body, self._hooks.check)
        now = self._clock()
        with self._store.begin() as unit:
            if unit.analyses.waiting() >= MOST_WAITING:
                raise BadRequest(429, f"{MOST_WAITING} analyses are waiting already; try again later")
            new = unit.analyses.add(
                asked.hook,
                service=service,
                target_id=asked.target_id,
                inputs=asked.inputs.plain(),
                now=now,
                due=now + _SETTLE,
                invalid_after=asked.invalid_after,
            )
        log = _log.info if new else _log.warning
        log("asked" if new else "asked again", service=service, source=asked.target_id, request=key_of(asked.hook))
        return JSONResponse({"status": "pending", "message": f"{NAMES[service]}: analysis started"})


async def _body(request: Request) -> bytes:
    """The body, if it is not too long and not packed.

    Raises
    ------
    BadRequest
        As soon as that is known, before the rest is read.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest(415, "packed requests are not read")
    if "json" not in request.headers.get("content-type", "").lower():
        raise BadRequest(415, "only JSON is read")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MOST_BYTES:
        raise BadRequest(413, f"more than {MOST_BYTES // 2**20} MB")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise BadRequest(413, f"more than {MOST_BYTES // 2**20} MB")
        parts.append(part)
    return b"".join(parts)
