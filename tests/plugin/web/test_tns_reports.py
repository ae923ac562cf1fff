"""The pages of reports to the TNS: what they show, and who may let one be sent. No browser."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from plugin.store import Store
from tests.fakes.filled import MARKUP
from tests.fakes.tns_reports import KEY, SERVER, make_draft
from tests.fakes.web import TestClient
from tests.plugin.conftest import FakeClock
from tests.plugin.web.conftest import WEB_TOKEN, Visit

NASTY = "ZTF26a/<b>&?#"


@pytest.fixture
def put(store: Store, clock: FakeClock):
    def one(target_id: str = "ZTF26a", **change) -> None:
        with store.begin() as unit:
            draft = make_draft(target_id, **change).to_dict()
            assert unit.tns_reports.put_draft(SERVER, target_id, draft, clock())

    return one


@pytest.fixture
def member(visit: Visit) -> TestClient:
    browser = visit(web_token=WEB_TOKEN, tns_report_purity=0.95, tns_api_key=KEY, tns_bot_id=1, tns_bot_name="b")
    browser.post("/login", data={"token": WEB_TOKEN})
    return browser


def fields(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}


def state(store: Store, target_id: str = "ZTF26a"):
    with store.begin() as unit:
        return unit.tns_reports.of(SERVER, target_id)


def test_a_click_with_a_name_approves_the_draft_that_was_shown(put, member, store: Store, tmp_path: Path) -> None:
    put()
    assert "2026abc" in member.get("/reports").text
    page = member.get("/reports/ZTF26a").text
    assert 'viewBox="0 0 600 190"' in page
    for said in ("A. Bee (Institute)", "the marshal (host)", "A. Observer", "2250 s", "Classified by a machine"):
        assert said in page
    answer = member.post("/reports/send", data={**fields(page), "reviewer": "  Ann   Example "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/reports/ZTF26a?said=approved")
    report = state(store)
    assert (report.state, report.reviewer) == ("approved", "Ann Example")
    after = member.get(answer.headers["location"]).text
    assert "reviewed by Ann Example" in after
    assert "I have reviewed it" not in after
    assert (tmp_path / "output" / "tns_reports" / "2026abc" / "report.json").is_file()
    assert KEY not in after + page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reviewer": " "}, "nameless"),
        ({"drafted_at": "2020-01-01T00:00:00"}, "changed"),
    ],
)
def test_what_is_not_asked_for_properly_approves_nothing(put, member, store, change, said) -> None:
    put()
    form = {**fields(member.get("/reports/ZTF26a").text), "reviewer": "Ann", **change}
    assert member.post("/reports/send", data=form).headers["location"].endswith(f"said={said}")
    assert state(store).state == "draft"


def test_a_draft_that_was_made_anew_meanwhile_is_not_approved(put, member, store, clock: FakeClock) -> None:
    put()
    form = {**fields(member.get("/reports/ZTF26a").text), "reviewer": "Ann"}
    clock.forward(minutes=1)
    put(label="SN II", type_name="SN II")
    assert member.post("/reports/send", data=form).headers["location"].endswith("said=changed")
    assert state(store).state == "draft"


def test_two_people_at_once_approve_it_once(put, member, store) -> None:
    put()
    form = {**fields(member.get("/reports/ZTF26a").text)}
    places = [
        member.post("/reports/send", data={**form, "reviewer": who}).headers["location"] for who in ("Ann", "Bob")
    ]
    assert [place.rpartition("=")[2] for place in places] == ["approved", "changed"]
    assert state(store).reviewer == "Ann"


def test_a_draft_that_lacks_something_has_no_button_and_is_not_approved(put, member, store) -> None:
    put()
    form = {**fields(member.get("/reports/ZTF26a").text), "reviewer": "Ann"}
    put(missing=("no observer: set ASTRANET_TNS_OBSERVER",))
    page = member.get("/reports/ZTF26a").text
    assert "no observer: set ASTRANET_TNS_OBSERVER" in page
    assert "I have reviewed it" not in page
    member.post("/reports/send", data=form)
    assert state(store).state == "draft"


def test_without_a_session_or_the_token_of_the_form_nothing_is_approved(put, visit: Visit, member, store) -> None:
    put()
    form = {**fields(member.get("/reports/ZTF26a").text), "reviewer": "Ann"}
    stranger = visit(web_token=WEB_TOKEN)
    assert "Log in to send it" in stranger.get("/reports/ZTF26a").text
    assert stranger.post("/reports/send", data=form).status_code == 403
    assert member.post("/reports/send", data={**form, "csrf": "x"}).status_code == 403
    assert member.post("/reports/send", data={**form, "drafted_at": "x"}).status_code == 400
    assert member.post("/reports/send", data={**form, "target": "nobody"}).status_code == 404
    assert state(store).state == "draft"


def test_markup_is_shown_as_text(put, member) -> None:
    put(NASTY, observer=MARKUP, name="2026x", redshift_source=MARKUP, ascii=f"# OBJECT = {MARKUP}\n3800 1\n3900 2\n")
    page = member.get("/reports").text + member.get(f"/reports/{urlencode({'': NASTY})[1:]}").text
    assert MARKUP not in page
    assert "<b>&amp;" not in page


def test_it_is_said_where_reports_go_and_what_keeps_them(put, visit: Visit) -> None:
    put()
    dry = visit(dry_run=True).get("/reports").text
    for said in ("sandbox.wis-tns.org", "Dry run", "there is no <code>ASTRANET_TNS_API_KEY"):
        assert said in dry
    there = visit(tns_report_url="https://www.wis-tns.org", tns_production=True).get("/reports").text
    assert "they are public and stay for ever" in there


def test_the_link_is_there_only_where_drafts_are(visit: Visit, put) -> None:
    assert 'href="/reports"' not in visit().get("/").text
    assert 'href="/reports"' in visit(tns_report_purity=0.95).get("/").text
    put()
    assert 'href="/reports"' in visit().get("/").text


def test_an_unknown_report(member) -> None:
    assert member.get("/reports/nobody").status_code == 404
