"""Vetters say what an alert is worth; what people say that an object is stands on its page."""

import re
from collections.abc import Callable

import pytest

from models.domain import GivenLabel, Target
from plugin.app import App
from plugin.web.pages.actions import NOBODY_NAMED
from tests.fakes.marshal import FakeMarshal, good
from tests.fakes.sure import PolicyAnalyst
from tests.fakes.web import TestClient
from tests.plugin.conftest import FakeClock
from tests.plugin.web.conftest import WEB_TOKEN, Visit


@pytest.fixture
def app(make_app: Callable[..., App], marshal: FakeMarshal) -> App:
    """A service that has answered an alert of ZTF26a, and a spectrum of ZTF26b that is none."""
    marshal.add(good("1", "ZTF26a"), good("2", "ZTF26b"))
    said = GivenLabel(row_id="5", name="Ia<b>", author_id=3, author="ann<i>", changed_at="2026-06-10T11:00:00")
    marshal.targets["ZTF26a"] = Target(target_id="ZTF26a", given=(said,))
    made = make_app(analyst=PolicyAnalyst({"1": "ALERT"}))
    made.once()
    return made


@pytest.fixture
def member(app: App, visit: Visit) -> TestClient:
    browser = visit(store=app.store, web_token=WEB_TOKEN)
    browser.post("/login", data={"token": WEB_TOKEN})
    return browser


def say(browser: TestClient, verdict: str, number: str = "1", **fields: str) -> str:
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get("/object/ZTF26a").text)
    assert csrf is not None
    sent = {"csrf": csrf.group(1), "id": number, "verdict": verdict, "back": "/object/ZTF26a", **fields}
    done = browser.post("/verdict", data=sent)
    return done.headers.get("location", str(done.status_code))


def history(app: App, number: str = "1") -> list[tuple[str, str]]:
    with app.store.begin(to_read=True) as unit:
        return [(one.who, one.verdict) for one in unit.verdicts.history(number)]


def test_a_vetter_says_and_changes_their_mind(app: App, member: TestClient, clock: FakeClock) -> None:
    assert 'value="interesting"' in member.get("/object/ZTF26a").text
    assert say(member, "interesting") == "/object/ZTF26a?said=verdict"
    assert say(member, "interesting").endswith("said=same")
    clock.forward(hours=1)
    assert say(member, "artefact").endswith("said=verdict")
    assert history(app) == [(NOBODY_NAMED, "interesting"), (NOBODY_NAMED, "artefact")]
    page = member.get("/object/ZTF26a?said=verdict").text
    assert "Your verdict on the alert is written down." in page
    assert re.search(r"with the token: interesting.*with the token: an artefact", page, re.S)


def test_who_a_proxy_names_is_written_down(app: App, visit: Visit) -> None:
    proxy = {"web_bind": "0.0.0.0:8765", "web_trusted_header": "X-User", "web_trusted_proxies": ("10.0.0.9",)}
    browser = visit(store=app.store, base_url="http://x.test", client=("10.0.0.9", 1), web_hosts=("x.test",), **proxy)
    browser.headers["X-User"] = "ann<b>"
    assert say(browser, "not").endswith("said=verdict")
    assert history(app) == [("ann<b>", "not")]
    page = browser.get("/object/ZTF26a").text
    assert "ann&lt;b&gt;: not interesting" in page
    assert "ann<b>" not in page


def test_what_is_no_verdict_or_no_alert_is_told(app: App, member: TestClient) -> None:
    assert say(member, "boring") == "400"
    assert say(member, "not", "2").endswith("said=no-alert")
    assert say(member, "not", "99").endswith("said=no-alert")
    assert say(member, "not", csrf="forged") == "403"
    assert history(app) == history(app, "2") == []
    assert 'action="/verdict"' not in member.get("/object/ZTF26b").text


def test_who_is_not_logged_in_reads_and_does_not_say(app: App, member: TestClient, visit: Visit) -> None:
    say(member, "not")
    page = visit(store=app.store, web_token=WEB_TOKEN).get("/object/ZTF26a").text
    assert "with the token: not interesting" in page
    assert 'action="/verdict"' not in page


def test_what_people_say_stands_on_the_page(app: App, member: TestClient) -> None:
    page = member.get("/object/ZTF26a").text
    assert "What people say" in page
    assert "Ia&lt;b&gt;" in page
    assert "ann&lt;i&gt;" in page
    assert "Nothing counts: what was said is no class of ours" in page
    assert "What people say" not in member.get("/object/ZTF26b").text
