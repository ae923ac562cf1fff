"""The report card and the verdicts on alerts in a real browser."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from plugin.settings import Settings
from plugin.store import ASTRANET, Store, open_store
from plugin.truth.card.files import read_card
from plugin.truth.card.part import write_card
from plugin.web.parts import WebParts
from plugin.web.server import serve
from tests.fakes.truth import NOW, fill
from tests.plugin.conftest import URL, make_settings
from tests.plugin.web.browser import WIDTHS, executable, launched, visiting
from tests.plugin.web.conftest import WEB_TOKEN

pytestmark = pytest.mark.slow
SHOTS = os.environ.get("ASTRANET_TEST_SHOTS")
"""A folder for pictures of every page, for people to look at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    executable()
    return make_settings(tmp_path_factory.mktemp("card"), web_bind="127.0.0.1:0", web_token=WEB_TOKEN)


@pytest.fixture(scope="module")
def store(given: Settings) -> Iterator[Store]:
    with open_store(given.database_url, marshal=URL) as opened:
        fill(opened, objects=300, seed=11)
        write_card(given, opened, now=NOW + timedelta(days=1))
        yield opened


@pytest.fixture(scope="module")
def url(given: Settings, store: Store) -> Iterator[str]:
    with serve(WebParts(settings=given, store=store)) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_the_card_is_sound(browser: Browser, url: str, scheme: str, width: str) -> None:
    for script in (True, False):
        with visiting(browser, url, width=WIDTHS[width], scheme=scheme, java_script_enabled=script) as visitor:
            page = visitor.goto("/report-card/document")
            expect(page.get_by_role("heading", level=1)).to_have_text("How often we were right")
            assert page.locator("svg.chart").count() == 6
            if script:
                assert visitor.overflow() <= 0
            if SHOTS:
                page.screenshot(path=Path(SHOTS) / f"card-{scheme}-{width}.png", full_page=True)
            assert visitor.trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_card_can_be_read_by_everybody(
    browser: Browser, given: Settings, url: str, store: Store, scheme: str
) -> None:
    page = given.output_dir / "report-card" / "index.html"
    with visiting(browser, "file://", scheme=scheme, width=390) as visitor:  # axe is a script, which the pages forbid
        visitor.page.goto(page.as_uri())
        assert visitor.grave() == []
        assert visitor.trouble == []


def test_the_card_is_in_the_navigation_and_says_the_figures(browser: Browser, given: Settings, url: str) -> None:
    card = read_card(given.output_dir)
    assert card is not None
    with visiting(browser, url) as visitor:
        page = visitor.goto("/")
        page.get_by_role("link", name="Report card").click()
        frame = page.frame_locator("iframe.document")
        expect(frame.get_by_role("heading", level=1)).to_have_text("How often we were right")
        tiles = frame.locator(".tiles b").all_inner_texts()
        assert tiles[:2] == [str(card["selection"]["answered"]), str(card["selection"]["settled"])]
        right = card["before"]["right"]
        expect(frame.locator("main")).to_contain_text(f"{100 * right['value']:.1f} %")
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / "card-framed.png")


def test_a_vetter_needs_one_key(browser: Browser, url: str, store: Store) -> None:
    with store.begin(to_read=True) as unit:
        said = unit.verdicts.last(number for _, number in unit.reports.alerts(ASTRANET))
        target_id, number = next((t, n) for t, n in unit.reports.alerts(ASTRANET) if n not in said)
    with visiting(browser, url) as visitor:
        page = visitor.goto(f"/object/{target_id}")
        page.keyboard.press("i")  # nobody is logged in: nothing happens
        assert page.locator("form.verdict").count() == 0
        visitor.goto(f"/login?next=/object/{target_id}")
        page.get_by_label("Token of these pages").fill(WEB_TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/object/{target_id}")
        page.wait_for_load_state("networkidle")  # the keys work once the script has run
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / "verdict.png")
        form = page.locator(f"form.verdict:has(input[value='{number}'])")
        form.locator("button").first.focus()
        page.keyboard.press("a")
        expect(page.get_by_role("status")).to_contain_text("verdict", timeout=20_000)
        page.locator("#find").focus()
        page.keyboard.type("i a n")  # a search, not three verdicts
        expect(page.locator("#find")).to_have_value("i a n")
        page.locator(f"form.verdict:has(input[value='{number}'])").get_by_role(
            "button", name="interesting"
        ).first.click()
        expect(page.get_by_role("status")).to_contain_text("verdict", timeout=20_000)
        assert visitor.trouble == []
        assert visitor.grave() == []
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / "verdict-said.png", full_page=True)
    with store.begin(to_read=True) as unit:
        assert [one.verdict for one in unit.verdicts.history(number)] == ["artefact", "interesting"]
