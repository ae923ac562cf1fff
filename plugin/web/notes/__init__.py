"""The pages on which notes are reviewed: the list, one note with its objects, and what goes into the TNS's form."""

from starlette.routing import Route

from plugin.web.notes import actions, files, routes
from plugin.web.parts import Link, Room, WebParts


def make_room(parts: WebParts) -> Room:
    """The routes. Drafts as files of a night are shown by `plugin.web.pages`."""
    return Room(
        routes=(
            Route("/notes", routes.list_of(parts)),
            Route("/note-cards/{spectrum}", files.card(parts)),
            Route("/notes/{kind}/{night}", routes.page_of(parts), methods=["GET"]),
            Route("/notes/{kind}/{night}", actions.change(parts), methods=["POST"]),
            Route("/notes/{kind}/{night}/{version:int}/{file}", files.download(parts)),
        ),
        links=(Link(path="/notes", title="Notes"),),
    )
