"""What an operator can choose, on the shipped bundle: which class is named, and which sets are served."""

import dataclasses

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import Bundle, load
from models.conformal.sets import APS, LAC, aps_scores
from models.domain import FINE_CLASSES, CaveatCode, Evidence, Report, Spectrum, Target
from models.recalibration.applied import LocalAnalyst, LocalCalibration, shipped_rows
from models.set_layer import SetLayer

WAVES = np.arange(3700.0, 9300.0, 8.0)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load()


def items(n: int = 12, redshift: float | None = None) -> list[tuple[Evidence, tuple]]:
    found = []
    for seed in range(n):
        rng = np.random.default_rng(seed)
        flux = (
            2 + np.sin(WAVES / rng.uniform(60, 300)) - WAVES / rng.uniform(3e3, 3e4) + 0.1 * rng.normal(size=WAVES.size)
        )
        seen = Spectrum(spectrum_id=str(seed), wavelength_A=WAVES, flux=flux, redshift=redshift)
        found.append((Evidence(target=Target(target_id=f"ZTF{seed}"), spectrum=seen), ()))
    return found


def unnamed(report: Report) -> dict:
    """What a strategy must not change."""
    told = report.to_dict()
    told["verdict"] = {k: v for k, v in told["verdict"].items() if k not in ("label", "strategy")}
    # These are of the class that is named.
    told["confidence"] = {k: v for k, v in told["confidence"].items() if k not in ("policy", "sentence")}
    told["anomaly"] = {k: v for k, v in told["anomaly"].items() if k != "resembles"}
    told["caveats"] = [c for c in told["caveats"] if c["code"] != CaveatCode.BY_STRATEGY]
    for key in ("phase", "subtype", "matches", "other_match"):
        told.pop(key)
    return told


@pytest.mark.parametrize("strategy", ["cost_sensitive", "tde_priority"])
def test_a_strategy_changes_the_class_that_is_named_and_nothing_calibrated(bundle, strategy) -> None:
    asked = items()
    plain, other = Analyst(bundle).run_many(asked), Analyst(bundle, strategy=strategy).run_many(asked)
    assert [unnamed(r) for r in plain] == [unnamed(r) for r in other]
    for before, after in zip(plain, other, strict=True):
        assert after.verdict.strategy == strategy
        top = max(after.verdict.probabilities, key=after.verdict.probabilities.get)
        assert before.verdict.label == top
        assert (after.verdict.label != top) == (CaveatCode.BY_STRATEGY in {c.code for c in after.caveats})
        if after.verdict.label != top:
            assert after.confidence.policy != "COMMIT"
            assert f"agreed on {after.verdict.label}" not in after.confidence.sentence


@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_nobody_commits_to_a_class_that_is_not_the_most_probable(bundle, alpha) -> None:
    """At a small alpha little is asked for, and a class with a factor of five may well have it."""
    named = Analyst(bundle, strategy="tde_priority", alpha=alpha).run_many(items(40))
    others = [r for r in named if CaveatCode.BY_STRATEGY in {c.code for c in r.caveats}]
    assert others
    assert {r.confidence.policy for r in others} <= {"ABSTAIN", "ALERT"}


def test_adaptive_sets_are_those_of_the_calibration_spectra_that_are_like_it(bundle) -> None:
    """By the definition (Romano et al. 2020), from the probabilities that the bundle keeps."""
    asked = items()
    kept, domains = bundle.sentinel.calibration, SetLayer(bundle.calibration).domains
    high = domains.masks["high resolution"]
    reach = np.sort(aps_scores(kept.fine[high], kept.label[high]))
    for report in Analyst(bundle, sets="aps").run_many(asked):
        assert report.confidence.method == "aps"
        assert report.confidence.calibration_cell == "high resolution"
        for alpha in (0.05, 0.2):
            limit = reach[int(np.ceil(round((len(reach) + 1) * (1 - alpha), 9))) - 1]
            p = np.array([report.verdict.probabilities[c] for c in FINE_CLASSES])
            order = np.argsort(-p)
            inside = {FINE_CLASSES[k] for k, total in zip(order, np.cumsum(p[order]), strict=True) if total <= limit}
            assert set(report.confidence.prediction_sets[f"{alpha:g}"]) == inside | {FINE_CLASSES[order[0]]}


def test_adaptive_sets_are_never_empty_and_told_nothing(bundle) -> None:
    analyst = Analyst(bundle, sets="aps")
    known = [
        (dataclasses.replace(e, spectrum=dataclasses.replace(e.spectrum, phase_days=3.0)), caveats)
        for e, caveats in items(redshift=0.05)
    ]
    untold = [report.verdict.probabilities for report in analyst.run_many(items())]
    assert [report.verdict.probabilities for report in analyst.run_many(known)] == untold
    assert [r.verdict.probabilities for r in Analyst(bundle).run_many(known)] != untold
    for report in analyst.run_many(known):
        assert all(report.confidence.prediction_sets.values())
        assert report.what_if is None
        assert report.verdict.label in report.confidence.prediction_sets["0.01"]
    assert analyst.together is None
    assert Analyst(bundle).together is not None


def test_adaptive_sets_cover_what_they_promise_where_spectra_are_exchangeable() -> None:
    rng = np.random.default_rng(3)
    fine = rng.dirichlet(np.full(7, 0.4), 4000)
    label = np.array([rng.choice(7, p=p) for p in fine])
    for alpha in (0.05, 0.2):
        inside = APS(aps_scores(fine[:2000], label[:2000])).members(fine[2000:], alpha)
        assert inside[np.arange(2000), label[2000:]].mean() >= 1 - alpha - 0.02


def test_sets_that_cannot_be_calibrated_are_refused(bundle) -> None:
    with pytest.raises(ValueError, match="keeps no probabilities"):
        Analyst(dataclasses.replace(bundle, sentinel=None), sets="aps")
    other = {**bundle.calibration, "nonconformity": bundle.calibration["nonconformity"][::-1].copy()}
    with pytest.raises(ValueError, match="other spectra"):
        Analyst(dataclasses.replace(bundle, calibration=other), sets="aps")
    Analyst(dataclasses.replace(bundle, sentinel=None))  # the default needs nothing


def test_a_calibration_of_ones_own_answers_by_the_same_choices(bundle) -> None:
    analyst = LocalAnalyst(bundle, sets="aps", strategy="tde_priority")
    (evidence, _), *_ = items(1)
    before = analyst.run(evidence)
    rows = shipped_rows(bundle)
    local = LocalCalibration(calibration_id="local-1", bundle_id=bundle.bundle_id, date="2026-12-01", rows=rows)
    analyst.use(local)
    after = analyst.run(evidence)
    assert (after.confidence.method, after.verdict.strategy) == ("aps", "tde_priority")
    assert after.confidence.calibration_id == "local-1"
    assert after.confidence.prediction_sets == before.confidence.prediction_sets


def test_which_classes_are_matched_does_not_depend_on_the_sets_that_are_served(bundle) -> None:
    fine = np.random.default_rng(4).dirichlet(np.full(7, 0.4), 20)
    lac, aps = Analyst(bundle), Analyst(bundle, sets="aps")
    assert [lac.in_question(p, 8.0) for p in fine] == [aps.in_question(p, 8.0) for p in fine]
    layer = SetLayer(bundle.calibration)
    mask = layer.domains.masks["low resolution"]
    expected = LAC(bundle.calibration["nonconformity"][mask]).members(fine[:1], 0.05)[0]
    assert layer.members(fine[0], ("low resolution",), 0.05) == tuple(np.array(FINE_CLASSES)[expected])
