"""The token appears nowhere, even when the server echoes it in every answer."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from plugin.app import build
from plugin.ops import logs
from plugin.ops import show as views
from plugin.settings import Settings
from plugin.store import ASTRANET
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import WAVES, good

TOKENS = ["5ec9e7aa-0000-4000-8000-00000000feed", "a plain secret without form".replace(" ", "_")]


@pytest.fixture(params=TOKENS)
def token(request) -> str:
    return request.param


@pytest.fixture
def log(token) -> Iterator[io.StringIO]:
    """Everything that is logged, as text."""
    root, before = logging.getLogger(), (logging.getLogger().handlers[:], logging.getLogger().level)
    logs.configure(style="json", level="DEBUG", secrets=(token,))
    stream = io.StringIO()
    root.handlers[0].setStream(stream)
    yield stream
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def settings(url: str, token: str, folder: Path) -> Settings:
    return Settings(
        marshal_url=url,
        marshal_token=token,
        group_ids=(6,),
        database_url=f"sqlite:///{folder / 'astranet.sqlite'}",
        output_dir=folder,
        dry_run=False,
    )


def client(url: str, token: str) -> SkyPortal:
    """The client without its waits."""
    return SkyPortal(url, token, pacer=Pacer(1e4, 100), sleep=lambda _seconds: None)


def echoing(token: str):
    """A server that answers what it must and puts the caller's token wherever there is room."""
    spectra = {
        1: {"fluxes": good("1", "x").fluxes, "units": None},
        2: {"fluxes": good("1", "x").fluxes, "units": f"unit of {token}"},
        3: {"fluxes": [token] * len(WAVES), "units": None},
    }

    def stub(number: int) -> dict:
        return {"id": number, "obj_id": "ZTF26a", "modified": "2026-11-20T05:00:00", "type": "source"}

    def data(request: Request) -> object:
        if request.path == "/api/spectra":
            return [stub(n) for n in (1, 2, 3, 4)]
        if found := re.fullmatch(r"/api/spectra/([123])", request.path):
            row = spectra[int(found[1])]
            extra = {"instrument_name": f"SEDM {token}", "origin": token, "groups": [{"id": 6, "name": token}]}
            return {**stub(int(found[1])), "wavelengths": WAVES.tolist(), **row, **extra}
        if request.path == "/api/sources/ZTF26a":
            return {"id": "ZTF26a", "tns_name": token}
        if request.path == "/api/internal/profile":
            return {"id": 1, "username": "bot", "tokens": [{"id": token, "acls": ["Annotate"]}]}
        if request.path == "/api/groups":
            return {"user_groups": [{"id": 6, "name": token}]}
        if request.method == "GET" and request.path.endswith("/annotations"):
            return []
        return None

    def answer(request: Request) -> Response:
        assert request.headers["Authorization"] == f"token {token}"
        found = data(request)
        if found is not None:
            return Response(json.dumps({"status": "success", "data": found}), content_type="application/json")
        status = 403 if request.path.startswith("/api/spectra/1/") else 500
        message = f"Insufficient permissions for User {token}: [parameters: {{'token': '{token}'}}]"
        body = {"status": "error", "message": message, "data": {}}
        return Response(json.dumps(body), status, content_type="application/json")

    return answer


def test_token_appears_nowhere(httpserver: HTTPServer, token, log, tmp_path, capsys):
    httpserver.expect_request(re.compile(".*")).respond_with_handler(echoing(token))
    url = httpserver.url_for("").rstrip("/")
    chosen = settings(url, token, tmp_path)
    with build(chosen, marshal=client(url, token), analyst=FakeAnalyst()) as app:
        cycle = app.once()
        shown = [repr(app), repr(app.settings), str(app.settings), repr(app.marshal), repr(vars(app)), repr(cycle)]
        with app.store.begin() as unit:
            filed, tasks, posts = unit.reports.every(ASTRANET), unit.queue.of("4"), unit.outbox.parked()
        shown += [repr((filed, tasks, posts)), str(list(views.parked(app.store)))]
        shown += list(cycle.trouble)
        raw = b"".join(p.read_bytes() for p in tmp_path.iterdir() if p.is_file())
    assert (cycle.analysed["ok"], cycle.analysed["refused"]) == (1, 2)  # it did get through to the data
    assert "Insufficient permissions" in str(tasks[0].reason)
    assert "Insufficient permissions" in str(posts[0].reason)
    assert "Insufficient permissions" in log.getvalue()
    captured = capsys.readouterr()
    for text in (*shown, log.getvalue(), captured.out, captured.err):
        assert token not in text
    assert token.encode() not in raw


def test_exceptions_do_not_show_the_token(httpserver: HTTPServer, token):
    httpserver.expect_request(re.compile(".*")).respond_with_handler(echoing(token))
    with client(httpserver.url_for("").rstrip("/"), token) as marshal:
        with pytest.raises(Exception, match="Insufficient permissions") as caught:
            marshal.target("unknown")
        assert token not in f"{caught.value!r} {caught.value}"
        assert token not in str(caught.getrepr(style="long", showlocals=False, chain=True))


@pytest.mark.parametrize("style", ["json", "console"])
def test_logs_are_redacted_in_tracebacks_values_and_other_libraries(style, token, capsys):
    root, before = logging.getLogger(), (logging.getLogger().handlers[:], logging.getLogger().level)
    logs.configure(style=style, level="DEBUG", secrets=(token,))
    log = structlog.get_logger("test")
    try:
        raise ValueError(f"token is {token}")
    except ValueError:
        log.exception("failed", url=f"http://x/?{token}", nested={"a": [token, 1.5, None]}, **{"key": token})
        logging.getLogger("library").exception("said %s", token, extra={"more": token})
    printed = capsys.readouterr().err
    root.handlers[:], root.level = before
    structlog.reset_defaults()
    assert printed.count("ValueError: token is ***") == 2
    assert token not in printed
    if style == "json":
        assert [json.loads(line)["level"] for line in printed.splitlines()] == ["error", "error"]


def test_whatever_looks_like_a_token_is_redacted():
    event = logs.Redaction()(None, "info", {"event": f"Token {TOKENS[0]} delete Spectrum", "n": 3})
    assert event == {"event": "Token *** delete Spectrum", "n": 3}
