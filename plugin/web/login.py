"""Logging in with the token, and out again."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from plugin.web.access import LOGIN, Access, address_of, read_body, refusal
from plugin.web.parts import Room, WebParts
from plugin.web.rendering import page
from plugin.web.sessions import COOKIE, SECONDS


def make_room(_: WebParts) -> Room:
    """The routes."""
    return Room(
        routes=(
            Route(LOGIN, show, methods=["GET"]),
            Route(LOGIN, log_in, methods=["POST"]),
            Route("/logout", log_out, methods=["POST"]),
        )
    )


def show(request: Request) -> Response:
    """The form; there is none where there is no token."""
    access: Access = request.app.state.access
    if access.token is None:
        return refusal(404, "There is no token to log in with: set ASTRANET_WEB_TOKEN_FILE.")
    return page(request, "login.html", next=local(request.query_params.get("next")), wrong=None)


async def log_in(request: Request) -> Response:
    """Give a session to whoever knows the token."""
    access: Access = request.app.state.access
    body = await read_body(request)
    if access.token is None or body is None:
        return refusal(404, "There is nothing to log in to.")
    form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    target = local(form.get("next", [""])[0])
    address = address_of(request)
    if not access.attempts.allowed(address):
        wrong = "Too many wrong attempts. Try again in five minutes."
        return page(request, "login.html", 429, next=target, wrong=wrong)
    if not access.is_token(form.get("token", [""])[0].strip(), address):
        return page(request, "login.html", 403, next=target, wrong="This is not the token.")
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        access.sessions.new(),
        max_age=SECONDS,
        path="/",
        httponly=True,
        samesite="strict",
        secure=access.is_https(request),
    )
    return answer


def log_out(_: Request) -> Response:
    """Forget the session."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def local(target: str | None) -> str:
    """An address on this server; whatever else was asked for becomes the first page."""
    plain = target or "/"
    is_ours = plain.startswith("/") and not plain.startswith(("//", "/\\")) and "\n" not in plain and "\r" not in plain
    return plain if is_ours else "/"
