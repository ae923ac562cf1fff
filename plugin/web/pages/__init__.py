"""The pages for people: tonight's queue, an object, what was not answered, queue and health, notes."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from plugin.web.parts import Link, Room, WebParts
from plugin.web.rendering import page


def make_room(_: WebParts) -> Room:
    """The routes."""

    def tonight(request: Request) -> Response:
        return page(request, "tonight.html")

    return Room(routes=(Route("/", tonight),), links=(Link(path="/", title="Tonight"),))
