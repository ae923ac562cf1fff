"""The evaluation of drift: on made answers, and on the real ones that the shipped bundle was calibrated on."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from models.bundle import load
from models.conformal.domains import HIGH, LOW
from models.recalibration.applied import shipped_rows
from models.recalibration.propose import propose
from models.recalibration.rows import Rows
from models.recalibration.sets import held
from plugin.lab.drift import evaluation
from plugin.lab.drift.evaluation import delays, false_alarms, recalibration
from plugin.lab.drift.page import drift_page
from plugin.lab.drift.streams import Calibrated, Pool, follow
from tests.fakes.answered import calibration_rows


def started(_what: str, _total: int):
    return nullcontext(lambda _: None)


def named(rows: Rows, prefix: str, each: int = 1) -> Rows:
    return replace(rows, objects=np.array([f"{prefix}{i // each}" for i in range(len(rows))]))


@pytest.fixture(scope="module")
def real() -> Rows:
    """Answers to real spectra of the calibrate split: archive and SED Machine, each taken for an object of its own."""
    rows = shipped_rows(load())
    return named(rows.rows(np.isin(rows.domain_names, (HIGH, LOW))), "o")


def test_an_object_is_drawn_before_its_spectra() -> None:
    rows = named(calibration_rows(100), "o")
    rows = replace(rows, objects=np.where(np.arange(100) < 90, "many", rows.objects))
    drawn = Pool(rows=rows).draw(np.random.default_rng(0), 4000)
    assert (rows.objects[drawn] == "many").mean() == pytest.approx(1 / 11, abs=0.02)
    weight = np.where(rows.objects == "many", 10.0, 1.0)
    drawn = Pool(rows=rows).weighted(weight).draw(np.random.default_rng(0), 4000)
    assert (rows.objects[drawn] == "many").mean() == pytest.approx(0.5, abs=0.03)


def test_the_sed_machine_after_the_archive_is_found_within_a_night(real) -> None:
    """The real case: calibrated on archive spectra, then the stream becomes the SED Machine's."""
    archive, sedm = (real.rows(real.domain_names == name) for name in (HIGH, LOW))
    early, found = 0, []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        dealt = archive.rows(rng.permutation(len(archive)))
        half = len(archive) // 2
        cells = Calibrated(dealt.rows(np.arange(half)))
        outcome = follow(
            cells, dealt.rows(np.arange(half, len(archive))), sedm.rows(rng.permutation(len(sedm))), rng, 0.05
        )
        early += bool(outcome.early)
        found.append(min(outcome.delay["sampling"], outcome.delay.get("unlike", 99)))
    assert max(found) <= 20
    assert early <= 1  # at most one stream in twenty, on average


def test_own_labels_bring_the_sed_machine_into_the_band_and_shuffled_ones_are_refused(real) -> None:
    archive, sedm = (real.rows(real.domain_names == name) for name in (HIGH, LOW))
    before, after = [], []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(sedm))
        own, new = sedm.rows(order[:150]), sedm.rows(order[150:])
        found = propose(archive, own, alpha=0.05)
        assert found.domains == (LOW,)
        before.append(held(archive, new, 0.1).mean())
        after.append(held(found.rows, new, 0.1).mean())
        label = np.random.default_rng(seed).permutation(own.label)
        assert not propose(archive, replace(own, label=label), alpha=0.05).ok
    assert np.mean(before) < 0.85
    assert 0.87 < np.mean(after) < 0.93


def test_every_figure_is_measured_and_shown(monkeypatch) -> None:
    for name, value in {"NIGHTS": 4, "REPEATS": 2, "AFTER": 60, "LABELLED": 260}.items():
        monkeypatch.setattr(evaluation, name, value)
    high, low = calibration_rows(300, spacing=2.0, seed=1), calibration_rows(500, seed=2, sharpness=5.0)
    calibrate, test = (
        named(Rows.joined([high.rows(np.arange(i, 300, 2)), low.rows(np.arange(i, 500, 2))]), f"o{i}-") for i in (0, 1)
    )
    both = Rows.joined([calibrate, test])
    rare = replace(named(calibration_rows(60, seed=3), "r"), label=np.full(60, -1))
    disturbed = {"halved": both.rows(both.domain_names == LOW), "tilted": both}
    figures = {
        "data": {"test": {"spectra": len(test), "objects": test.count_objects(), "mix": {"SN Ia": 9}}},
        "after": 60,
        "delays": delays(both, disturbed, rare, started=started),
        "recalibration": recalibration(calibrate, test, started=started),
        "false_alarms": false_alarms(both, started=started, runs=2),
    }
    assert figures["false_alarms"]["with_alarm"] == 0
    assert figures["delays"][0]["change"] == "none"
    assert figures["delays"][0]["detected"] == 0
    assert figures["delays"][-1]["detected"] == 2
    told = figures["recalibration"]
    assert told["refused"]["shuffled"] == 2
    assert told["alphas"][2]["before"] < told["alphas"][2]["after"]
    page = drift_page(figures, "b@1")
    assert "| none | 0 of 2 | 0 of 2 | - | - | - |" in page
    assert "| shuffled | 2 of 2 |" in page
