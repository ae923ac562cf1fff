"""What the page about queue and health, the metrics, the doctor and the commands say of drift and calibration."""

import re
from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.drift.view import drift_check
from plugin.drift.watching import Watching
from plugin.store import open_store
from tests.fakes.answered import answer, calibration_rows, filed
from tests.plugin.conftest import URL, make_settings

NOW = datetime(2026, 6, 10, 12)
MARK = "<script>alert(1)</script>"
CHECKS = [{"name": "coverage at 0.05", "ok": True, "found": "0.95"}, {"name": "labels", "ok": False, "found": "0.3"}]
SUMMARY = {"domains": ["low resolution"], "spectra": 300, "objects": 200, "size": 400, "checks": CHECKS}


def put_alarm(store) -> None:
    stream = calibration_rows(60, seed=3)
    with store.begin() as unit:
        for i in range(60):
            unit.reports.put(filed(answer(f"ZTF{i}", stream, i), NOW))
        unit.drift.raise_alarm("coverage", f"sets miss too often {MARK}", NOW)
        unit.drift.raise_alarm(f"instrument {MARK}", "a new one", NOW)
    clock = lambda: NOW + timedelta(minutes=1)  # noqa: E731
    Watching(store=store, alpha=0.05, rate=0.05, clock=clock).look("cal-1", calibration_rows(), truths=True)


def put_calibration(store, name: str = "local-12345678", *, passed: bool = False) -> None:
    with store.begin() as unit:
        unit.calibrations.propose(name, bundle="b@1", passed=passed, summary=SUMMARY, body=b"x", now=NOW)


def test_the_page_shows_alarms_and_how_far_the_tests_are(visit, store) -> None:
    text = visit().get("/queue").text
    assert "Calibration and drift" in text
    assert "the tests for drift begin with the next cycle" in text
    put_alarm(store)
    put_calibration(store)
    with store.begin() as unit:
        unit.calibrations.adopt("local-12345678", NOW)
    text = visit().get("/queue").text
    assert "The stream has changed" in text
    assert "sets miss too often &lt;script&gt;" in text
    assert MARK not in text
    assert "60 objects answered" in text
    assert "local-12345678" in text


def test_metrics_tell_alarms_evidence_and_calibration(visit, store) -> None:
    put_alarm(store)
    text = visit().get("/metrics").text
    assert 'astranet_drift_alarms{test="coverage"} 1.0' in text
    assert 'astranet_drift_alarms{test="instrument"} 1.0' in text
    assert 'astranet_drift_alarms{test="anomaly"} 0.0' in text
    assert re.search(r'astranet_drift_evidence\{test="embedding"\} \d', text)
    assert "astranet_drift_threshold 200.0" in text
    assert 'astranet_calibration_info{calibration="none"} 1.0' in text
    assert MARK not in text


def test_the_doctor_repeats_an_alarm(tmp_path) -> None:
    settings = make_settings(tmp_path)
    assert list(drift_check(settings)) == []  # there is no database yet
    with open_store(settings.database_url, marshal=URL) as store:
        pass
    good, renewals = drift_check(settings)
    assert renewals.ok
    assert good.ok
    assert "own calibration answers" in good.found
    with open_store(settings.database_url, marshal=URL) as store:
        put_calibration(store)
        with store.begin() as unit:
            unit.calibrations.adopt("local-12345678", NOW)
    assert "local-12345678" in next(drift_check(settings)).found
    assert "RECALIBRATE is off" in next(drift_check(make_settings(tmp_path, recalibrate="off"))).found
    with open_store(settings.database_url, marshal=URL) as store:
        put_alarm(store)
    bad, _ = drift_check(settings)
    assert not bad.ok
    assert "sets miss too often" in bad.found
    assert "drift reset" in bad.remedy


@pytest.fixture
def run(tmp_path, monkeypatch):
    values = {
        "MARSHAL_URL": URL,
        "MARSHAL_TOKEN": "5ec9e7aa-0000-4000-8000-00000000feed",
        "GROUP_IDS": "6",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite'}",
        "OUTPUT_DIR": str(tmp_path / "output"),
    }
    monkeypatch.chdir(tmp_path)
    for name, value in values.items():
        monkeypatch.setenv(f"ASTRANET_{name}", value)
    with open_store(values["DATABASE_URL"], marshal=URL):
        pass
    return lambda *words: CliRunner().invoke(app, list(words))


def test_commands_show_and_reset_drift(run, tmp_path) -> None:
    fresh = run("drift", "show")
    assert (fresh.exit_code, "no alarm" in fresh.output) == (0, True), fresh.output
    with open_store(f"sqlite:///{tmp_path / 'x.sqlite'}", marshal=URL) as store:
        put_alarm(store)
    shown = run("drift", "show")
    assert shown.exit_code == 1
    assert "coverage: sets miss too often" in shown.output
    assert "embedding: evidence" in shown.output
    assert "2 alarms acknowledged" in run("drift", "reset", "--own").output
    assert run("drift", "show").exit_code == 0
    assert "acknowledged" in run("drift", "show", "--all").output


def test_commands_list_show_and_take_back_calibrations(run, tmp_path, monkeypatch) -> None:
    assert "in use: the model's own" in run("calibration", "list").output
    with open_store(f"sqlite:///{tmp_path / 'x.sqlite'}", marshal=URL) as store:
        put_calibration(store)
    assert "refused; made 2026-06-10" in run("calibration", "list").output
    shown = run("calibration", "show", "local-12345678").output
    assert "FAIL labels: 0.3" in shown
    assert "ok   coverage at 0.05" in shown
    assert run("calibration", "show", "nothing").exit_code == 2
    refused = run("calibration", "adopt", "local-12345678")
    assert refused.exit_code != 0
    assert "is for b@1" in refused.output
    assert "nothing to go back from" in run("calibration", "rollback").output
    with open_store(f"sqlite:///{tmp_path / 'x.sqlite'}", marshal=URL) as store, store.begin() as unit:
        unit.calibrations.adopt("local-12345678", NOW)
    assert "in use: local-12345678" in run("calibration", "list").output
    monkeypatch.setenv("ASTRANET_RECALIBRATE", "off")
    assert "RECALIBRATE is off" in run("calibration", "list").output
    assert "local-12345678 is retired; the model's own" in run("calibration", "rollback").output
    assert run("calibration", "propose").exit_code == 1
