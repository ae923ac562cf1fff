"""A person in a real browser looks at a draft, gives a name, and sends it; the stand-in of the TNS takes it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from plugin.clock import utc_now
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.store import Store
from plugin.tns.reports.part import make_reporter
from plugin.tns.reports.sending import Sending
from plugin.web.parts import WebParts
from plugin.web.server import serve
from tests.fakes.tns_reports import make_draft, report_settings, tns_object
from tests.plugin.web.browser import WIDTHS, launched, visiting
from tests.plugin.web.conftest import WEB_TOKEN

pytestmark = pytest.mark.slow

SHOTS = os.environ.get("ASTRANET_TEST_SHOTS")


@pytest.fixture
def sandbox() -> Iterator[TnsSandbox]:
    with TnsSandbox(limit=1000) as made:
        made.add(tns_object(), tns_object("2026def"))
        yield made


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_from_the_list_to_the_tns(sandbox: TnsSandbox, store: Store, tmp_path: Path, scheme: str) -> None:
    lacks = ("no group: set ASTRANET_TNS_GROUP_ID",)
    with store.begin() as unit:
        for draft in (make_draft(), make_draft("ZTF26d", "2026def", missing=lacks)):
            unit.tns_reports.put_draft(sandbox.url, draft.target_id, draft.to_dict(), utc_now())
    given = {"web_bind": "127.0.0.1:0", "web_token": WEB_TOKEN, "tns_report_url": sandbox.url}
    settings = report_settings(tmp_path, **given)
    with serve(WebParts(settings=settings, store=store)) as url, launched() as browser:
        for width in WIDTHS.values():
            with visiting(browser, url, width=width, scheme=scheme) as stranger:
                for path in ("/reports", "/reports/ZTF26a", "/reports/ZTF26d"):
                    stranger.goto(path)
                    stranger.page.get_by_label("Token").fill(WEB_TOKEN) if "/login" in stranger.page.url else None
                    if "/login" in stranger.page.url:
                        stranger.page.get_by_role("button", name="Log in").click()
                    assert stranger.overflow() <= 0
                    assert stranger.grave() == []
                    if SHOTS:
                        name = f"tns{path.replace('/', '-')}-{width}-{scheme}.png"
                        stranger.page.screenshot(path=str(Path(SHOTS) / name), full_page=True)
                assert stranger.trouble == []
        with visiting(browser, url, scheme=scheme) as member:
            page = member.goto("/login?next=/reports")
            page.get_by_label("Token").fill(WEB_TOKEN)
            page.get_by_role("button", name="Log in").click()
            page.get_by_role("link", name="ZTF26d").click()
            expect(page.get_by_text("It cannot be sent")).to_be_visible()
            expect(page.get_by_label("Your name")).to_have_count(0)
            page.get_by_role("link", name="TNS reports").click()
            page.get_by_role("link", name="ZTF26a").click()
            page.get_by_label("Your name").fill("Ann Example")
            page.get_by_role("button", name="I have reviewed it").click()
            expect(page.get_by_role("status")).to_contain_text("Approved")
            reporter = make_reporter(settings)
            assert reporter is not None
            with reporter:
                sending = Sending(store=store, reporter=reporter)
                for _ in range(4):
                    sending.advance("ZTF26a", early=True)
            page.reload()
            expect(page.get_by_text("accepted as report 277000, now SN 2026abc")).to_be_visible()
            if SHOTS:
                page.screenshot(path=str(Path(SHOTS) / f"tns-accepted-{scheme}.png"), full_page=True)
            assert member.trouble == []
    assert sandbox.objects[tns_object().objid].type == "SN Ia"
