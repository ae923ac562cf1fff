"""The pages for people: tonight's list, an object, what was not answered, queue and health, files of notes."""

from starlette.routing import Route

from plugin.web.pages import actions, documents, objects, queue, record, similar, tonight, unanswered
from plugin.web.pages import map as map_page
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
            Route("/map", map_page.page_of(parts)),
            Route("/unanswered", unanswered.page_of(parts)),
            Route("/queue", queue.page_of(parts)),
            Route("/note-files/{period}/{kind}", notes.one),
            Route("/note-files/{period}/{kind}/draft", notes.draft),
            Route("/needle", record.page_of(parts)),
            Route("/needle/record.csv", record.table_of(parts)),
            Route("/report-card", card.page),
            Route("/report-card/document", card.document),
            Route("/again", actions.answer_again(parts), methods=["POST"]),
            Route("/look", actions.look_into(parts), methods=["POST"]),
            Route("/retry-post", actions.retry_post(parts), methods=["POST"]),
            Route("/verdict", actions.say_verdict(parts), methods=["POST"]),
        ),
        links=(
            Link(path="/", title="Tonight"),
            Link(path="/map", title="Map"),
            Link(path="/unanswered", title="Not answered"),
            Link(path="/queue", title="Queue and health"),
            Link(path="/needle", title="NEEDLE", shown=lambda: record.is_there(parts)),
            Link(path="/report-card", title="Report card", shown=card.is_there),
        ),
    )
