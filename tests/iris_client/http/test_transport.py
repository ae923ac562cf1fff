import gzip
import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from iris_client.errors import BadPayload, NotFound, Refused, Unavailable, Uncertain, UpstreamError
from iris_client.http.pacer import Pacer
from iris_client.http.transport import Hooks, Transport

TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e"
ODD_TOKEN = "not_a_uuid.at/all+"
NGINX_429 = b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>nginx</body></html>"

JSON = {"content-type": "application/json"}

Handler = Callable[[httpx.Request], httpx.Response]


def ok(data: Any = None) -> httpx.Response:
    return httpx.Response(200, json={"status": "success", "data": {} if data is None else data, "version": "1.4.0"})


def error(status: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"status": "error", "message": message, "data": {}, "version": "1.4.0"})


def html(status: int, body: bytes = NGINX_429, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=body, headers={"content-type": "text/html", **headers})


class Server:
    """Answers from a list, the last one for ever; an exception in it is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.seen = list(answers), []  # type: ignore[var-annotated]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def client(handler: Handler, *, token: str = TOKEN, **rest: Any) -> tuple[Transport, list[float]]:
    naps: list[float] = []
    pacer = Pacer(1e6, 1000, sleep=lambda _: None)
    made = Transport(
        "http://marshal.test/", token, pacer=pacer, sleep=naps.append, http=httpx.MockTransport(handler), **rest
    )
    return made, naps


def test_a_request_carries_the_token_in_lower_case_and_asks_for_json() -> None:
    server = Server(ok([1]))
    transport, _ = client(server)
    assert transport.get("/api/x", {"groupIDs": "6,2"}, expect=list) == [1]
    (request,) = server.seen
    assert request.headers["Authorization"] == f"token {TOKEN}"
    assert str(request.url) == "http://marshal.test/api/x?groupIDs=6%2C2"


@pytest.mark.parametrize(
    ("method", "answer", "kind"),
    [
        ("get", error(400, "Cannot retrieve sources"), Refused),
        ("get", error(400, "Invalid object ID."), NotFound),
        ("get", error(401, "HTTP 401: Unauthorized"), Refused),
        ("get", error(403, "Could not access spectrum 999999."), NotFound),
        ("get", error(403, f"Insufficient permissions for User {TOKEN} to read Obj X"), NotFound),
        ("get", error(404, "Source not found"), NotFound),
        ("get", error(500, "invalid literal for int() with base 10: '[6]'"), Refused),
        ("get", error(500, "(psycopg.OperationalError) server closed the connection"), Unavailable),
        ("get", error(503, "Database unavailable"), Unavailable),
        ("get", html(429), Unavailable),
        ("get", html(502), Unavailable),
        ("get", html(504), Unavailable),
        ("get", html(403), Unavailable),
        ("get", html(404), Unavailable),
        ("get", html(500), Unavailable),
        ("get", html(200, b"<!DOCTYPE html>Please sign in"), Unavailable),
        ("get", httpx.Response(301, headers={"location": "https://elsewhere.test/"}), Refused),
        (
            "get",
            httpx.Response(200, content=b'{"status": "suc', headers={"content-type": "application/json"}),
            BadPayload,
        ),
        ("get", httpx.Response(200, json=[1]), BadPayload),
        ("get", httpx.Response(200, json={"data": {}}), BadPayload),
        ("get", httpx.Response(200, json={"status": "error", "message": "no"}), Refused),
        ("get", httpx.Response(400, json={"status": "success", "data": {}}), BadPayload),
        ("post", httpx.Response(400, json={"status": "success", "data": {}}), Uncertain),
        ("get", httpx.Response(200, content=b"[" * 100_000, headers=JSON), BadPayload),
        ("get", ok("text"), BadPayload),
        ("get", httpx.ReadTimeout("late"), Unavailable),
        ("get", httpx.ConnectError("refused"), Unavailable),
        ("get", httpx.RemoteProtocolError("gone"), Unavailable),
        ("put", error(403, "Could not find any accessible annotations."), NotFound),
        ("put", error(403, "Insufficient permissions"), Refused),
        ("put", error(413, "too large"), Refused),
        ("delete", error(403, "Could not find any accessible annotations."), NotFound),
        ("post", error(401, "HTTP 401: Unauthorized"), Refused),
        ("post", error(403, "Could not access spectrum 99999."), Refused),
        ("post", error(404, "Obj ZTF99 not found"), NotFound),
        ("post", error(405, "HTTP 405: Method Not Allowed"), Refused),
        ("post", html(405), Uncertain),
        ("post", html(429), Uncertain),
        ("post", html(502), Uncertain),
        ("post", error(500, "(injected) something broke"), Uncertain),
        ("post", error(500, "JSON decode of request body failed on /api/x"), Refused),
        ("post", ok("text"), Uncertain),
        ("post", httpx.ReadTimeout("late"), Uncertain),
        ("post", httpx.RemoteProtocolError("gone"), Uncertain),
    ],
)
def test_every_answer_has_its_place_in_the_error_tree(method: str, answer: Any, kind: type[UpstreamError]) -> None:
    transport, _ = client(Server(answer))
    with pytest.raises(UpstreamError) as caught:
        _call(transport, method)
    assert isinstance(caught.value, kind)
    assert isinstance(caught.value, Uncertain) == (kind is Uncertain)
    assert len(str(caught.value)) <= 400
    if not isinstance(answer, Exception) and kind is not Uncertain:
        assert caught.value.status in {answer.status_code, None}


def _call(transport: Transport, method: str) -> None:
    if method == "get":
        transport.get("/api/x")
    elif method == "delete":
        transport.delete("/api/x")
    else:
        getattr(transport, method)("/api/x", {"a": 1})


def _call_and_read(transport: Transport, method: str) -> None:
    """A PUT does not look at the data it gets, a GET does."""
    _call(transport, method)
    transport.get("/api/x")


def test_a_post_that_was_never_sent_is_no_mystery() -> None:
    transport, _ = client(Server(httpx.ConnectError("refused")))
    with pytest.raises(Unavailable) as caught:
        transport.post("/api/x", {})
    assert type(caught.value) is Unavailable


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_what_may_be_repeated_is(method: str) -> None:
    server = Server(html(502), httpx.ReadTimeout("late"), ok())
    retries: list[Any] = []
    transport, naps = client(server, hooks=Hooks(on_retry=lambda *seen: retries.append(seen)))
    _call(transport, method)
    assert len(server.seen) == 3
    assert len(naps) == 2
    assert [seen[:3] for seen in retries] == [(method.upper(), "/api/x", 1), (method.upper(), "/api/x", 2)]
    assert [seen[3] for seen in retries] == naps


def test_a_post_is_sent_once_unless_the_server_takes_it_twice_for_one() -> None:
    server = Server(html(502), ok({"id": 1}))
    transport, _ = client(server)
    with pytest.raises(Uncertain):
        transport.post("/api/x", {})
    assert len(server.seen) == 1
    server = Server(html(502), ok({"id": 1}))
    transport, _ = client(server)
    assert transport.post("/api/x", {}, repeatable=True) == {"id": 1}


def test_what_never_helps_is_not_repeated() -> None:
    for answer in (error(400, "no"), error(404, "no"), error(401, "no")):
        server = Server(answer)
        with pytest.raises(UpstreamError):
            client(server)[0].get("/api/x")
        assert len(server.seen) == 1


def test_the_attempts_end() -> None:
    server = Server(html(503))
    transport, naps = client(server, attempts=3)
    with pytest.raises(Unavailable):
        transport.get("/api/x")
    assert (len(server.seen), len(naps)) == (3, 2)


def test_waits_grow() -> None:
    transport, naps = client(Server(html(503)), attempts=6)
    with pytest.raises(Unavailable):
        transport.get("/api/x")
    assert all(0.5 * 2**i <= nap <= 0.5 * 2**i + 1.0 for i, nap in enumerate(naps))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": "Fri, 31 Dec 1999 23:59:30 GMT"}, 29.0),
    ],
)
def test_retry_after_is_honoured(headers: dict[str, str], seconds: float) -> None:
    transport, naps = client(Server(html(429, **headers), ok()))
    transport.get("/api/x")
    assert naps == [pytest.approx(seconds, abs=0.01)]


@pytest.mark.parametrize("value", ["soon", "-5", "", "99 GMT", "nan", "Fri, 99 Dec 1999 23:59:59 GMT"])
def test_a_retry_after_without_sense_is_ignored(value: str) -> None:
    transport, naps = client(Server(html(429, **{"retry-after": value}), ok()))
    transport.get("/api/x")
    assert 0 < naps[0] < 2


def test_a_wait_beyond_our_patience_is_left_to_the_caller() -> None:
    server = Server(html(503, **{"retry-after": "3600"}))
    with pytest.raises(Unavailable) as caught:
        client(server)[0].get("/api/x")
    assert caught.value.retry_after == 3600.0
    assert len(server.seen) == 1


def test_a_429_slows_every_user_of_the_token_down() -> None:
    now = [0.0]
    waits: list[float] = []
    pacer = Pacer(1000.0, 50, clock=lambda: now[0], sleep=waits.append)
    transport = Transport(
        "http://x", TOKEN, pacer=pacer, sleep=lambda _: None, http=httpx.MockTransport(Server(html(429), ok()))
    )
    transport.get("/api/x")
    assert waits == [pytest.approx(1.0)]


def test_hooks_are_told_of_every_request_without_its_query() -> None:
    seen: list[tuple[Any, ...]] = []
    transport, _ = client(
        Server(httpx.ReadTimeout("late"), html(502), ok()), hooks=Hooks(on_request=lambda *args: seen.append(args))
    )
    transport.get("/api/x", {"secret": "1"})
    assert [entry[:3] for entry in seen] == [("GET", "/api/x", None), ("GET", "/api/x", 502), ("GET", "/api/x", 200)]
    assert all(entry[3] >= 0 for entry in seen)


def test_a_bare_nan_is_a_null() -> None:
    body = b'{"status": "success", "data": {"a": NaN, "b": [NaN, 1, Infinity]}}'
    answer = httpx.Response(200, content=body, headers={"content-type": "application/json"})
    assert client(Server(answer))[0].get("/api/x") == {"a": None, "b": [None, 1, float("inf")]}


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": float("inf")}, {"x": object()}])
def test_nan_is_never_sent(body: dict[str, Any]) -> None:
    server = Server(ok())
    with pytest.raises(Refused, match="not sent"):
        client(server)[0].put("/api/x", body)
    assert server.seen == []


def test_redirects_do_not_take_the_token_elsewhere() -> None:
    server = Server(httpx.Response(302, headers={"location": "https://evil.test/"}))
    with pytest.raises(Refused, match="redirects"):
        client(server)[0].get("/api/x")
    assert [request.url.host for request in server.seen] == ["marshal.test"]


@pytest.mark.parametrize("url", ["", "marshal", "ftp://x", "http://", "http://user:pass@x", "http://x/?token=1"])
def test_an_url_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="URL must"):
        Transport(url, TOKEN)


@pytest.mark.parametrize("token", ["", " ", f"{TOKEN}\n", f"to ken-{TOKEN}", "tökén-sécret"])
def test_a_token_that_no_header_can_carry_is_not_quoted(token: str) -> None:
    with pytest.raises(ValueError, match="token is empty or holds") as caught:
        Transport("http://x", token)
    assert token.strip() == "" or token.strip() not in str(caught.value)


ECHOES = [
    lambda token: error(403, f"Insufficient permissions for User {token} to read Obj X"),
    lambda token: error(400, f"Token {token} delete Spectrum"),
    lambda token: error(500, f"[parameters: {{'token': '{token}'}}]"),
    lambda token: error(401, f'form "Authorization: token {token}"'),
    lambda token: html(502, f"<html>{'x' * 180}{token}{'y' * 300}</html>".encode()),
    lambda token: html(200, f"<html>Authorization: token {token}</html>".encode()),
    lambda token: httpx.Response(200, json={"status": "success", "data": [token, "x" * 90 + token]}),
    lambda token: httpx.Response(200, json={"oops": token}),
    lambda token: httpx.Response(
        200, content=f'{{"a": "{token}'.encode(), headers={"content-type": "application/json"}
    ),
    lambda token: httpx.ReadTimeout(f"Authorization: token {token}"),
    lambda token: httpx.ConnectError(token),
]


@pytest.mark.parametrize("token", [TOKEN, ODD_TOKEN])
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("method", ["get", "post", "put"])
def test_the_token_shows_nowhere(echo: Any, token: str, method: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    hooks = Hooks(on_request=lambda *a: told.append(repr(a)), on_retry=lambda *a: told.append(repr(a) + str(a[-1])))
    transport, _ = client(Server(echo(token)), token=token, hooks=hooks, attempts=2)
    with caplog.at_level(logging.DEBUG), pytest.raises(UpstreamError) as caught:
        _call_and_read(transport, method)
    shown = [str(caught.value), repr(caught.value), repr(caught.value.args), caplog.text, repr(transport), *told]
    shown += traceback.format_exception(caught.value)
    shown += [repr(vars(transport)), json.dumps(vars(caught.value), default=repr)]
    for text in shown:
        for size in range(len(token), 11, -1):
            assert token[:size] not in text


def test_a_small_answer_that_unpacks_to_hundreds_of_megabytes_is_refused() -> None:
    packed = gzip.compress(b" " * 160 * 2**20, compresslevel=1)
    assert len(packed) < 2 * 2**20
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=packed, headers={**JSON, "content-encoding": "gzip"})

    transport, _ = client(handler)
    with pytest.raises(BadPayload, match="more than 128 MB"):
        transport.get("/api/x")
    assert asked
