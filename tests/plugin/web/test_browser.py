"""Every page in a real browser, over what the service really left in its database after a night on the sandbox."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from plugin.notes.files import drafted
from plugin.settings import Settings
from plugin.store import Store, open_store
from plugin.web.parts import WebParts
from plugin.web.server import serve
from tests.fakes.filled import NASTY, fill
from tests.plugin.web.browser import WIDTHS, Visitor, executable, launched, visiting
from tests.plugin.web.conftest import WEB_TOKEN

pytestmark = pytest.mark.slow

SHOTS = os.environ.get("ASTRANET_TEST_SHOTS")
"""A folder for pictures of every page, for people to look at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    executable()  # nothing is filled where nobody can look at it
    filled = fill(tmp_path_factory.mktemp("filled"), n_sources=14)
    return filled.model_copy(update={"web_bind": "127.0.0.1:0", "group_ids": (6, 23)})


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings.database_url, marshal=settings.marshal()[0], beside=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def url(settings: Settings, store: Store) -> Iterator[str]:
    """Pages with a token, to log in with."""
    given = Settings.model_validate({**settings.model_dump(), "web_token": WEB_TOKEN})
    with serve(WebParts(settings=given, store=store)) as address:
        yield address


@pytest.fixture(scope="module")
def paths(settings: Settings, store: Store) -> dict[str, str]:
    """Every page there is, by what it shows."""
    with store.begin(to_read=True) as unit:
        every = unit.reports.every("ASTRANet")
    policies = {f.report.confidence.policy: f.target_id for f in every if f.report.confidence is not None}
    period, kind = drafted(settings.output_dir)[-1]
    return {
        "tonight": "/",
        "map": "/map",
        "similar": f"/similar/{next(f.subject.id for f in every if f.report.verdict is not None)}",
        "sorted": "/?sort=anomaly&night=all",
        "nothing": "/?class=AGN&policy=ALERT&group=99",
        "alert": f"/object/{policies['ALERT']}",
        "ordinary": f"/object/{policies['COMMIT']}",
        "nasty": f"/object/{quote(NASTY, safe='')}",
        "refused": "/unanswered?what=refused",
        "work": "/unanswered?what=work",
        "posts": "/unanswered?what=posts",
        "queue": "/queue",
        "notes": "/notes",
        "note": f"/note-files/{period}/{kind}",
        "login": "/login",
    }


@pytest.fixture
def member(browser: Browser, url: str) -> Iterator[Visitor]:
    """Somebody with a mouse, logged in."""
    with visiting(browser, url) as visitor:
        log_in(visitor)
        yield visitor
        assert visitor.trouble == []


def log_in(visitor: Visitor) -> None:
    page = visitor.goto("/login")
    page.get_by_label("Token of these pages").fill(WEB_TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(visitor.url + "/")


def objects_on(page: Page) -> list[str]:
    return page.locator("table.list tbody tr:not([hidden]) th a").all_inner_texts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_page_is_sound(browser: Browser, url: str, paths: dict[str, str], scheme: str, width: str) -> None:
    with visiting(browser, url, width=WIDTHS[width], scheme=scheme) as visitor:
        log_in(visitor)
        wrong = {}
        for name, path in paths.items():
            visitor.goto(path)
            wrong[name] = [*visitor.trouble, *visitor.grave()]
            wrong[name] += [f"{by} pixels too wide" for by in [visitor.overflow()] if by > 0]
            visitor.trouble.clear()
            if SHOTS:
                visitor.page.screenshot(path=Path(SHOTS) / f"{name}-{scheme}-{width}.png", full_page=True)
        assert {name: found for name, found in wrong.items() if found} == {}


def test_markup_from_outside_is_text(member: Visitor, paths: dict[str, str]) -> None:
    page = member.goto(paths["nasty"])
    expect(page.get_by_role("heading", level=1)).to_have_text(NASTY)
    assert page.locator("main img, main script").count() == 0
    page.goto(member.url + "/")
    page.get_by_role("link", name=NASTY).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NASTY)


def test_the_list_is_sorted_and_filtered(member: Visitor) -> None:
    page = member.goto("/")
    everything = objects_on(page)
    assert page.locator("section h2").first.inner_text().startswith("Alerts")
    page.get_by_role("link", name="Object", exact=True).first.click()
    assert objects_on(page) == sorted(everything)
    expect(page.get_by_role("columnheader", name="Object")).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Class").select_option("SN Ia")
    page.wait_for_url("**class=SN+Ia**")
    fewer = objects_on(page)
    assert 0 < len(fewer) < len(everything)
    assert set(page.locator("td.said-of b").all_inner_texts()) == {"SN Ia"}
    page.get_by_role("link", name="no filter").click()
    page.get_by_label("In this list").fill("tde")
    narrowed = objects_on(page)
    assert 0 < len(narrowed) < len(everything)


def test_what_was_set_aside_is_tried_again(member: Visitor) -> None:
    page = member.goto("/queue")
    page.get_by_role("link", name="set aside").click()
    assert page.url.endswith("/unanswered")
    page.get_by_role("button", name="Try again spectrum").click()
    expect(page.get_by_role("status")).to_contain_text("looked at again")
    expect(page.get_by_text("There is none.")).to_be_visible()
    page.get_by_role("link", name="Posts set aside").click()
    page.get_by_role("button", name="Try again the classification").click()
    expect(page.get_by_role("status")).to_contain_text("tried again")
    page.goto(member.url + "/queue")
    expect(page.locator("li", has_text="spectra waiting").locator("b")).to_have_text("1")


def test_an_answer_is_asked_for_again_and_the_object_found(member: Visitor, paths: dict[str, str]) -> None:
    name = paths["ordinary"].rpartition("/")[2]
    page = member.goto("/notes")
    page.keyboard.press("/")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("button", name="Answer again spectrum").first.click()
    expect(page.get_by_role("status")).to_contain_text("next cycle")
    expect(page.get_by_role("heading", name="Waits to be answered")).to_be_visible()


def test_every_spectrum_with_a_class_has_a_picture_and_can_be_looked_into(
    member: Visitor, paths: dict[str, str]
) -> None:
    page = member.goto(paths["alert"])
    expect(page.locator("svg.looked").first).to_be_visible()  # computed for its card
    assert page.get_by_text("It is no proof that the class is right.").count() >= 1
    page.goto(member.url + paths["ordinary"])
    shown = page.locator("svg.spectrum.match, svg.spectrum:not(.match):not(.looked)").first
    expect(shown).to_be_visible()
    assert shown.get_attribute("aria-label")
    page.get_by_role("button", name="Where did the networks look?").first.click()
    expect(page.get_by_role("status")).to_contain_text("after the service's next cycle")
    expect(page.get_by_role("heading", name="Waits to be answered")).to_be_visible()


def test_with_the_keyboard_alone(browser: Browser, url: str) -> None:
    with visiting(browser, url) as visitor:
        page = visitor.goto("/login")
        page.keyboard.type(WEB_TOKEN)  # the field has the focus
        page.keyboard.press("Enter")
        page.wait_for_url(visitor.url + "/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        reached = set()
        for _ in range(25):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("(e => e.name || e.textContent.trim())(document.activeElement)"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", reached
        assert {"class", "policy", "group", "Filter", "Answered"} <= reached
        page.locator("table.list tbody a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/object/**")
        assert visitor.trouble == []


def test_without_script_everything_is_there(browser: Browser, url: str) -> None:
    with visiting(browser, url, java_script_enabled=False) as visitor:
        log_in(visitor)
        page = visitor.page
        before = len(objects_on(page))
        page.get_by_label("Policy").select_option("ALERT")
        page.get_by_role("button", name="Filter").click()
        assert 0 < len(objects_on(page)) < before
        assert not page.get_by_label("In this list").is_visible()


def test_without_a_login_nothing_can_be_asked_for(browser: Browser, url: str, paths: dict[str, str]) -> None:
    with visiting(browser, url) as visitor:
        for name in ("alert", "refused"):
            page = visitor.goto(paths[name])
            assert page.locator("form[method=post]").count() == 0
            assert page.get_by_role("link", name="log in", exact=True).count() == 1
        page.get_by_role("link", name="log in", exact=True).click()
        page.get_by_label("Token of these pages").fill(WEB_TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url("**" + paths["refused"] + "**")


def test_the_demos_page_is_sound_too(browser: Browser, tmp_path: Path) -> None:
    from tests.plugin.sandbox.demo.test_demo_page import look, page

    path = tmp_path / "index.html"
    path.write_text(page([look("1"), look("2", label="TDE"), look("3", members=())]), encoding="utf-8")
    for scheme in ("light", "dark"):
        for width in WIDTHS.values():
            with visiting(browser, "file://", width=width, scheme=scheme) as visitor:
                visitor.page.goto(path.as_uri())
                assert visitor.trouble == visitor.grave() == []
                assert visitor.overflow() <= 0
