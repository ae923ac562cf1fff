"""The pages for people: tonight's list, an object, what was not answered, queue and health, notes."""

from starlette.routing import Route

from plugin.web.pages import actions, documents, objects, queue, similar, tonight, unanswered
from plugin.web.parts import Link, Room, WebParts


def make_room(parts: WebParts) -> Room:
    """Every page, and what can be asked for on them."""
    notes, card = documents.Notes(parts.settings.output_dir), documents.ReportCard(parts.settings.output_dir)
    return Room(
        routes=(
            Route("/", tonight.page_of(parts)),
            Route("/object", objects.search(parts)),
            Route("/object/{name:path}", objects.page_of(parts)),
            Route("/similar/{spectrum:path}", similar.page_of(parts)),
            Route("/unanswered", unanswered.page_of(parts)),
            Route("/queue", queue.page_of(parts)),
            Route("/notes", notes.page),
            Route("/notes/{night}", notes.one),
            Route("/notes/{night}/draft", notes.draft),
            Route("/report-card", card.page),
            Route("/report-card/document", card.document),
            Route("/again", actions.answer_again(parts), methods=["POST"]),
            Route("/retry-post", actions.retry_post(parts), methods=["POST"]),
        ),
        links=(
            Link(path="/", title="Tonight"),
            Link(path="/unanswered", title="Not answered"),
            Link(path="/queue", title="Queue and health"),
            Link(path="/notes", title="Notes"),
            Link(path="/report-card", title="Report card", shown=card.is_there),
        ),
    )
