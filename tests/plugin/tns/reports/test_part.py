"""From the settings to a report at the stand-in: drafted, approved, sent by the service; and nothing in a dry run."""

import json
from collections.abc import Callable, Iterator

import pytest

from plugin.app import App
from plugin.ops.schedule import scheduler
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.settings import ConfigError
from plugin.tns.reports.part import draft_reports, make_reporter
from tests.fakes.marshal import FakeMarshal
from tests.fakes.tns_reports import answer, called, file, purities, report_settings, tns_object
from tests.plugin.conftest import FakeClock


@pytest.fixture
def sandbox() -> Iterator[TnsSandbox]:
    with TnsSandbox(limit=1000) as made:
        made.add(tns_object())
        yield made


@pytest.fixture
def service(make_app: Callable[..., App], tmp_path, sandbox: TnsSandbox) -> Callable[..., App]:
    given = report_settings(tmp_path, tns_report_url=sandbox.url).model_dump()
    names = [name for name in given if name.startswith("tns_")]
    return lambda **more: make_app(**{**{name: given[name] for name in names}, "tns_url": sandbox.url, **more})


def test_a_night_with_a_sure_answer_ends_at_the_tns(service, marshal: FakeMarshal, clock: FakeClock, sandbox) -> None:
    app = service()
    file(app.store, marshal, answer("ZTF26a", "1"), clock())
    called(app.store, "ZTF26a", "AT 2026abc", clock())
    with make_reporter(app.settings) as reporter:
        drafted = draft_reports(app.settings, app.store, marshal, purities(), reporter=reporter, clock=clock)
        draft_reports(app.settings, app.store, marshal, purities(), reporter=reporter, clock=clock)
    assert drafted.drafts["ZTF26a"].numbers_from == "get/values of 127.0.0.1 on 2026-06-10"
    assert [path for path, _ in sandbox.requests] == ["/api/get/values"]  # once a day
    folder = app.settings.output_dir / "tns_reports" / "2026abc"
    assert json.loads((folder / "report.json").read_text())["state"] == "draft"
    assert app.send_tns_reports() == 0
    with app.store.begin() as unit:
        one = unit.tns_reports.of(sandbox.url, "ZTF26a")
        unit.tns_reports.approve(sandbox.url, "ZTF26a", "Ann", one.drafted_at, clock())
    for _ in range(4):
        assert app.send_tns_reports() == 1
        clock.forward(minutes=1)
        if json.loads((folder / "report.json").read_text())["state"] == "accepted":
            break
    assert sandbox.objects[tns_object().objid].full_name == "SN 2026abc"
    assert json.loads((folder / "report.json").read_text())["reviewer"] == "Ann"


def test_a_dry_run_sends_nothing(service, marshal: FakeMarshal, clock: FakeClock, sandbox: TnsSandbox) -> None:
    app = service(dry_run=True)
    file(app.store, marshal, answer("ZTF26a", "1"), clock())
    called(app.store, "ZTF26a", "AT 2026abc", clock())
    draft_reports(app.settings, app.store, marshal, purities(), clock=clock)
    with app.store.begin() as unit:
        one = unit.tns_reports.of(sandbox.url, "ZTF26a")
        assert one.draft["numbers_from"] == "the table shipped with this program"
        unit.tns_reports.approve(sandbox.url, "ZTF26a", "Ann", one.drafted_at, clock())
    assert app.send_tns_reports() == 0
    assert sandbox.requests == []


def test_without_a_purity_nothing_is_drafted(service, marshal: FakeMarshal) -> None:
    app = service(tns_report_purity=None)
    with pytest.raises(ConfigError, match="ASTRANET_TNS_REPORT_PURITY: not set"):
        draft_reports(app.settings, app.store, marshal, purities())


def test_the_service_looks_after_reports_only_with_a_key(service) -> None:
    assert {job.id for job in scheduler(service(), lambda: None).get_jobs()} >= {"tns-reports"}


def test_it_does_not_without(make_app: Callable[..., App]) -> None:
    app = make_app()
    assert "tns-reports" not in {job.id for job in scheduler(app, lambda: None).get_jobs()}
    assert app.send_tns_reports() == 0


def test_a_service_does_not_start_when_reports_could_go_astray(service) -> None:
    with pytest.raises(ConfigError, match="TNS_REPORT_URL"):
        service(tns_report_url="https://www.wis-tns.org")
