"""What the pages show of answers that the service made, and what can be asked for on them. No browser, no model."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest

from iris_client.errors import BadPayload, Refused, Unavailable
from models.domain import NEEDLE_CLASSES, HostVerdict, Report, Status
from plugin.app import App
from plugin.cycle.spectra.looked import ASKED, to_facts
from plugin.store import ASTRANET, NEEDLE, Filed, object_of, open_store, spectrum
from plugin.web.reading import PAGE, Rank, Reading, Wanted
from tests.fakes.filled import MARKUP
from tests.fakes.marshal import FakeMarshal, bad, good
from tests.fakes.web import TestClient
from tests.plugin.conftest import TOKEN, FakeClock, make_settings
from tests.plugin.cycle.spectra.test_overlays import LOOKED, SECOND, facts_of, matching
from tests.plugin.web.conftest import WEB_TOKEN, Visit

OBJECT = "ZTF26a/<b>&?#"
"""A name that means something in addresses and in HTML."""


@pytest.fixture
def app(make_app: Callable[..., App], marshal: FakeMarshal) -> App:
    """A service that has answered nine spectra and refused one, of objects ZTF26b ... and one with a nasty name."""
    marshal.add(*(good(str(n), f"ZTF26{'bcdefgh'[(n - 1) % 7]}") for n in range(1, 8)))
    marshal.add(good("8", OBJECT, instrument=MARKUP), good("9", "ZTF26b", observed_at="2026-06-10T05:00:00"))
    marshal.add(bad("10", "ZTF26r"))
    made = make_app()
    made.once()
    return made


@pytest.fixture
def browser(app: App, visit: Visit) -> TestClient:
    """Not logged in."""
    return visit(store=app.store, web_token=WEB_TOKEN)


@pytest.fixture
def member(browser: TestClient) -> TestClient:
    """Logged in."""
    browser.post("/login", data={"token": WEB_TOKEN})
    return browser


def objects_on(page: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'<th scope="row"[^>]*><a href="[^"]*">([^<]*)</a>', page)]


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def ask(member: TestClient, path: str, **fields: str):
    csrf = csrf_of(member.get("/unanswered").text)
    return member.post(path, data={"csrf": csrf, **fields})


def test_the_night_with_the_newest_answers_is_shown(browser: TestClient, clock: FakeClock) -> None:
    clock.forward(days=3)
    page = browser.get("/").text
    assert "Night of 2026-06-10" in page
    assert set(objects_on(page)) == {*(f"ZTF26{c}" for c in "bcdefgh"), OBJECT}
    assert "Nothing was answered" in browser.get("/?night=2026-06-01").text


@pytest.mark.parametrize(
    "query", ["night=9999-12-31", "night=0001-01-01", "night=x", "page=-1", "page=99999999999", "sort=x", "group=x"]
)
def test_what_makes_no_sense_is_no_filter(browser: TestClient, query: str) -> None:
    assert browser.get(f"/?{query}").status_code == 200


def test_filters_by_class_and_group(browser: TestClient) -> None:
    assert objects_on(browser.get("/?class=SN+Ibc").text) == ["ZTF26b", "ZTF26c"]  # spectra 9 and 2
    assert len(objects_on(browser.get("/?group=6").text)) == 8
    assert objects_on(browser.get("/?group=66").text) == []
    assert "Nothing in this list passes the filter" in browser.get("/?policy=ALERT").text


def test_sorted_by_name_and_by_certainty(browser: TestClient) -> None:
    by_name = objects_on(browser.get("/?sort=object").text)
    assert by_name == sorted(by_name)
    page = browser.get("/?sort=p").text
    shown = [float(p) for p in re.findall(r'</b> <span class="num">([\d.]+)</span>', page)]
    assert len(shown) == 8
    assert 'aria-sort="descending"' in page
    assert shown == sorted(shown, reverse=True) or objects_on(page)[0] == "ZTF26b"  # its other spectrum was surer


def test_rare_classes_come_before_ordinary_ones(app: App) -> None:
    with app.store.begin(to_read=True) as unit:
        ranked = Reading(unit).ranked(Wanted())
    assert {e.target_id: e.rank for e in ranked if e.rank is Rank.CANDIDATE} == {
        "ZTF26d": Rank.CANDIDATE,  # SLSN
        "ZTF26h": Rank.CANDIDATE,  # TDE
    }
    assert [e.rank for e in ranked] == sorted(e.rank for e in ranked)


def test_needles_answer_stands_beside_the_spectrums(app: App, browser: TestClient, clock: FakeClock) -> None:
    _file_needle(app, "ZTF26b", "TDE", clock)
    _file_needle(app, "ZTF26new", "SLSN-I", clock)
    page = browser.get("/").text
    section = page.partition('id="rank-1"')[2].partition("</section>")[0]
    assert set(objects_on(section)) == {"ZTF26b", "ZTF26new", "ZTF26d", "ZTF26h"}
    assert "SLSN-I from its alerts; no spectrum with a class" in page
    shown = browser.get("/object/ZTF26b").text
    assert "NEEDLE, from its alerts" in shown
    assert "Scores of ZTF26b after 2 nights" in shown


def test_an_object_shows_its_answers_and_what_was_posted(browser: TestClient) -> None:
    page = browser.get("/object/ZTF26b").text
    assert page.index("Spectrum 9") < page.index("Spectrum 1 ")  # the later observation first
    assert page.count('class="spectrum" viewBox') == 2
    assert "fake-1@00000000" in page
    assert re.search(r"spectrum 9</th><td>ASTRANet annotation</td><td>SN Ibc</td><td>sent</td>", page)
    assert 'href="http://marshal.test/source/ZTF26b"' in page


def test_a_second_answer_leaves_the_first_in_the_history(
    app: App, browser: TestClient, marshal: FakeMarshal, clock: FakeClock
) -> None:
    clock.forward(hours=1)
    marshal.add(good("2", "ZTF26c", modified="2026-06-10T13:00:00.000001"))
    app.cycle()
    assert "1 earlier answer<" in browser.get("/object/ZTF26c").text


def test_a_report_without_a_line_says_so(app: App, browser: TestClient) -> None:
    with app.store.begin() as unit:
        filed = unit.reports.of(spectrum("3"), ASTRANET)
        assert filed is not None
        unit.reports.put(replace(filed, facts={}))
    assert (
        "No line of this spectrum was kept: it was answered by an earlier version" in browser.get("/object/ZTF26d").text
    )


def test_whatever_the_stored_line_holds_the_page_is_shown(app: App, browser: TestClient) -> None:
    for broken in ("", "x", "3600-9400:", "3600-9400:AAA", "nan-9400:AAAA", "1-2-3:AAAA", MARKUP):
        with app.store.begin() as unit:
            filed = unit.reports.of(spectrum("3"), ASTRANET)
            assert filed is not None
            unit.reports.put(replace(filed, facts={"sketch": broken, "redshift": "x"}))
        assert browser.get("/object/ZTF26d").status_code == 200
        assert browser.get("/").status_code == 200


def test_texts_from_outside_are_escaped_and_names_are_quoted(app: App, browser: TestClient, clock: FakeClock) -> None:
    start = browser.get("/").text
    assert "<b>&?#" not in start
    address = next(a for a in re.findall(r'href="(/object/[^"]*)"', start) if "3Cb" in a)
    assert address == "/object/ZTF26a%2F%3Cb%3E%26%3F%23"
    page = browser.get(address)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text  # the instrument
    assert "<img src=x" not in browser.get("/object", params={"name": MARKUP}).text


@pytest.mark.parametrize(("name", "found"), [("ZTF26c", "ZTF26c"), (" 10 ", "ZTF26r"), (OBJECT, "ZTF26a%2F%3Cb%3E")])
def test_an_object_is_found_by_name_or_by_spectrum(browser: TestClient, name: str, found: str) -> None:
    done = browser.get("/object", params={"name": name})
    assert done.status_code == 303
    assert done.headers["location"].startswith(f"/object/{found}")


def test_what_is_not_on_file_is_not_found(browser: TestClient) -> None:
    for path in (
        "/object/nobody",
        "/object?name=nobody",
        "/object?name=",
        "/notes/2026-06-10/classes",
        "/notes/x/classes",
        "/report-card",
    ):
        assert browser.get(path).status_code == 404, path


def test_a_refusal_is_listed_with_its_reason(browser: TestClient) -> None:
    page = browser.get("/unanswered").text
    assert "ZTF26r" in objects_on(page)
    assert "70 % needed" in page
    assert "Answer again" not in page  # not logged in
    assert "/login?next=" in page


def test_what_is_parked_is_tried_again_when_asked_for(app: App, member: TestClient, marshal: FakeMarshal) -> None:
    marshal.add(good("11", "ZTF26p", modified="2026-06-10T13:00:00.000001"))
    marshal.trouble = lambda method, place: BadPayload(MARKUP) if (method, place) == ("spectrum", "11") else None
    app.cycle()
    page = member.get("/unanswered").text
    assert "ZTF26p" in objects_on(page)
    assert "<script>alert" not in page
    marshal.trouble = lambda _method, _place: None
    done = ask(member, "/again", kind="spectrum", id="11", back="/unanswered?what=work&page=1")
    assert (done.status_code, done.headers["location"]) == (303, "/unanswered?what=work&page=1&said=again")
    assert "looked at again in the service" in member.get(done.headers["location"]).text
    app.cycle()
    assert "ZTF26p" in objects_on(member.get("/").text)
    assert "spectrum/11" in marshal.posted


def test_an_answer_is_made_again_when_asked_for(app: App, member: TestClient, clock: FakeClock) -> None:
    clock.forward(hours=2)
    assert ask(member, "/again", kind="spectrum", id="1", back="/object/ZTF26b").status_code == 303
    assert app.cycle().analysed == {"ok": 1}
    assert app.cycle().analysed == {}
    with app.store.begin(to_read=True) as unit:
        filed = unit.reports.of(spectrum("1"), ASTRANET)
    assert filed is not None
    assert filed.filed_at == clock.now


def test_a_post_that_is_parked_is_tried_again_when_asked_for(
    app: App, member: TestClient, marshal: FakeMarshal
) -> None:
    marshal.add(good("12", "ZTF26q", modified="2026-06-10T13:00:00.000001"))
    marshal.trouble = lambda method, place: Refused("no", status=400) if (method, place) == ("upsert", "12") else None
    app.cycle()
    marshal.trouble = lambda _method, _place: None
    page = member.get("/unanswered?what=posts").text
    (number,) = set(re.findall(r'name="id" value="(\d+)"', page))
    assert ask(member, "/retry-post", id=number, back="/unanswered?what=posts").status_code == 303
    app.cycle()
    assert "spectrum/12" in marshal.posted


def test_what_is_asked_for_in_vain_is_said(member: TestClient) -> None:
    assert ask(member, "/again", kind="spectrum", id="999", back="/").headers["location"] == "/?said=unknown"
    assert ask(member, "/retry-post", id="999", back="//evil.test").headers["location"] == "/?said=unknown"
    assert ask(member, "/again", kind="planet", id="1").status_code == 400
    assert ask(member, "/retry-post", id="x").status_code == 400


@pytest.mark.parametrize("path", ["/again", "/retry-post"])
def test_nothing_is_changed_without_a_login(browser: TestClient, path: str) -> None:
    assert browser.post(path, data={"kind": "spectrum", "id": "1"}).status_code == 403


def test_queue_and_health_counts_and_keeps_secrets(browser: TestClient) -> None:
    page = browser.get("/queue").text
    assert re.search(r"answered</th><td class=\"num\">10</td>", page)
    assert "fake-1@00000000" in page
    assert "poll" in page
    assert "ASTRANET_MARSHAL_TOKEN" in page


def test_queue_and_health_says_what_is_wrong_and_who_works(app: App, browser: TestClient) -> None:
    assert "It is well" in browser.get("/queue").text
    with app.store.begin() as unit:
        unit.workers.beat(host="node<1>", jobs=("discover", "analyse"))
    page = browser.get("/queue").text
    assert "node&lt;1&gt;" in page
    assert "discover, analyse" in page
    app.marshal.trouble = lambda _method, _place: Unavailable("no answer")
    app.cycle()
    assert "Something is wrong" in browser.get("/queue").text


def test_no_page_holds_a_secret(app: App, visit: Visit) -> None:
    password = "database-pass-word-0815"
    names = ("tns_api_key", "boom_password", "kafka_password", "analysis_secret")
    secrets = {name: f"secret-of-{name}" for name in names}
    secrets["slack_webhook"] = "https://hooks.slack.test/services/T0/B0/secret-of-the-hook"
    address = f"postgresql+psycopg://astranet:{password}@db/astranet"
    browser = visit(store=app.store, web_token=WEB_TOKEN, database_url=address, **secrets)
    browser.post("/login", data={"token": WEB_TOKEN})
    pages = ["/", "/unanswered", "/queue", "/notes", "/object/ZTF26b", "/login", "/static/pages.js", "/object?name=x"]
    pages += ["/metrics", "/healthz", "/reports"]
    texts = {path: browser.get(path) for path in pages}
    for path, answer in texts.items():
        for secret in (TOKEN, WEB_TOKEN, password, *secrets.values()):
            assert secret not in answer.text, (path, secret)
            assert secret not in str(answer.headers), (path, secret)


def test_drafts_are_shown_in_a_frame_without_script_and_origin(app: App, visit: Visit, tmp_path) -> None:
    folder = tmp_path / "output" / "notes" / "2026-06-10" / "classes"
    folder.mkdir(parents=True)
    (folder / "astronote.html").write_text("<p>draft</p><script>alert(1)</script>")
    (folder.parent.parent / "not-a-night").mkdir()
    browser = visit(store=app.store)
    assert "/notes/2026-06-10/classes" in browser.get("/notes").text
    assert "<iframe" in browser.get("/notes/2026-06-10/classes").text
    draft = browser.get("/notes/2026-06-10/classes/draft")
    policy = draft.headers["content-security-policy"]
    assert "sandbox" in policy.split("; ")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert draft.headers["x-frame-options"] == "SAMEORIGIN"
    assert browser.get("/notes/..%2f..%2f/classes/draft").status_code == 404


def test_the_report_card_is_in_the_navigation_once_there_is_one(app: App, visit: Visit, tmp_path) -> None:
    browser = visit(store=app.store)
    assert "Report card" not in browser.get("/").text
    card = tmp_path / "output" / "report-card" / "index.html"
    card.parent.mkdir(parents=True)
    card.write_text("<p>card</p>")
    assert "Report card" in browser.get("/").text
    assert browser.get("/report-card/document").text == "<p>card</p>"


def test_lists_go_on_over_pages(app: App, browser: TestClient, marshal: FakeMarshal) -> None:
    marshal.add(*(good(str(n), f"ZTF26x{n}", modified="2026-06-10T13:00:00.000001") for n in range(100, 100 + PAGE)))
    app.cycle()
    first, second = (objects_on(browser.get(f"/?page={n}").text) for n in (1, 2))
    assert (len(first), len(second)) == (PAGE, 8)
    assert not set(first) & set(second)
    assert 'rel="next"' in browser.get("/").text


def test_pages_work_beside_a_service_that_holds_the_lock(app: App, visit: Visit, tmp_path) -> None:
    url = make_settings(tmp_path).database_url
    with open_store(url, marshal=app.store.marshal, beside=True) as guest:
        member = visit(store=guest, web_token=WEB_TOKEN)
        member.post("/login", data={"token": WEB_TOKEN})
        assert len(objects_on(member.get("/").text)) == 8
        assert ask(member, "/again", kind="spectrum", id="1", back="/").status_code == 303
    assert app.cycle().analysed == {"ok": 1}


def test_asking_again_while_it_is_looked_at_looks_at_it_again_afterwards(app: App, clock: FakeClock) -> None:
    with app.store.begin() as unit:
        assert unit.queue.ask_again(spectrum("1"), clock())
        (held,) = unit.queue.claim("spectrum", 1, clock())
    with app.store.begin() as unit:
        assert unit.queue.ask_again(spectrum("1"), clock())
    with app.store.begin() as unit:
        unit.queue.finish(held)
        assert unit.queue.due("spectrum", clock()) == 1


def test_an_object_that_is_asked_about_again_counts_as_unseen(app: App, clock: FakeClock) -> None:
    with app.store.begin() as unit:
        unit.objects.watch(["ZTF26b"], clock(), saved=True, seen="61000.0 1")
        assert unit.queue.ask_again(object_of("ZTF26b"), clock())
        (held,) = unit.queue.claim("object", 1, clock())
        assert held.seen == ""
        assert not unit.queue.ask_again(object_of("nobody"), clock())


def _file_needle(app: App, name: str, label: str, clock: FakeClock) -> None:
    verdict = HostVerdict(
        label=label,
        probabilities={c: 0.8 if c == label else 0.1 for c in NEEDLE_CLASSES},
        model="needle",
        prediction_sets={"0.05": (label,)},
        details={"history": [[61000.0, 0.5, 0.3, 0.2], [61001.0, 0.2, 0.1, 0.7]]},
    )
    report = Report(target_id=name, spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle="needle-1@0")
    filed = Filed(
        subject=object_of(name),
        producer=NEEDLE,
        target_id=name,
        version="61001.0 5",
        report=report,
        facts={"n_g": 3, "n_r": 4},
        group_ids=(6,),
        filed_at=clock(),
    )
    with app.store.begin() as unit:
        unit.reports.put(filed)


def test_where_the_networks_looked_is_asked_for_and_the_service_hears_of_it(
    app: App, member: TestClient, clock: FakeClock
) -> None:
    page = member.get("/object/ZTF26b").text
    assert "Where did the networks look?" in page
    done = ask(member, "/look", id="1", back="/object/ZTF26b")
    assert done.headers["location"] == "/object/ZTF26b?said=looked"
    assert "after the service&#39;s next cycle" in member.get(done.headers["location"]).text
    with app.store.begin() as unit:
        (piece,) = unit.queue.claim("spectrum", 5, clock())
        assert (piece.subject, piece.reason) == (spectrum("1"), ASKED)
        unit.queue.finish(piece)
    assert ask(member, "/look", id="999", back="/").headers["location"] == "/?said=unknown"
    assert ask(member, "/look").status_code == 400


def test_nobody_asks_without_a_login(app: App, browser: TestClient) -> None:
    assert "Where did the networks look?" not in browser.get("/object/ZTF26b").text
    assert browser.post("/look", data={"id": "1"}).status_code in (401, 403)


def test_a_spectrum_is_shown_over_its_match_with_what_speaks_against_it(app: App, member: TestClient) -> None:
    found = matching(share=0.5, second=0.12, second_share=0.3)
    report = replace(found, other_match=SECOND)
    with app.store.begin() as unit:
        filed = unit.reports.of(spectrum("1"), ASTRANET)
        assert filed is not None
        facts = {**filed.facts, **facts_of(report), **to_facts(LOOKED)}
        unit.reports.put(replace(filed, report=report, facts=facts))
    page = unescape(member.get("/object/ZTF26b").text)
    assert page.count('class="spectrum match"') == 2
    assert page.count('class="spectrum looked"') == 1
    assert "But a redshift with a share below 0.9 is often wrong." in page
    assert "Or at z = 0.1200, share 0.30: SN1999em" in page
    assert "It is no proof that the class is right." in page
    assert page.count("Where did the networks look?") == 1  # of spectrum 9, which nobody asked about


def test_no_believable_redshift_is_said_over_the_spectrum_alone(app: App, member: TestClient) -> None:
    report = matching(value=None, low=None, high=None, share=0.2)
    with app.store.begin() as unit:
        filed = unit.reports.of(spectrum("1"), ASTRANET)
        assert filed is not None
        unit.reports.put(replace(filed, report=report, facts={**filed.facts, **facts_of(report)}))
    page = unescape(member.get("/object/ZTF26b").text)
    assert "No redshift can be believed, so no match is drawn. The best guesses are z = 0.0500" in page
    assert 'class="spectrum match"' not in page
