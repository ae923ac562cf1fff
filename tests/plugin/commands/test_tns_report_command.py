"""`astranet tns report`: nothing without a name, a key and a purity; and a round trip with the stand-in."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.clock import utc_now
from plugin.sandbox.tns.stand_in import TnsSandbox
from plugin.settings import ConfigError, Settings
from plugin.store import open_store
from plugin.tns.reports.part import make_reporter, signature
from tests.fakes.tns_reports import make_draft, report_settings, tns_object


@pytest.fixture
def sandbox() -> Iterator[TnsSandbox]:
    with TnsSandbox(limit=1000) as made:
        made.add(tns_object())
        yield made


@pytest.fixture
def astranet(tmp_path: Path, sandbox: TnsSandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("plugin.tns.reports.sending.SOON", timedelta(seconds=0.02))
    base = {
        "MARSHAL_URL": "http://marshal.test",
        "MARSHAL_TOKEN": "5ec9e7aa-0000-4000-8000-00000000feed",
        "GROUP_IDS": "6",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
        "OUTPUT_DIR": str(tmp_path / "output"),
        "DRY_RUN": "false",
        "TNS_REPORT_URL": sandbox.url,
        "TNS_API_KEY": sandbox.api_key,
        "TNS_BOT_ID": str(sandbox.bot[0]),
        "TNS_BOT_NAME": sandbox.bot[1],
    }
    monkeypatch.chdir(tmp_path)

    def run(*words: str, **change: str) -> Any:
        env = {f"ASTRANET_{k}": v for k, v in {**base, **change}.items()}
        result = CliRunner().invoke(app, ["tns", "report", *words], env=env)
        assert sandbox.api_key not in result.output
        return result

    return run


@pytest.fixture
def put(tmp_path: Path, sandbox: TnsSandbox):
    def one(**change: Any) -> None:
        opened = open_store(f"sqlite:///{tmp_path / 'astranet.sqlite'}", marshal="http://marshal.test")
        with opened as store, store.begin() as unit:
            unit.tns_reports.put_draft(sandbox.url, "ZTF26a", make_draft(**change).to_dict(), utc_now())

    return one


def test_a_draft_is_listed_shown_sent_and_accepted(astranet, put, sandbox: TnsSandbox, tmp_path: Path) -> None:
    put()
    assert "ZTF26a  2026abc  SN Ia  draft" in astranet("list").output
    shown = astranet("show", "ZTF26a", "--spectrum").output
    assert "reviewed by NAME" in shown
    assert "# OBJECT = x\n3800 9." in shown
    sent = astranet("send", "ZTF26a", "--reviewer", "Ann Example", "--wait", "20")
    assert sent.exit_code == 0, sent.output
    assert "accepted as report 277000, now SN 2026abc" in sent.output
    assert "accepted   1" in astranet("status").output
    assert '"reviewer": "Ann Example"' in (tmp_path / "output/tns_reports/2026abc/report.json").read_text()
    again = astranet("send", "ZTF26a", "--reviewer", "Bob")
    assert (again.exit_code, "it is accepted already" in again.output) == (1, True)
    assert len(sandbox.reports.taken) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DRY_RUN": "true"}, "nothing is sent while this is true"),
        ({"TNS_API_KEY": ""}, "ASTRANET_TNS_API_KEY: not set"),
        ({"TNS_REPORT_URL": "https://www.wis-tns.org"}, "with ASTRANET_TNS_PRODUCTION=true"),
    ],
)
def test_what_keeps_it_from_being_sent(astranet, put, sandbox: TnsSandbox, change: dict[str, str], said: str) -> None:
    put()
    result = astranet("send", "ZTF26a", "--reviewer", "Ann", **change)
    assert (result.exit_code, said in result.output.replace("\n", " ")) == (2, True), result.output
    assert sandbox.requests == []


def test_a_draft_that_lacks_something_and_a_reviewer_without_a_name(astranet, put, sandbox: TnsSandbox) -> None:
    put(missing=("no group",))
    assert "it cannot be sent: no group" in astranet("send", "ZTF26a", "--reviewer", "Ann").output
    assert astranet("send", "ZTF26a", "--reviewer", " ").exit_code == 2
    assert astranet("send", "ZTF26a").exit_code == 2
    assert "no report about ZTF26x" in astranet("show", "ZTF26x").output
    assert sandbox.requests == []


def test_a_rejected_report_is_told_with_the_reason(astranet, put) -> None:
    put(group_id=1)
    sent = astranet("send", "ZTF26a", "--reviewer", "Ann", "--wait", "20")
    assert sent.exit_code == 1
    assert "groupid: The bot is no member of this group." in sent.output


def test_reports_go_to_production_only_with_the_switch(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TNS_PRODUCTION"):
        make_reporter(report_settings(tmp_path, tns_report_url="https://www.wis-tns.org"))
    with pytest.raises(ConfigError, match="TNS_REPORT_URL"):
        make_reporter(report_settings(tmp_path, tns_report_url="https://evil.example", tns_production=True))
    made = make_reporter(report_settings(tmp_path, tns_report_url="https://www.wis-tns.org", tns_production=True))
    assert made is not None
    made.close()
    assert Settings.model_fields["tns_report_url"].default == "https://sandbox.wis-tns.org"
    assert Settings.model_fields["tns_production"].default is False


def test_names_of_instruments_are_told_as_pairs(tmp_path: Path) -> None:
    given = report_settings(tmp_path, tns_instruments="NGPS-red=P200 - NGPS, SEDMv2=P60 - SEDM")
    assert signature(given).instruments == {"NGPS-red": "P200 - NGPS", "SEDMv2": "P60 - SEDM"}
    with pytest.raises(ConfigError, match="ours=theirs"):
        signature(report_settings(tmp_path, tns_instruments="SEDM"))
