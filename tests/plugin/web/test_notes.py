"""The pages of notes: what they show, and what the form does. No browser."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from iris_client.errors import Unavailable
from iris_client.tns.astronotes import AstroNote, NotedObject
from models.domain import Target
from plugin.notes import Period
from plugin.notes.review.changes import rewritten
from plugin.notes.review.content import draft_of
from plugin.notes.wording import APPROVER
from plugin.store import Store
from plugin.web.parts import WebParts
from plugin.web.server import make_web_app
from tests.fakes.filled import MARKUP
from tests.fakes.marshal import FakeMarshal, good
from tests.fakes.review import file_answer, kept, make_draft
from tests.fakes.web import TestClient
from tests.plugin.conftest import FakeClock, make_settings
from tests.plugin.web.conftest import BIND, LOCAL, WEB_TOKEN, Visit

HERE = "/notes/classes/2026-06-10"


@pytest.fixture
def marshal() -> FakeMarshal:
    return FakeMarshal()


@pytest.fixture
def member(tmp_path: Path, store: Store, clock: FakeClock, marshal: FakeMarshal):
    """Somebody who is logged in; each call is another browser."""
    path = tmp_path / "authors.txt"
    path.write_text("Ann Example; Observatory\nC. Dee; Institute\n")

    def make(**values) -> TestClient:
        settings = make_settings(tmp_path, web_bind=BIND, web_token=WEB_TOKEN, note_authors_file=path, **values)
        app = make_web_app(WebParts(settings=settings, store=store, clock=clock, marshal=lambda: marshal))
        browser = TestClient(app, base_url=LOCAL, client=("127.0.0.1", 50000), follow_redirects=False)
        browser.post("/login", data={"token": WEB_TOKEN})
        return browser

    return make


def fields(page: str) -> dict[str, str]:
    """What the form holds, as a browser would send it."""
    form = page.split('<form id="edit"')[1].split("</form>")[0]
    found = {n: v for n, v in re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', form) if n != "add"}
    found |= dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>(.*?)</textarea>', form, re.S))
    return {name: unescape(value) for name, value in found.items() if not name.startswith("author_")}


def newest(store: Store):
    with store.begin(to_read=True) as unit:
        return unit.notes.of("classes", "2026-06-10")


def press(browser: TestClient, **more: str):
    """Fill the form and press one of its buttons."""
    return browser.post(HERE, data={**fields(browser.get(HERE).text), **more})


def test_the_list_tells_what_waits_and_what_is_approved(store: Store, visit: Visit, tmp_path: Path) -> None:
    browser = visit()
    assert "no draft to review yet" in browser.get("/notes").text
    kept(store)
    folder = tmp_path / "output" / "notes" / "2026-05-01" / "classes"
    folder.mkdir(parents=True)
    (folder / "astronote.html").write_text("x")
    page = browser.get("/notes").text
    assert HERE in page
    assert "waits for a person" in page
    assert "/note-files/2026-05-01/classes" in page
    assert browser.get("/notes/classes/2026-06-11").status_code == 404
    assert browser.get("/notes/none/2026-06-10").status_code == 404
    assert browser.get(HERE + "?version=7").status_code == 404


def test_who_has_not_logged_in_reads_only(store: Store, visit: Visit) -> None:
    note = kept(store)
    browser = visit(web_token=WEB_TOKEN)
    page = browser.get(HERE).text
    assert "1 TDE candidate and 2 SN Ia candidates" in page
    assert '<form id="edit"' not in page
    answer = browser.post(HERE, data={"version": "1", "revision": "1", "do": "approve", "reviewer": "Eve"})
    assert answer.status_code == 403
    assert newest(store) == note


def test_texts_are_saved_with_whose_they_are(store: Store, member) -> None:
    kept(store)
    browser = member()
    answer = press(browser, title="A title & more", reviewer="  Ann   Example ", body="One.\r\n\r\nTwo.")
    assert (answer.status_code, answer.headers["location"]) == (303, HERE + "?said=saved")
    note = newest(store)
    draft = draft_of(note.content)
    assert (draft.title, draft.body, note.touched_by, note.revision) == (
        "A title & more",
        ("One.", "Two."),
        "Ann Example",
        2,
    )
    page = browser.get(answer.headers["location"]).text
    assert "Saved." in page
    assert "A title &amp; more" in page
    assert 'name="reviewer" value="Ann Example"' in page  # remembered in this browser
    assert press(browser).headers["location"].endswith("said=same")
    assert newest(store).revision == 2


def test_taking_out_saves_what_was_typed_too(store: Store, member) -> None:
    kept(store)
    browser = member()
    answer = press(browser, take_out="ZTF26tde", source_group="ATLAS", do="save")
    assert answer.headers["location"].endswith("said=out")
    draft = draft_of(newest(store).content)
    assert [row.target_id for row in draft.related] == ["ZTF26ia", "ZTF26ib"]
    assert draft.source_group == "ATLAS"
    assert draft.title.startswith("ASTRANet: 2 SN Ia candidates from")
    page = browser.get(HERE).text
    assert "out: <del>2026ade [ZTF26tde]</del>" in page  # since the service's draft
    press(browser, take_out="ZTF26ia")
    last = press(browser, take_out="ZTF26ib", title="typed")
    assert last.status_code == 422
    assert "The last object stays" in unescape(last.text)
    assert fields(last.text)["title"] == "typed"  # and is still there to be saved


def test_adding_asks_the_marshal_and_writes_the_services_row(store: Store, member, marshal: FakeMarshal) -> None:
    kept(store)
    file_answer(store, "ZTF26new", "SLSN", 9)
    marshal.add(good("9", "ZTF26new"))
    marshal.targets["ZTF26new"] = Target(target_id="ZTF26new", ra_deg=1.0, dec_deg=2.0, tns_name="AT 2026new")
    browser = member()
    assert '<option value="ZTF26new">' in browser.get(HERE).text
    assert press(browser, add="ZTF26new", do="add").headers["location"].endswith("said=in")
    draft = draft_of(newest(store).content)
    row = draft.related[-1]
    assert (row.name, row.ra, row.dec, row.label, row.spectrum_id) == (
        "2026new [ZTF26new]", "1.00000", "+2.00000", "SLSN", "9",
    )  # fmt: skip
    assert "1 TDE candidate, 2 SN Ia candidates and 1 SLSN candidate" in draft.title
    for name, said in (("ZTF26new", "is in the note already"), ("ZTF26no", "no object called"), ("", "Say which")):
        answer = press(browser, add=name, do="add")
        assert (answer.status_code, said in unescape(answer.text)) == (422, True)

    def away(_):
        raise Unavailable("no answer")

    file_answer(store, "ZTF26away", "SLSN", 10)
    marshal.target = away
    assert "The marshal does not answer" in press(browser, add="ZTF26away", do="add").text


def test_a_simulated_object_makes_the_note_a_simulation(store: Store, member, marshal: FakeMarshal) -> None:
    kept(store)
    file_answer(store, "ZTF26sim", "SLSN", 9)
    marshal.add(good("9", "ZTF26sim", origin="simulated"))
    browser = member()
    press(browser, add="ZTF26sim", do="add")
    assert "Simulated data" in browser.get(HERE).text
    answer = press(browser, do="approve", reviewer="Ann Example")
    assert answer.status_code == 422
    assert "nobody approves it" in answer.text
    assert newest(store).state == "draft"


def test_approved_with_a_name_dated_and_never_changed_again(store: Store, member, clock: FakeClock) -> None:
    kept(store)
    browser = member()
    nameless = press(browser, do="approve", reviewer="")
    assert nameless.status_code == 422
    assert "Give the name" in nameless.text
    assert press(browser, do="approve", reviewer="Ann Example").headers["location"].endswith("said=approved")
    note = newest(store)
    assert (note.state, note.approved_by, note.approved_at) == ("approved", "Ann Example", clock())
    draft = draft_of(note.content)
    assert draft.authors == "Ann Example (Observatory), A. Bee (Institute)"
    assert APPROVER not in str(note.content)
    page = browser.get(HERE).text
    assert "Approved by Ann Example" in page
    assert '<form id="edit"' not in page
    form = {"csrf": re.search(r'name="csrf" value="([^"]*)"', page)[1], "version": "1", "texts": "1", "title": "late"}
    late = browser.post(HERE, data={**form, "revision": str(note.revision)})
    assert late.status_code == 409
    assert newest(store) == note
    assert browser.post(HERE, data={**form, "revision": str(note.revision), "do": "revise"}).status_code == 303
    assert (newest(store).version, newest(store).state) == (2, "draft")
    assert "version 1" in browser.get(HERE).text
    assert "Approved by Ann Example" in browser.get(HERE + "?version=1").text


def test_an_abstract_of_1200_characters_is_saved_and_never_approved(store: Store, member) -> None:
    kept(store)
    answer = press(member(), abstract="x" * 1200, do="approve", reviewer="Ann Example")
    assert answer.status_code == 422
    assert "1200 characters; the TNS takes 1000" in answer.text
    note = newest(store)
    assert (note.state, len(note.content["abstract"])) == ("draft", 1200)


def test_the_second_of_two_is_told_and_shown_what_the_first_did(store: Store, member) -> None:
    kept(store)
    ann, bob = member(), member()
    stale = fields(bob.get(HERE).text)
    press(ann, title="Title of Ann", reviewer="Ann Example")
    answer = bob.post(HERE, data={**stale, "title": "Title of Bob", "reviewer": "Bob", "do": "save"})
    assert answer.status_code == 409
    text = unescape(answer.text)
    assert "Nothing was saved." in text
    assert "Ann Example has changed it meanwhile" in text
    assert "Title of Ann" in text
    assert fields(answer.text)["title"] == "Title of Bob"
    assert fields(answer.text)["reviewer"] == "Bob"
    assert draft_of(newest(store).content).title == "Title of Ann"
    again = bob.post(HERE, data={**fields(answer.text), "do": "save"})  # now knowing what is there
    assert again.status_code == 303
    assert draft_of(newest(store).content).title == "Title of Bob"
    for more in ({"take_out": "ZTF26ia"}, {"do": "approve", "reviewer": "Bob"}):
        assert bob.post(HERE, data={**stale, **more}).status_code == 409
    assert newest(store).state == "draft"


def test_a_new_draft_of_the_service_does_not_touch_what_people_did(store: Store, member) -> None:
    kept(store)
    press(member(), title="By hand", reviewer="Ann Example")
    again = kept(store, make_draft({"ZTF26tde": "TDE"}))
    assert draft_of(again.content).title == "By hand"
    page = member().get(HERE).text
    assert "in: <ins>2026aia [ZTF26ia]</ins>" in page  # what the service would leave out by now


def test_authors_of_the_file_are_added_by_a_tick(store: Store, member) -> None:
    kept(store)
    browser = member()
    assert "C. Dee (Institute)" in browser.get(HERE).text
    press(browser, author_1="1")
    assert draft_of(newest(store).content).authors.endswith("A. Bee (Institute), C. Dee (Institute)")
    assert 'name="author_1"' not in browser.get(HERE).text


def test_what_others_have_noted_and_called_is_shown(store: Store, visit: Visit, clock: FakeClock) -> None:
    kept(store)
    note = AstroNote(
        number="2026-7",
        title=f"T {MARKUP}",
        authors="A. Bee",
        objects=(NotedObject(name=None, ra_deg=11.0, dec_deg=-3.25),),
    )
    with store.begin() as unit:
        unit.others_notes.put("https://www.wis-tns.org", [note], clock())
    page = visit().get(HERE).text
    assert "Named already in AstroNote 2026-7 (A. Bee)" in page
    assert "<script>alert" not in page


def test_what_goes_into_the_form_of_the_tns(store: Store, visit: Visit) -> None:
    draft = rewritten(make_draft(), {"body": f"One {MARKUP}\n\nTwo."})
    draft = replace(draft, related=(replace(draft.related[0], remarks="=1+1"), *draft.related[1:]))
    kept(store, draft)
    browser = visit()
    table = browser.get(f"{HERE}/1/related_objects.csv")
    assert table.text.splitlines()[0].startswith("Catalog,Name,RA,DEC,Obj-Type,Redshift,Host Name,Host Redshift,")
    assert "'=1+1" in table.text
    body = browser.get(f"{HERE}/1/body.html")
    assert "<script" not in body.text
    for answer in (table, body):
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    for wrong in ("1/x.html", "2/body.html", "1/../body.html"):
        assert browser.get(f"{HERE}/{wrong}").status_code == 404
    assert "<script>alert" not in browser.get(HERE).text


def test_pictures_of_objects_are_pictures(store: Store, visit: Visit, clock: FakeClock) -> None:
    from base64 import b64encode

    from iris_client.protocols import Place

    png = b"\x89PNG\r\n\x1a\n0123"
    with store.begin() as unit:
        for number, content in (("1", b64encode(png).decode()), ("2", "<svg>"), ("3", b64encode(b"<svg>").decode())):
            place, body = Place(kind="spectrum", id=number), {"text": "x", "name": "x.png", "png": content}
            unit.outbox.enqueue(place, kind="comment", origin="a", body=body, group_ids=(6,), now=clock())
    kept(store)
    browser = visit()
    assert 'src="/note-cards/1"' in browser.get(HERE).text
    assert browser.get("/note-cards/1").content == png
    assert browser.get("/note-cards/1").headers["content-type"] == "image/png"
    for number in ("2", "3", "4"):
        assert browser.get(f"/note-cards/{number}").status_code == 404


def test_nonsense_in_the_form_is_refused(store: Store, member) -> None:
    kept(store)
    browser = member()
    for wrong in ({"revision": "x"}, {"version": ""}, {"revision": "9" * 20}):
        assert press(browser, **wrong).status_code == 400
    assert press(browser, csrf="x").status_code == 403
    assert press(browser, take_out="ZTF26none").status_code == 422
    assert press(browser, title="x" * 501).status_code == 422
    assert browser.post("/notes/classes/2026-06-30", data=fields(browser.get(HERE).text)).status_code == 404


def test_the_note_before_and_one_that_cannot_be_read(store: Store, visit: Visit, clock: FakeClock) -> None:
    before = Period.parse("2026-06-09")
    kept(store, make_draft({"ZTF26tde": "TDE", "ZTF26old": "SN II"}, before), before)
    kept(store)
    page = visit().get(HERE).text
    assert "Since the note of 2026-06-09" in page
    assert "out: <del>2026ald [ZTF26old]</del>" in page
    with store.begin() as unit:
        unit.notes.put("classes", "2026-06-12", {"title": MARKUP, "related": []}, clock())
    answer = visit().get("/notes/classes/2026-06-12")
    assert (answer.status_code, "cannot be read by this version" in answer.text) == (500, True)
    assert visit().get("/notes").status_code == 200
