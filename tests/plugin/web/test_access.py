"""Who may read the pages and who may change something; and what stands on every answer."""

import re

import pytest

from plugin.environment import ConfigError
from plugin.web.security import POLICY
from plugin.web.sessions import Attempts, Sessions
from tests.plugin.web.conftest import WEB_TOKEN, Visit

ELSEWHERE = {"web_bind": "0.0.0.0:8765", "base_url": "http://pages.test:8765", "client": ("10.0.0.7", 4000)}
PROXY = {"web_trusted_header": "X-Forwarded-User", "web_trusted_proxies": ("10.0.0.0/24",)}


def log_in(browser, token: str = WEB_TOKEN, **headers: str):
    return browser.post("/login", data={"token": token, "next": "/"}, headers=headers)


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def test_on_loopback_everybody_on_this_machine_reads_and_nobody_changes(visit: Visit) -> None:
    browser = visit()
    assert browser.get("/").status_code == 200
    assert browser.post("/logout").status_code == 403


@pytest.mark.parametrize("host", ["evil.test", "evil.test:8765", "127.0.0.1.evil.test", "", "127.0.0.1@evil.test"])
def test_a_name_of_somebody_else_that_points_here_is_refused(visit: Visit, host: str) -> None:
    assert visit().get("/", headers={"host": host}).status_code == 421


def test_metrics_are_not_for_a_page_elsewhere_whose_name_points_here(visit: Visit) -> None:
    assert visit().get("/metrics").status_code == 200
    assert visit().get("/metrics", headers={"host": "evil.test"}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765", "LOCALHOST"])
def test_loopbacks_names_are_ours(visit: Visit, host: str) -> None:
    assert visit().get("/", headers={"host": host}).status_code == 200


def test_who_came_through_a_proxy_is_not_on_this_machine(visit: Visit) -> None:
    assert visit().get("/", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 401


def test_bound_elsewhere_without_token_or_proxy_the_start_is_refused(visit: Visit) -> None:
    with pytest.raises(ConfigError, match=r"ASTRANET_WEB_BIND: 0\.0\.0\.0 can be reached by other machines"):
        visit(web_bind="0.0.0.0:8765")


def test_a_header_that_anybody_could_send_is_refused_at_the_start(visit: Visit) -> None:
    with pytest.raises(ConfigError, match="ASTRANET_WEB_TRUSTED_PROXIES"):
        visit(web_bind="0.0.0.0:8765", web_trusted_header="X-Forwarded-User")


def test_bound_elsewhere_the_token_opens_the_pages(visit: Visit) -> None:
    browser = visit(**ELSEWHERE, web_token=WEB_TOKEN)
    sent_away = browser.get("/?night=2026-06-10")
    assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/login?next=%2F%3Fnight%3D2026-06-10")
    assert browser.get("/login").status_code == 200
    done = log_in(browser)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert browser.get("/").status_code == 200


def test_over_https_the_cookie_is_secure(visit: Visit) -> None:
    browser = visit(**{**ELSEWHERE, "base_url": "https://pages.test"}, web_token=WEB_TOKEN)
    assert "secure" in log_in(browser).headers["set-cookie"].lower()
    behind = visit(**ELSEWHERE, **PROXY, web_token=WEB_TOKEN)
    assert "secure" in log_in(behind, **{"x-forwarded-proto": "https"}).headers["set-cookie"].lower()


def test_a_wrong_token_opens_nothing_and_few_are_allowed(visit: Visit) -> None:
    browser = visit(**ELSEWHERE, web_token=WEB_TOKEN)
    wrong = log_in(browser, "not the token at all")
    assert wrong.status_code == 403
    assert "set-cookie" not in wrong.headers
    assert "not the token at all" not in wrong.text
    assert [log_in(browser, "wrong").status_code for _ in range(5)] == [403] * 4 + [429]
    assert log_in(browser).status_code == 429  # the right one too: who guesses must not see which it was


def test_attempts_are_counted_by_address_and_forgotten() -> None:
    now = [0.0]
    attempts = Attempts(each=2, together=3, seconds=60, clock=lambda: now[0])
    for _ in range(2):
        attempts.wrong("a")
    assert not attempts.allowed("a")
    assert attempts.allowed("b")
    attempts.wrong("c")
    assert not attempts.allowed("b")
    now[0] = 61
    assert attempts.allowed("a")


def test_a_bearer_reads_and_does_not_change(visit: Visit) -> None:
    browser = visit(**ELSEWHERE, web_token=WEB_TOKEN)
    bearer = {"authorization": f"Bearer {WEB_TOKEN}"}
    assert browser.get("/", headers=bearer).status_code == 200
    assert browser.post("/logout", headers=bearer).status_code == 403
    assert browser.get("/", headers={"authorization": "Bearer wrong"}).status_code == 303


def test_a_change_needs_the_forms_token(visit: Visit) -> None:
    browser = visit(web_token=WEB_TOKEN)
    log_in(browser)
    csrf = csrf_of(browser.get("/").text)
    other = visit(web_token=WEB_TOKEN)
    log_in(other)
    for wrong in ({}, {"csrf": ""}, {"csrf": "x" * 2000}, {"csrf": csrf + "x"}, {"csrf": csrf_of(other.get("/").text)}):
        assert browser.post("/logout", data=wrong).status_code == 403
    assert browser.post("/logout", data={"csrf": csrf}, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert browser.post("/logout", data={"csrf": csrf}, headers={"origin": "http://evil.test"}).status_code == 403
    assert browser.post("/logout", data={"csrf": csrf, "much": "x" * 100_000}).status_code == 413
    done = browser.post("/logout", data={"csrf": csrf}, headers={"origin": "http://127.0.0.1:8765"})
    assert done.status_code == 303
    assert browser.post("/logout", data={"csrf": csrf}).status_code == 403


def test_a_login_from_another_site_is_refused(visit: Visit) -> None:
    browser = visit(web_token=WEB_TOKEN)
    assert log_in(browser, **{"sec-fetch-site": "cross-site"}).status_code == 403


def test_a_trusted_proxys_header_names_who_it_is(visit: Visit) -> None:
    browser = visit(**ELSEWHERE, **PROXY)
    assert browser.get("/").status_code == 401
    user = {"x-forwarded-user": "<b>jane</b>"}
    page = browser.get("/", headers=user)
    assert page.status_code == 200
    assert "<b>jane" not in page.text
    csrf = browser.app.state.access.sessions.csrf("user <b>jane</b>")
    assert browser.post("/logout", data={"csrf": csrf}, headers={"x-forwarded-user": "john"}).status_code == 403
    assert browser.post("/logout", data={"csrf": csrf}, headers=user).status_code == 303


def test_the_same_header_from_anybody_else_says_nothing(visit: Visit) -> None:
    browser = visit(**{**ELSEWHERE, "client": ("10.0.1.7", 4000)}, **PROXY)
    assert browser.get("/", headers={"x-forwarded-user": "jane"}).status_code == 401


def test_behind_a_proxy_only_the_named_hosts_are_ours(visit: Visit) -> None:
    browser = visit(**ELSEWHERE, **PROXY, web_hosts=("pages.test",))
    user = {"x-forwarded-user": "jane"}
    assert browser.get("/", headers=user).status_code == 200
    assert browser.get("/", headers={**user, "host": "evil.test"}).status_code == 421


def test_a_session_ends_with_its_token_and_is_not_forged() -> None:
    one, other = Sessions("one token, long enough"), Sessions("other token, long enough")
    cookie = one.new()
    assert one.read(cookie) is not None
    assert Sessions("one token, long enough").read(cookie) == one.read(cookie)
    assert other.read(cookie) is None
    assert one.read(cookie[:-2]) is None
    assert one.read(one.csrf("x")) is None
    assert one.read("x" * 5000) is None


@pytest.mark.parametrize("target", ["//evil.test", "https://evil.test", "/\\evil.test", "", "/a\r\nset-cookie: x=1"])
def test_after_the_login_nobody_is_sent_elsewhere(visit: Visit, target: str) -> None:
    browser = visit(web_token=WEB_TOKEN)
    assert browser.post("/login", data={"token": WEB_TOKEN, "next": target}).headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/login", "/static/pages.css", "/no-such-page"])
def test_every_answer_has_the_headers(visit: Visit, path: str) -> None:
    headers = visit(web_token=WEB_TOKEN).get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert visit().get("/", headers={"host": "evil.test"}).headers["x-frame-options"] == "DENY"
