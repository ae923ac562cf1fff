"""Plays the recorded exchanges of a real SkyPortal to the client."""

import json
from pathlib import Path
from typing import Any

import httpx

from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal

BOT = "11111111-2222-4333-8444-555555555555"


class Recording:
    """Answers each request with the first unused exchange of `names` that fits; what fits none fails the test."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.exchanges = [load(folder, name) for name in names]
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        for exchange in self.exchanges:
            asked = exchange["request"]
            if (asked["method"], asked["path"]) == (request.method, request.url.path):
                if len([e for e in self.exchanges if e["request"]["path"] == asked["path"]]) > 1:
                    self.exchanges.remove(exchange)
                return answer(exchange)
        raise AssertionError(f"nothing recorded for {request.method} {request.url}")

    @property
    def writes(self) -> list[tuple[str, str, Any]]:
        """Method, path and body of every request that changes something."""
        return [(r.method, r.url.path, json.loads(r.content or b"null")) for r in self.requests if r.method != "GET"]


def load(folder: Path, name: str) -> dict[str, Any]:
    """One exchange, with the scrubbed token put back in."""
    text = (folder / f"{name}.json").read_text(encoding="utf-8").replace("<BOT_TOKEN>", BOT)
    exchange: dict[str, Any] = json.loads(text)
    return exchange


def answer(exchange: dict[str, Any]) -> httpx.Response:
    """What the server sent."""
    body = exchange["response"]
    if isinstance(body, dict) and body.get("_not_json"):
        content = str(body.get("body", "binary")).encode()
    else:
        content = json.dumps(body).encode()
    return httpx.Response(exchange["status_code"], content=content, headers={"content-type": exchange["content_type"]})


def client(handler: Any) -> SkyPortal:
    """A client that never sleeps."""
    pacer = Pacer(1e6, 1000, sleep=lambda _: None)
    return SkyPortal("http://marshal.test", BOT, pacer=pacer, sleep=lambda _: None, http=httpx.MockTransport(handler))
