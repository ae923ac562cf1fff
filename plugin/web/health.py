"""For machines: `/healthz` says whether the service is well, `/metrics` gives figures to Prometheus.

Whether it lives and can work is told to everybody who can connect, for the probes of Kubernetes and load balancers
carry no token. Why not, and the figures, are for those who may read the pages: on loopback, or with the token.
"""

from typing import Final

from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from plugin.ops.health import Health, of_process, of_store
from plugin.ops.metrics import CONTENT_TYPE, exposition
from plugin.web.access import refusal
from plugin.web.parts import Room, WebParts

HEALTH: Final = "/healthz"
METRICS: Final = "/metrics"


def health_of(parts: WebParts) -> Health:
    """How the service is: this process when the pages are its own, else by what the database tells of it."""
    if parts.activity is not None:
        return of_process(parts.store, parts.activity.pulse, parts.settings, clock=parts.clock)
    return of_store(parts.store, parts.settings, now=parts.clock())


def make_room(parts: WebParts) -> Room:
    """The routes."""

    def health() -> Health:
        return health_of(parts)

    def healthz(request: Request) -> Response:
        """200 when all is well, else 503; `?live` asks only whether a restart may help."""
        found = health()
        good = found.live if "live" in request.query_params else found.well
        told: dict[str, object] = {"live": found.live, "ready": found.ready}
        if request.state.visitor.may_read:
            told["reasons"] = list(found.reasons)
        return JSONResponse(told, 200 if good else 503, headers={"cache-control": "no-store"})

    def metrics(request: Request) -> Response:
        if not request.state.visitor.may_read:
            return refusal(401, "Give the token as bearer.")
        try:
            text = exposition(
                parts.store, parts.settings, health, activity=parts.activity, pacer=parts.pacer, clock=parts.clock
            )
        except DBAPIError as error:
            return PlainTextResponse(f"the database cannot be read ({type(error).__name__})\n", 503)
        return Response(text, media_type=CONTENT_TYPE)

    return Room(routes=(Route(HEALTH, healthz), Route(METRICS, metrics)), own_access=(HEALTH, METRICS))
