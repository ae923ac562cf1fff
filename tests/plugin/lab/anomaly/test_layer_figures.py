"""Figures of the two layers: areas against scikit-learn, and every table and picture on a made-up set."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from models.conformal.domains import HIGH, LOW
from models.sentinel.scores import names
from models.training.sentinel.fitting import fit_sentinel
from models.training.sentinel.protocol import flagged, run_protocol
from plugin.lab.anomaly import evaluation_sentinel
from plugin.lab.anomaly.conformal_page import conformal_page, draw_alphas, draw_coverage, draw_p_values
from plugin.lab.anomaly.evaluation_cases import case_rows, cases, draw_cases
from plugin.lab.anomaly.evaluation_conformal import _whole_band, evaluate_conformal
from plugin.lab.anomaly.evaluation_layers import draw_map, sentinel_page
from plugin.lab.anomaly.evaluation_sentinel import areas, evaluate_sentinel
from tests.models.training.layered import layered


def test_areas_are_sklearns_ties_included() -> None:
    rng = np.random.default_rng(0)
    rare, test = np.round(rng.normal(1, 1, 60), 1), np.round(rng.normal(0, 1, 200), 1)
    area, precision = areas(rare, test, np.arange(60) // 3, 1000 + np.arange(200))
    y, s = np.repeat([1, 0], [60, 200]), np.concatenate([rare, test])
    assert area.value == pytest.approx(roc_auc_score(y, s))
    assert precision.value == pytest.approx(average_precision_score(y, s))
    assert area.low < area.value < area.high
    assert precision.low < precision.value < precision.high


@pytest.fixture(scope="module")
def measured():
    patch = pytest.MonkeyPatch()
    patch.setattr(evaluation_sentinel, "RESAMPLES", 20)
    material = layered()
    layer = fit_sentinel(material)
    told: list[int] = []
    scorers = {d.seed: (d.bank, d.ranks) for d in layer.detectors}
    held = run_protocol(material, scorers, progress=told.append)
    yield layer, material, held, evaluate_sentinel(material, held, None), told
    patch.undo()


def test_every_table_of_the_anomaly_layer_is_there(measured) -> None:
    _, material, held, figures, told = measured
    json.dumps(figures, allow_nan=False)
    assert len(told) == 10
    scores = [r["score"] for r in figures["scores"]]
    assert scores[:16] == list(names())
    assert len(scores) == 16 + 4 + 3 + 1
    assert [r["strategy"] for r in figures["strategies"]] == ["seed 0", "seed 1", "anchor", "per_seed", "seed_union"]
    union, anchor = figures["strategies"][-1], figures["strategies"][2]
    assert union["real"]["spectra"]["of"] == anchor["real"]["spectra"]["of"] == 40
    assert sum(r["spectra"]["of"] for r in figures["classes"]) == len(material.rare.data)
    assert sum(figures["complementarity"]["by_families"].values()) == 40
    assert figures["families"][-1]["detected"] == int(held.detected("anchor").sum())
    low, high = figures["domains"].values()
    anchor = [next(r for r in part["strategies"] if r["strategy"] == "anchor") for part in (low, high)]
    assert sum(r["spectra"]["detected"] for r in anchor) == int(held.detected("anchor").sum())
    assert low["test"] == high["test"] == 70
    overall = held.false_alarms("anchor").mean()
    assert np.mean([r["false_alarms"] for r in anchor]) == pytest.approx(overall, abs=1e-3)
    page = sentinel_page(figures, "made@0")
    assert "LightGBM, mean of seeds" in page
    assert "noise (simulated)" in page
    assert " nan" not in page


def test_every_spectrum_is_held_against_its_like(measured) -> None:
    _, _, held, _, _ = measured
    low = held.calibrate_spacing > 20
    scores, calibrate = held.test[0], held.calibrate[0] + 10.0 * low[:, None]
    found = held.flagged(scores, held.test_spacing, calibrate, "anchor")
    assert not found[held.test_spacing > 20].any(), "their like are far more anomalous"
    fine = held.test_spacing < 20
    np.testing.assert_array_equal(found[fine], flagged(scores[fine], calibrate[~low], "anchor"))
    unlike = np.full(len(scores), 90.0)
    both = [flagged(scores, calibrate[part], "anchor") for part in (low, ~low)]
    np.testing.assert_array_equal(held.flagged(scores, unlike, calibrate, "anchor"), both[0] & both[1])


def test_the_band_of_coverage_counts_the_chance_of_the_calibration_set() -> None:
    rng, alpha, calibration, test = np.random.default_rng(0), 0.1, 60, 200
    scores = np.sort(rng.random((4000, calibration)), axis=1)
    threshold = scores[:, math.ceil((calibration + 1) * (1 - alpha)) - 1]
    coverage = rng.binomial(test, threshold) / test
    low, high = _whole_band(alpha, calibration, test)
    assert ((coverage >= low) & (coverage <= high)).mean() == pytest.approx(0.96, abs=0.015)
    assert _whole_band(0.01, 50, test) == [1.0, 1.0]  # no threshold can be that rare: nothing fires


def test_every_table_of_the_conformal_layer_is_there_and_covers(measured, tmp_path) -> None:
    layer, material, held, _, _ = measured
    figures = evaluate_conformal(layer, material, held)
    json.dumps(figures, allow_nan=False)
    assert list(figures["domains"]) == [LOW, HIGH]
    for found in figures["domains"].values():
        assert (found["calibration"]["spectra"], found["test"]["spectra"]) == (120, 70)
        for row in found["p_values"]:
            slack = 5 * math.sqrt(row["alpha"] / 70) + 2 / 70
            assert row["marginal"]["mean"] > 1 - row["alpha"] - slack
            assert 0 <= row["rare_detected"] <= 1
            assert row["whole_band"][0] <= row["band"][0] <= row["band"][1] <= row["whole_band"][1]
            own = row["marginal"]
            assert own["inside"] == (row["band"][0] <= own["own"] <= row["band"][1])
        assert len(found["quintiles"]) == 5
        assert all(q["admcp"]["mean"] > 0.8 for q in found["quintiles"])
        assert all(q["near"] == (abs(q["admcp"]["mean"] - 0.95) <= 0.03) for q in found["quintiles"])
        assert sum(p["share"] for p in found["policy"].values()) == pytest.approx(1, abs=1e-3)
        assert sum(found["histogram"]["rare"]) == pytest.approx(1, abs=0.01)
    found = cases(material, held, held)
    assert found
    page = conformal_page(figures, "made@0", case_rows(found))
    assert "AD-MCP" in page
    assert page.index("What must hold") < page.index("The SED Machine's spectra: p-values")
    assert "**no**" in page
    assert "Table X" in page
    draw_cases(material, held, found, tmp_path / "cases.png")
    draw_alphas(figures, tmp_path / "coverage.png")
    draw_p_values(figures, tmp_path / "p.png")
    draw_coverage(figures, tmp_path / "q.png")
    draw_map(held, held, material.rare, tmp_path / "map.png")
    assert all(p.stat().st_size > 5000 for p in tmp_path.iterdir())
