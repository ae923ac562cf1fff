"""The map in a real browser: pointed at, tapped, by keyboard, without script, light and dark, on a phone."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from models.similar.archive import load_archive
from plugin.cycle.spectra.likeness import remember
from plugin.store import open_store
from plugin.web.parts import WebParts
from plugin.web.server import serve
from tests.plugin.conftest import URL, make_settings
from tests.plugin.store.test_similar import filed
from tests.plugin.web.browser import WIDTHS, executable, launched, visiting

pytestmark = pytest.mark.slow
SHOTS = os.environ.get("ASTRANET_TEST_SHOTS")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Pages over twelve answered spectra, for whoever is on this machine."""
    executable()
    folder = tmp_path_factory.mktemp("map")
    settings = make_settings(folder, web_bind="127.0.0.1:0", output_dir=folder)
    archive = load_archive()
    with open_store(f"sqlite:///{folder / 'a.sqlite'}", marshal=URL) as store:
        with store.begin() as unit:
            for n in range(1, 13):
                one = filed(f"ZTF26{'abcdefghijkl'[n - 1]}", str(n), seed=n, bundle=archive.bundle)
                near = archive.analogs.unit[n * 500].astype(float)  # so that they lie among the archive's
                report = replace(one.report, embedding=text_of(near))
                one = replace(one, report=report, observed_at=f"2026-06-{n:02}T00:00:00")
                unit.reports.put(one)
                remember(unit, one)
        with serve(WebParts(settings=settings, store=store)) as address:
            yield address


def text_of(unit) -> str:
    from models.similar.shelf import unit_to_text

    return unit_to_text(unit)


def points(page: Page):
    return page.locator("svg.map a.point")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_the_map_is_sound(browser: Browser, url: str, scheme: str, width: str) -> None:
    with visiting(browser, url, width=WIDTHS[width], scheme=scheme) as visitor:
        page = visitor.goto("/map")
        expect(points(page)).to_have_count(12)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"map-{scheme}-{width}.png", full_page=True)
        assert (visitor.trouble, visitor.grave(), max(visitor.overflow(), 0)) == ([], [], 0)


def test_what_is_pointed_at_says_what_it_is_and_leads_to_its_object(browser: Browser, url: str) -> None:
    with visiting(browser, url) as visitor:
        page = visitor.goto("/map")
        told = page.get_by_role("status")
        first = points(page).last  # the latest lies on top
        said = str(first.get_attribute("aria-label"))
        first.locator("circle").hover()
        expect(told).to_have_text(said)
        page.locator("body").hover(position={"x": 2, "y": 2})
        points(page).first.focus()  # by the keyboard
        expect(told).to_have_text(str(points(page).first.get_attribute("aria-label")))
        page.keyboard.press("Enter")
        page.wait_for_url("**/object/ZTF26a")
        page.go_back()
        box = page.locator("svg.map").bounding_box()
        dot = page.evaluate("JSON.parse(document.querySelector('script.map-archive').textContent)[3]")
        assert box is not None
        scale = box["width"] / 1000
        page.mouse.move(box["x"] + dot[0] * scale, box["y"] + dot[1] * scale)
        expect(told).not_to_have_text("Nothing is pointed at.")
        assert visitor.trouble == []


def test_a_tap_tells_before_it_leads_away(browser: Browser, url: str) -> None:
    with visiting(browser, url, width=390, has_touch=True, is_mobile=True) as visitor:
        page = visitor.goto("/map")
        point = points(page).last
        point.scroll_into_view_if_needed()
        point.locator("circle").tap()
        expect(page.get_by_role("status")).to_have_text(str(point.get_attribute("aria-label")))
        assert page.url.endswith("/map")
        page.get_by_role("status").get_by_role("link").tap()
        page.wait_for_url("**/object/**")
        assert visitor.trouble == []


def test_without_script_it_is_a_picture_of_links(browser: Browser, url: str) -> None:
    with visiting(browser, url, java_script_enabled=False) as visitor:
        page = visitor.goto("/map")
        assert not page.get_by_text("Nothing is pointed at.").is_visible()
        assert page.locator("svg.map path.dots").count() == 7
        point = points(page).last
        assert point.locator("title").text_content() == point.get_attribute("aria-label")
        point.locator("circle").click()
        page.wait_for_url("**/object/**")
