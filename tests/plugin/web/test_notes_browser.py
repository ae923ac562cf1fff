"""People in real browsers review a note: objects out and in, texts, approval, what goes to the TNS; two at once."""

import base64
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from iris_client.protocols import Place
from iris_client.tns.astronotes import AstroNote, NotedObject
from models.domain import Target
from plugin.cycle.spectra.sketch import packed
from plugin.notes import Period
from plugin.notes.review.changes import rewritten
from plugin.notes.review.content import draft_of
from plugin.store import Store
from plugin.web.parts import WebParts
from plugin.web.server import serve
from tests.fakes.marshal import FakeMarshal, good
from tests.fakes.review import NOW, OBJECTS, file_answer, kept, make_draft
from tests.plugin.conftest import make_settings
from tests.plugin.web.browser import WIDTHS, Visitor, executable, launched, visiting
from tests.plugin.web.conftest import WEB_TOKEN

pytestmark = pytest.mark.slow

SHOTS = os.environ.get("ASTRANET_TEST_SHOTS")
HERE = "/notes/classes/2026-06-10"
PNG = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def url(tmp_path: Path, store: Store) -> Iterator[str]:
    executable()
    fill(store)
    authors = tmp_path / "authors.txt"
    authors.write_text("Ann Example; Observatory\nC. Dee; Institute of Everything\n")
    marshal = FakeMarshal()
    marshal.add(good("9", "ZTF26new"))
    marshal.targets["ZTF26new"] = Target(target_id="ZTF26new", ra_deg=1.0, dec_deg=2.0, tns_name="AT 2026new")
    settings = make_settings(tmp_path, web_bind="127.0.0.1:0", web_token=WEB_TOKEN, note_authors_file=authors)
    with serve(WebParts(settings=settings, store=store, marshal=lambda: marshal)) as address:
        yield address


def fill(store: Store) -> None:
    """A note with spectra, of which one has a card and one was noted by others; and the note of the night before."""
    before = Period.parse("2026-06-09")
    kept(store, make_draft({"ZTF26tde": "TDE", "ZTF26old": "SN II"}, before), before)
    kept(store)
    wave = np.linspace(0, 1, 320)
    for number, (target_id, label) in enumerate({**OBJECTS, "ZTF26new": "SLSN"}.items(), 1):
        line = np.sin(9 * wave + number) + 3 * np.exp(-(((wave - 0.5) / 0.02) ** 2)) + 2
        facts = {"sketch": packed(line, 3800.0, 9200.0), "redshift": 0.05}
        file_answer(store, target_id, label, 9 if target_id == "ZTF26new" else number, facts=facts)
    with store.begin() as unit:
        body = {"text": "x", "name": "card.png", "png": PNG}
        place = Place(kind="spectrum", id="1")
        unit.outbox.enqueue(place, kind="comment", origin="a", body=body, group_ids=(6,), now=NOW)
        there = (NotedObject(name="2026aib"),)
        noted = AstroNote(
            number="2026-7", title="A note of somebody else", authors="E. Else (Elsewhere)", objects=there
        )
        unit.others_notes.put("https://www.wis-tns.org", [noted], NOW)


def log_in(visitor: Visitor) -> Page:
    page = visitor.goto(f"/login?next={HERE}")
    page.get_by_label("Token of these pages").fill(WEB_TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(visitor.url + HERE)
    return page


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"note-{name}.png"), full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_the_pages_are_sound(browser: Browser, url: str, store: Store, scheme: str, width: str) -> None:
    night = Period.parse("2026-06-08")
    kept(store, rewritten(make_draft(night=night), {"abstract": "x" * 1200, "title": "9 TDE candidates"}), night)
    with visiting(browser, url, width=WIDTHS[width], scheme=scheme) as visitor:
        page = log_in(visitor)
        page.get_by_label("Source group").fill("ATLAS")
        page.get_by_role("button", name="Take out ZTF26ia").click()
        for name, path in {"list": "/notes", "draft": HERE, "wrong": "/notes/classes/2026-06-08"}.items():
            visitor.goto(path)
            assert visitor.grave() == []
            assert visitor.overflow() <= 0
            shot(page, f"{name}-{scheme}-{width}")
        page.goto(url + HERE)
        page.get_by_label("Your name").fill("Ann Example")
        page.get_by_role("button", name="I have reviewed it").click()
        expect(page.get_by_role("status")).to_contain_text("Approved.")
        assert visitor.grave() == []
        assert visitor.overflow() <= 0
        shot(page, f"approved-{scheme}-{width}")
        assert visitor.trouble == []


def test_from_the_draft_to_the_form_of_the_tns(browser: Browser, url: str, store: Store) -> None:
    with visiting(browser, url, permissions=["clipboard-read", "clipboard-write"]) as visitor:
        page = log_in(visitor)
        expect(page.get_by_text("Named already in AstroNote 2026-7")).to_be_visible()
        page.get_by_text("The card with everything about it").click()
        expect(page.get_by_alt_text("Card of spectrum 1 of ZTF26tde")).to_be_visible()
        page.get_by_role("button", name="Take out ZTF26ib").click()
        expect(page.get_by_role("status")).to_contain_text("The object is out")
        expect(page.get_by_label("Title", exact=True)).to_have_value(
            "ASTRANet: 1 TDE candidate and 1 SN Ia candidate from spectra of the night 2026-06-10 UT"
        )
        page.get_by_label("Name in the marshal").fill("ZTF26new")
        page.get_by_role("button", name="Save and add it").click()
        expect(page.get_by_role("status")).to_contain_text("The object is in")
        page.get_by_label("Abstract").fill("Too long. " * 120)
        expect(page.get_by_text("1199 of 1000 characters, plain text: 199 too many")).to_be_visible()
        page.get_by_label("Your name").fill("Ann Example")
        page.get_by_role("button", name="I have reviewed it").click()
        expect(page.get_by_role("alert")).to_contain_text("The abstract has 1199 characters; the TNS takes 1000.")
        with store.begin(to_read=True) as unit:
            assert unit.notes.of("classes", "2026-06-10").state == "draft"
            machine = draft_of(unit.notes.of("classes", "2026-06-10").machine)
        words = machine.abstract.replace("1 TDE candidate and 2 SN Ia candidates", "3 candidates")
        page.get_by_label("Abstract").fill(words)
        page.get_by_label("C. Dee (Institute of Everything)").check()
        page.get_by_label("Source group").press("Enter")  # the keyboard saves, and nothing else
        expect(page.get_by_role("status")).to_contain_text("Saved.")
        expect(page.get_by_text("It keeps every rule")).to_be_visible()
        expect(page.get_by_label("Your name")).to_have_value("Ann Example")
        shot(page, "edited")
        page.get_by_role("button", name="I have reviewed it").click()
        expect(page.get_by_text("Approved by Ann Example", exact=False).first).to_be_visible()
        page.get_by_role("button", name="Copy Authors").click()
        expect(page.get_by_role("button", name="Copied Authors")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == "Ann Example (Observatory), A. Bee (Institute), C. Dee (Institute of Everything)"
        with page.expect_download() as started:
            page.get_by_role("link", name="Related Objects as CSV").click()
        rows = list(csv.reader(io.StringIO(started.value.path().read_text())))
        assert started.value.suggested_filename == "related_objects_classes_2026-06-10_v1.csv"
        assert [row[1] for row in rows] == ["Name", "2026ade [ZTF26tde]", "2026aia [ZTF26ia]", "2026new [ZTF26new]"]
        page.get_by_role("button", name="Start a new version").click()
        expect(page.get_by_text("version 2, last changed by Ann Example")).to_be_visible()
        assert [said for said in visitor.trouble if "422 (Unprocessable" not in said] == []


def test_two_at_once_do_not_overwrite_each_other(browser: Browser, url: str, store: Store) -> None:
    with visiting(browser, url) as one, visiting(browser, url) as other:
        ann, bob = log_in(one), log_in(other)
        ann.get_by_label("Your name").fill("Ann Example")
        ann.get_by_label("Source group").fill("Group of Ann")
        ann.get_by_role("button", name="Save", exact=True).click()
        expect(ann.get_by_role("status")).to_contain_text("Saved.")
        bob.get_by_label("Your name").fill("Bob")
        bob.get_by_label("Source group").fill("Group of Bob")
        bob.get_by_role("button", name="I have reviewed it").click()
        alert = bob.get_by_role("alert")
        expect(alert).to_contain_text("Nothing was saved. The note is not the one you saw any more: Ann Example has")
        expect(alert).to_contain_text("Group of Ann")
        expect(bob.get_by_label("Source group")).to_have_value("Group of Bob")
        assert other.grave() == []
        shot(bob, "two-at-once")
        with store.begin(to_read=True) as unit:
            note = unit.notes.of("classes", "2026-06-10")
        assert (note.state, draft_of(note.content).source_group) == ("draft", "Group of Ann")
        bob.get_by_role("button", name="Save", exact=True).click()
        expect(bob.get_by_role("status")).to_contain_text("Saved.")
        assert one.trouble == []
        other.trouble = [said for said in other.trouble if "409 (Conflict)" not in said]
        assert other.trouble == []


def test_everything_but_copying_works_without_script(browser: Browser, url: str, store: Store) -> None:
    with visiting(browser, url, java_script_enabled=False) as visitor:
        page = log_in(visitor)
        expect(page.get_by_role("button", name="Copy Title")).to_have_count(0)
        page.get_by_role("button", name="Take out ZTF26ib").click()
        page.get_by_label("Your name").fill("Ann Example")
        page.get_by_role("button", name="I have reviewed it").click()
        expect(page.get_by_role("status")).to_contain_text("Approved.")
    with store.begin(to_read=True) as unit:
        assert unit.notes.of("classes", "2026-06-10").approved_by == "Ann Example"
