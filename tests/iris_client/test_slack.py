"""The web hook's client: what each answer means, and that the address is in nothing it says."""

import json
import traceback

import httpx
import pytest

from iris_client.addresses import check_hook_url, hook_secrets
from iris_client.errors import Refused, Unavailable, UpstreamError
from iris_client.http.pacer import Pacer
from iris_client.http.transport import Hooks
from iris_client.slack import SlackHook, escaped

URL = "https://hooks.slack.test/services/T0/B0/averysecretpart"


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def hook(
    *answers: httpx.Response | Exception, clock: Time | None = None, **more
) -> tuple[SlackHook, list[httpx.Request]]:
    """A hook that gets these answers, then "ok"; and what it was sent."""
    left, seen = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        found = left.pop(0) if left else httpx.Response(200, text="ok")
        if isinstance(found, Exception):
            raise found
        return found

    made = SlackHook(URL, pacer=Pacer(1e6, 100), http=httpx.MockTransport(answer), clock=clock or Time(), **more)
    return made, seen


def text(status: int, body: str, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, text=body, headers={"content-type": "text/html" if "<" in body else "text/plain", **headers}
    )


def test_what_is_sent() -> None:
    made, seen = hook()
    made.post("hello", [{"type": "section"}])
    made.post("alone")
    assert [json.loads(r.content) for r in seen] == [
        {"text": "hello", "blocks": [{"type": "section"}]},
        {"text": "alone"},
    ]
    assert [str(r.url) for r in seen] == [URL, URL]


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        (text(429, "rate_limited", **{"retry-after": "17"}), Unavailable, 17.0),
        (text(429, "rate_limited"), Unavailable, 30.0),
        (text(500, "rollup_error"), Unavailable, None),
        (text(503, "<html>busy</html>"), Unavailable, None),
        (text(200, "<html>Sign in to the network</html>"), Unavailable, None),
        (httpx.ReadTimeout(URL), Unavailable, None),
        (httpx.ConnectError(URL), Unavailable, None),
        (text(400, "invalid_payload"), Refused, None),
        (text(404, "no_service"), Refused, None),
        (text(410, "channel_is_archived"), Refused, None),
        (text(403, "action_prohibited"), Refused, None),
        (httpx.Response(302, headers={"location": "https://elsewhere.test/"}), Refused, None),
        (text(404, f"no hook at {URL} nor at /services/T0/B0/averysecretpart"), Refused, None),
    ],
)
def test_what_an_answer_means(answer, kind, wait) -> None:
    told = []
    made, seen = hook(answer, hooks=Hooks(on_request=lambda *a: told.append(repr(a))))
    with pytest.raises(UpstreamError) as caught:
        made.post("hello")
    assert (type(caught.value), caught.value.retry_after, len(seen)) == (kind, wait, 1)
    said = "".join(traceback.format_exception(caught.value)) + repr(made) + str(told)
    assert "averysecretpart" not in said
    assert "hooks.slack.test" not in said


def test_a_wait_that_is_asked_for_is_kept_to() -> None:
    clock = Time()
    made, seen = hook(text(429, "rate_limited", **{"retry-after": "60"}), clock=clock)
    for now in (0.0, 59.0):
        clock.now = now
        with pytest.raises(Unavailable) as caught:
            made.post("hello")
        assert caught.value.retry_after == 60.0 - now
    assert len(seen) == 1
    clock.now = 60.0
    made.post("hello")
    assert len(seen) == 2


def test_a_hook_that_is_gone_is_asked_once_an_hour() -> None:
    clock = Time()
    made, seen = hook(text(404, "no_service"), clock=clock)
    for _ in range(5):
        with pytest.raises(Refused, match="no_service"):
            made.post("hello")
    assert len(seen) == 1
    clock.now = 3601.0
    made.post("hello")


def test_a_message_that_is_refused_closes_nothing() -> None:
    made, seen = hook(text(400, "invalid_payload"))
    with pytest.raises(Refused):
        made.post("one")
    made.post("another")
    assert len(seen) == 2


def test_asking_says_nothing() -> None:
    made, seen = hook(text(400, "no_text"), text(404, "no_service"))
    assert "is there" in made.probe()
    assert json.loads(seen[0].content) == {}
    with pytest.raises(Refused, match="no_service"):
        made.probe()


def test_one_message_a_second() -> None:
    slept, clock = [], Time()
    pacer = Pacer(1.0, 1, clock=clock, sleep=slept.append)
    made = SlackHook(URL, pacer=pacer, http=httpx.MockTransport(lambda _: httpx.Response(200, text="ok")))
    for _ in range(3):
        made.post("hello")
    assert slept == [1.0, 2.0]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.test/services/averysecretpart",
        "http://10.0.0.1/averysecretpart",
        "ftp://127.0.0.1/averysecretpart",
        "https://user:averysecretpart@hooks.test/x",
        "https://hooks.test/averysecretpart#fragment",
        "https://hooks.test/averysecret part",
        "https:///averysecretpart",
        "https://[averysecretpart/",
        "averysecretpart",
    ],
)
def test_addresses_that_are_refused(url) -> None:
    with pytest.raises(ValueError) as caught:
        check_hook_url(url)
    assert "averysecretpart" not in "".join(traceback.format_exception(caught.value)).split("check_hook_url(url)")[-1]


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:8/x"])
def test_addresses_that_are_taken(url) -> None:
    check_hook_url(url)


def test_the_secret_is_the_path_too() -> None:
    assert hook_secrets(URL) == (URL, "/services/T0/B0/averysecretpart")


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("<!channel> & <http://x|y>", "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"),
        ("two\nlines\tand\u202emore", "two lines and more"),
        ("@here", "@\u200bhere"),
    ],
)
def test_texts_from_elsewhere(given, made) -> None:
    assert escaped(given) == made
