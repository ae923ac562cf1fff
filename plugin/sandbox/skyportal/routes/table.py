"""Which handler answers which path; whatever is not here is not there, in the server's own words."""

from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plugin.sandbox.skyportal.api import VERSION, ApiError, Call, Handler, endpoint
from plugin.sandbox.skyportal.routes import (
    analyses,
    analysis_services,
    annotations,
    brokers,
    candidates,
    classifications,
    comments,
    photometry,
    site,
    sources,
    spectra,
)
from plugin.sandbox.skyportal.state import State

ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_SERVICES = "Manage Analysis Services"

# (method, path, handler, right); fixed paths stand before those with a name in them.
_TABLE: tuple[tuple[str, str, Handler, str | None], ...] = (
    ("GET", "/api/config", site.config, None),
    ("GET", "/api/internal/profile", site.profile, None),
    ("PATCH", "/api/internal/profile", site.change_profile, None),
    ("GET", "/api/internal/annotations_info", annotations.info, None),
    ("GET", "/api/groups", site.groups, None),
    ("GET", "/api/streams", site.streams, None),
    ("GET", "/api/instrument", site.instruments, None),
    ("GET", "/api/telescope", site.telescopes, None),
    ("GET", "/api/taxonomy", classifications.taxonomy, None),
    ("GET", "/api/objtagoption", site.tag_options, None),
    ("POST", "/api/objtagoption", site.create_tag_option, "Manage sources"),
    ("GET", "/api/objtag", site.tags, None),
    ("POST", "/api/objtag", site.create_tag, None),
    ("DELETE", "/api/objtag/{tag_id:int}", site.delete_tag, None),
    ("GET", "/api/sources", sources.query, None),
    ("POST", "/api/sources", sources.create, "Upload data"),
    ("GET", "/api/sources/comments", comments.read_without_place, None),
    ("HEAD", "/api/sources/{obj_id}", sources.is_saved, None),
    ("GET", "/api/sources/{obj_id}", sources.read, None),
    ("PATCH", "/api/sources/{obj_id}", sources.update, "Upload data"),
    ("GET", "/api/sources/{obj_id}/groups", sources.groups_of, None),
    ("GET", "/api/sources/{obj_id}/tns", sources.queue_tns, None),
    ("POST", "/api/sources/{obj_id}/labels", sources.add_labels, None),
    ("DELETE", "/api/sources/{obj_id}/labels", sources.remove_labels, None),
    ("GET", "/api/sources/{obj_id}/spectra", spectra.of_source, None),
    ("GET", "/api/sources/{obj_id}/photometry", photometry.of_source, None),
    ("GET", "/api/sources/{obj_id}/classifications", classifications.of_source, None),
    ("GET", "/api/source_exists/{obj_id}", sources.exists, None),
    ("POST", "/api/source_groups", sources.save_to_groups, "Upload data"),
    ("POST", "/api/photometry", photometry.create, "Upload data"),
    ("GET", "/api/photometry/{photometry_id:int}", photometry.read, None),
    ("GET", "/api/classification", classifications.query, None),
    ("POST", "/api/classification", classifications.create, "Classify"),
    ("GET", "/api/classification/{classification_id:int}", classifications.read, None),
    ("PUT", "/api/classification/{classification_id:int}", classifications.update, "Classify"),
    ("DELETE", "/api/classification/{classification_id:int}", classifications.delete, "Classify"),
    ("GET", "/api/spectra", spectra.query, None),
    ("POST", "/api/spectra", spectra.create, "Upload data"),
    ("GET", "/api/spectra/range", spectra.observed_between, None),
    ("POST", "/api/spectra/bulk", spectra.bulk, None),
    ("POST", "/api/spectra/ascii", spectra.create_ascii, "Upload data"),
    ("POST", "/api/spectra/parse/ascii", spectra.parse_ascii, "Upload data"),
    ("GET", "/api/spectra/{spectrum_id:int}", spectra.read, None),
    ("PUT", "/api/spectra/{spectrum_id:int}", spectra.update, "Upload data"),
    ("DELETE", "/api/spectra/{spectrum_id:int}", spectra.delete, "Upload data"),
    ("POST", "/api/sharing", spectra.share, "Upload data"),
    ("GET", "/api/analysis_service", analysis_services.read_all, None),
    ("POST", "/api/analysis_service", analysis_services.create, _SERVICES),
    ("GET", "/api/analysis_service/{service_id:int}", analysis_services.read, None),
    ("PATCH", "/api/analysis_service/{service_id:int}", analysis_services.update, _SERVICES),
    ("DELETE", "/api/analysis_service/{service_id:int}", analysis_services.delete, _SERVICES),
    ("GET", "/api/obj/analysis", analyses.read_all, None),
    ("GET", "/api/obj/analysis/{analysis_id:int}", analyses.read, None),
    ("DELETE", "/api/obj/analysis/{analysis_id:int}", analyses.delete, "Run Analyses"),
    ("GET", "/api/obj/analysis/{analysis_id:int}/results", analyses.results, None),
    ("GET", "/api/obj/analysis/{analysis_id:int}/plots/{number:int}", analyses.plot, None),
    ("POST", "/api/obj/{obj_id}/analysis/{service_id:int}", analyses.start, "Run Analyses"),
    ("POST", "/api/obj/{obj_id}/analysis_upload/{service_id:int}", analyses.upload, "Run Analyses"),
    ("GET", "/api/candidates", candidates.query, None),
    ("GET", "/api/brokers", brokers.brokers, None),
    ("GET", "/api/brokers/photometry/{obj_id}", photometry.of_broker, None),
    ("GET", "/api/brokers/{broker_id:int}", brokers.broker, None),
    ("GET", "/api/brokers/{broker_id:int}/alerts", brokers.alerts, None),
    ("GET", "/api/brokers/{broker_id:int}/alerts/{alert_id}", brokers.alert, None),
    ("GET", "/api/brokers/{broker_id:int}/alerts/{alert_id}/cutouts", brokers.cutouts, None),
)


def routes(state: State, more: Iterable[Route] = ()) -> list[Route]:
    """Every route, then `more`, and last the one that catches the rest."""
    table = [*_TABLE, *_on_places()]
    made = [Route(path, endpoint(state, handler, acl), methods=[method]) for method, path, handler, acl in table]
    # Starlette adds HEAD to every GET; here only one path answers it.
    for route in made:
        if route.methods and "GET" in route.methods:
            route.methods = {"GET"}
    health = Route("/api/sysinfo", endpoint(state, site.sysinfo, public=True), methods=["GET"])
    hook = "/api/webhook/obj_analysis/{token}"  # the token in the address is all that is asked for
    made.append(Route(hook, endpoint(state, analyses.answer, public=True), methods=["POST"]))
    rest = Route("/api/{rest:path}", endpoint(state, _unknown_api_path), methods=["GET"])
    return [health, *made, *more, rest, Route("/{rest:path}", _not_allowed, methods=ALL_METHODS)]


def _on_places() -> Iterator[tuple[str, str, Handler, str | None]]:
    """Annotations and comments hang on sources and on spectra alike."""
    for place in ("/api/sources/{obj_id}", "/api/spectra/{spectrum_id:int}"):
        note, comment = f"{place}/annotations", f"{place}/comments"
        yield "GET", note, annotations.read_all, None
        yield "POST", note, annotations.create, "Annotate"
        yield "GET", note + "/{annotation_id:int}", annotations.read, None
        yield "PUT", note + "/{annotation_id:int}", annotations.update, "Annotate"
        yield "DELETE", note + "/{annotation_id:int}", annotations.delete, "Annotate"
        yield "GET", comment, comments.read_all, None
        yield "POST", comment, comments.create, "Comment"
        yield "GET", comment + "/{comment_id:int}", comments.read, None
        yield "PUT", comment + "/{comment_id:int}", comments.update, "Comment"
        yield "DELETE", comment + "/{comment_id:int}", comments.delete, "Comment"
        yield "GET", comment + "/{comment_id:int}/attachment", comments.attachment, None


def _unknown_api_path(call: Call) -> None:
    raise ApiError(400, "Invalid API endpoint")


async def _not_allowed(request: Request) -> Response:
    body = {"status": "error", "message": "HTTP 405: Method Not Allowed", "data": {}}
    if request.url.path.startswith("/api/"):
        body["version"] = VERSION
    return JSONResponse(body, status_code=405, headers={"content-type": "application/json; charset=UTF-8"})
