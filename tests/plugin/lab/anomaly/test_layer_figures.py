"""Figures of the two layers: areas against scikit-learn, and every table and picture on a made-up set."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.sentinel.scores import names
from models.training.sentinel.fitting import fit_sentinel
from models.training.sentinel.protocol import flagged, run_protocol
from plugin.lab.anomaly import evaluation_sentinel, relations
from plugin.lab.anomaly.conformal_page import conformal_page, draw_alphas, draw_coverage, draw_p_values
from plugin.lab.anomaly.evaluation_cases import case_rows, cases, draw_cases, interval_rows
from plugin.lab.anomaly.evaluation_conformal import _whole_band, evaluate_conformal
from plugin.lab.anomaly.evaluation_layers import draw_map, sentinel_page
from plugin.lab.anomaly.evaluation_sentinel import areas, detection, evaluate_sentinel
from plugin.lab.anomaly.relations import correlations, draw_scores, tiers
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
    patch.setattr(relations, "RESAMPLES", 20)
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
    assert page.index("By tier") < page.index("Correlation of the scores") < page.index("no spectra, and good")


def test_tiers_count_what_is_found_of_each(measured) -> None:
    _, material, held, _, _ = measured
    kinds = tuple(("ILRT", "Nova", "Other:Star", "FBOT")[i // 2 % 4] for i in range(40))
    made = np.arange(40) >= 36
    data = replace(material.rare.data, kinds=kinds, semi_real=made)
    rare = replace(material.rare, data=data)
    rows = tiers(held, rare, detection)
    assert len(rows) == 2 * 3
    found = held.detected("anchor")
    first = next(r for r in rows if r["tier"].startswith("1") and r["strategy"] == "anchor")
    mine = np.isin(kinds, ("ILRT", "FBOT")) & ~made
    assert (first["real"]["spectra"]["detected"], first["real"]["spectra"]["of"]) == (found[mine].sum(), mine.sum())
    assert first[LOW]["spectra"]["of"] + first[HIGH]["spectra"]["of"] == mine.sum()
    second = next(r for r in rows if r["tier"].startswith("2") and r["strategy"] == "anchor")
    assert second["real"]["spectra"]["of"] == (np.isin(kinds, "Nova") & ~made).sum()
    assert second["semi-real"]["spectra"]["of"] == (np.isin(kinds, "Nova") & made).sum()


def test_correlations_are_scipys_within_and_across_families(measured) -> None:
    _, material, held, _, _ = measured
    told = correlations(held, material)
    assert told["scores"] == list(names())
    here = material.test.data.spacing > 20
    matrix = spearmanr(held.test_raw[here][:, :16]).statistic
    np.testing.assert_allclose(told["sets"][LOW]["matrix"], matrix, atol=6e-4)
    family = np.array(told["families"])
    upper = np.triu(np.ones((16, 16), bool), 1)
    same = (family[:, None] == family) & (family == "distance")
    assert told["sets"][LOW]["within"]["distance"]["value"] == pytest.approx(matrix[same & upper].mean(), abs=1e-4)
    across = matrix[(family[:, None] != family) & upper].mean()
    assert told["sets"][LOW]["across"]["value"] == pytest.approx(across, abs=1e-4)
    assert told["sets"][LOW]["across"]["low"] <= across <= told["sets"][LOW]["across"]["high"]


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
    page = conformal_page(figures, "made@0", case_rows(found), interval_rows(found))
    assert "AD-MCP" in page
    assert page.index("What must hold") < page.index("The SED Machine's spectra: p-values")
    assert "**no**" in page
    assert "Table X" in page
    head, rows = interval_rows(found)
    assert head[-1] == "p"
    for case, row in zip(found, rows, strict=True):
        p, spread = (getattr(material.rare.prediction, n)[case.row] for n in ("fine", "spread"))
        k = int(p.argmax())
        low, high = max(p[k] - spread[k], 0), min(p[k] + spread[k], 1)
        assert row[3] == f"{FINE_CLASSES[k]} {p[k]:.3f} [{low:.3f}, {high:.3f}]"
    draw_cases(material, held, found, tmp_path / "cases.png")
    draw_alphas(figures, tmp_path / "coverage.png")
    draw_p_values(figures, tmp_path / "p.png")
    draw_coverage(figures, tmp_path / "q.png")
    draw_map(held, held, material.rare, tmp_path / "map.png")
    draw_scores(measured[3], tmp_path / "scores.png")
    assert all(p.stat().st_size > 5000 for p in tmp_path.iterdir())
