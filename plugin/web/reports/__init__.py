"""The pages of classification reports to the TNS: the list, one of them, and the button that lets it be sent."""

from starlette.routing import Route

from plugin.web.parts import Link, Room, WebParts
from plugin.web.reports import routes


def make_room(parts: WebParts) -> Room:
    """The routes."""
    return Room(
        routes=(
            Route("/reports", routes.list_of(parts)),
            Route("/reports/send", routes.send(parts), methods=["POST"]),
            Route("/reports/{name:path}", routes.page_of(parts)),
        ),
        links=(Link(path="/reports", title="TNS reports", shown=lambda: routes.are_shown(parts)),),
    )
