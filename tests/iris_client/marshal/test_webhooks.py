"""Web hooks: which addresses are the marshal's, and what its answers mean."""

import httpx
import pytest

from iris_client.errors import Refused, Unavailable
from iris_client.marshal.webhooks import Spent, Unknown, WebHooks

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
PATH = f"/api/webhook/obj_analysis/{UUID}"
BODY = {"status": "success"}


def hooks(handler=None, *more: str) -> WebHooks:
    transport = httpx.MockTransport(handler or (lambda _: httpx.Response(200, json={})))
    return WebHooks(["https://marshal.test", *more], sleep=lambda _: None, http=transport)


@pytest.mark.parametrize(
    "url",
    [
        f"https://marshal.test{PATH}",
        f"https://marshal.test:443{PATH}",
        f"https://MARSHAL.test{PATH.upper().replace('/API/WEBHOOK/OBJ_ANALYSIS', '/api/webhook/obj_analysis')}",
        f"http://app.inside:5000{PATH}",
    ],
)
def test_the_marshals_own(url):
    hooks(None, "http://app.inside:5000").check(url)


@pytest.mark.parametrize(
    "url",
    [
        f"http://marshal.test{PATH}",
        f"https://marshal.test:8443{PATH}",
        f"https://marshal.test.evil.test{PATH}",
        f"https://evil.test{PATH}",
        f"https://marshal.test@evil.test{PATH}",
        f"https://user:pw@marshal.test{PATH}",
        f"https://evil.test#@marshal.test{PATH}",
        f"https://evil.test\\@marshal.test{PATH}",
        f"https://169.254.169.254{PATH}",
        f"https://[::1]{PATH}",
        f"https://[::1{PATH}",
        f"https://marshal.test:99999{PATH}",
        f"file://marshal.test{PATH}",
        f"gopher://marshal.test:443{PATH}",
        f"//marshal.test{PATH}",
        PATH,
        "",
        f"https://marshal.test{PATH}/../../sources",
        f"https://marshal.test{PATH}?next=x",
        f"https://marshal.test{PATH}#x",
        f"https://marshal.test/x/..{PATH}",
        f"https://marshal.test/api/sources/{UUID}",
        "https://marshal.test/api/webhook/obj_analysis/nope",
        f"https://marshal.test{PATH}\r\nHost: evil.test",
        f"https://marshal.test{PATH}\n",
        f" https://marshal.test{PATH}",
        f"https://m\u0430rshal.test{PATH}",
    ],
)
def test_nobody_elses(url):
    with pytest.raises(ValueError) as caught:
        hooks().check(url)
    assert UUID not in str(caught.value)
    with pytest.raises(Refused):
        hooks(lambda _: pytest.fail("sent")).answer(url, BODY)


def said(status: int, message: str = "") -> httpx.Response:
    good = {"status": "success", "data": {"status": "success"}}
    return httpx.Response(status, json=good if status == 200 else {"status": "error", "message": message, "data": {}})


def test_no_token_is_sent_and_no_redirect_followed():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return said(200) if len(seen) == 1 else httpx.Response(307, headers={"location": "http://evil.test/"})

    made = hooks(answer)
    made.answer(f"https://marshal.test{PATH}", BODY)
    assert "authorization" not in seen[0].headers
    with pytest.raises(Refused) as caught:
        made.answer(f"https://marshal.test{PATH}", BODY)
    assert len(seen) == 2
    assert UUID not in str(caught.value)


@pytest.mark.parametrize("was", ["completed", "failure"])
def test_answered_already_is_answered(was):
    text = f"Analysis already updated with status='{was}' and message=AppleCiDEr: SN Ia 0.93"
    hooks(lambda _: said(403, text)).answer(f"https://marshal.test{PATH}", BODY)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (said(400, "Token has expired"), Spent),
        (said(403, "Analysis already updated with status='timed_out' and message=Analysis timed out"), Spent),
        (said(403, "Invalid token"), Unknown),
        (said(400, "something else"), Refused),
        (said(500, "something broke"), Unavailable),
        (httpx.Response(502, text="<html>"), Unavailable),
        (httpx.Response(403, text="<html>"), Unavailable),
        (httpx.Response(200, text="<html>", headers={"content-type": "text/html"}), Unavailable),
    ],
)
def test_what_an_answer_means(answer, error):
    with pytest.raises(Refused if issubclass(error, Refused) else Unavailable) as caught:
        hooks(lambda _: answer).answer(f"https://marshal.test{PATH}", BODY)
    assert isinstance(caught.value, error)
    assert UUID not in str(caught.value)
