"""Bundles are verified, ensembles average in two stages, the analyst answers or says why not."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from models.analyst import ALPHAS, Analyst
from models.bundle import fingerprint, load, verify
from models.cards import CARD, BundleError
from models.domain import FINE_CLASSES, Caveat, CaveatCode, Evidence, Report, Spectrum, Status, Target
from models.domain.evidence import input_hash
from models.spectral.ensemble import Ensemble, EnsemblePrediction, Member, Metadata, within_then_across
from models.spectral.net import ASTRANet
from models.spectral.prepare import prepare
from models.training.spectral.presets import PRESETS
from tests.models.bundles import tiny_bundle

WAVELENGTH_A = np.arange(3700.0, 9300.0, 8.0)


def spectrum(seed: int = 0, **extra) -> Spectrum:
    rng = np.random.default_rng(seed)
    flux = 2 + np.sin(WAVELENGTH_A / rng.uniform(60, 200)) + 0.1 * rng.normal(size=WAVELENGTH_A.size)
    return Spectrum(spectrum_id=str(seed), wavelength_A=WAVELENGTH_A, flux=flux, **extra)


def evidence(seed: int = 0, **extra) -> Evidence:
    return Evidence(target=Target(target_id=f"ZTF{seed}"), spectrum_id=str(seed), spectrum=spectrum(seed, **extra))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load(tiny_bundle(tmp_path_factory.mktemp("bundle")))


def test_the_answer_names_its_cell_and_a_spectrum_like_neither_gets_the_larger_set(bundle) -> None:
    rng = np.random.default_rng(5)
    scores = np.concatenate([rng.uniform(0, 0.5, 90), rng.uniform(0.5, 1.0, 60)])
    calibration = {"nonconformity": scores, "spacing": np.repeat([2.0, 25.6], [90, 60])}
    analyst = Analyst(dataclasses.replace(bundle, calibration=calibration))
    found = {}
    for step in (8.0, 25.0, 45.0):
        wave = np.arange(3700.0, 9300.0, step)
        seen = Spectrum(spectrum_id="1", wavelength_A=wave, flux=2 + np.sin(wave / 150))
        found[step] = analyst.run(Evidence(target=Target(target_id="t"), spectrum_id="1", spectrum=seen))
    cells = {k: (r.confidence.calibration_cell, r.confidence.calibration_size) for k, r in found.items()}
    assert cells[8.0] == ("high resolution", 90)
    assert cells[25.0] == ("low resolution", 60)
    assert cells[45.0] == ("high resolution and low resolution", 150)
    assert CaveatCode.UNLIKE_CALIBRATION in {c.code for c in found[45.0].caveats}
    assert CaveatCode.UNLIKE_CALIBRATION not in {c.code for c in found[25.0].caveats}
    sizes = {k: len(r.confidence.prediction_sets["0.1"]) for k, r in found.items()}
    assert sizes[8.0] < sizes[25.0] <= sizes[45.0]


@pytest.fixture(scope="module")
def analyst(bundle) -> Analyst:
    return Analyst(bundle)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card here")
def test_a_device_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(BundleError, match="'cuda': PyTorch finds no graphics card"):
        load(tiny_bundle(tmp_path / "bundle"), device="cuda")


def test_two_stage_mean() -> None:
    values = np.array([[1.0], [3.0], [10.0]])
    assert within_then_across(values, (42, 42, 7)) == pytest.approx((2 + 10) / 2)


def test_an_answer_has_every_part(analyst: Analyst) -> None:
    report = analyst.run(evidence())
    assert report.status is Status.OK
    assert report.verdict.label == max(report.verdict.probabilities, key=report.verdict.probabilities.get)
    assert sum(report.verdict.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert set(report.confidence.prediction_sets) == {f"{a:g}" for a in ALPHAS}
    assert report.anomaly is None
    assert report.host_verdict is None
    assert [c.code for c in report.caveats] == [CaveatCode.NOT_AVAILABLE]
    entropy = report.confidence.entropy
    assert entropy["total"] == pytest.approx(entropy["aleatoric"] + entropy["epistemic"], abs=1e-5)
    assert Report.from_json(report.to_json()) == report


def test_an_answer_does_not_depend_on_the_company(analyst: Analyst) -> None:
    many = [(evidence(i), ()) for i in range(21)]
    together = [r.to_json() for r in analyst.run_many(many)]
    assert [analyst.run(e).to_json() for e, _ in many] == together
    assert [r.to_json() for r in analyst.run_many(many[::-1])][::-1] == together


def test_threads_get_the_same_answers(analyst: Analyst) -> None:
    items = [evidence(i) for i in range(8)]
    alone = [analyst.run(e) for e in items]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(analyst.run, items)) == alone


def test_refusals_keep_their_place_and_their_reason(analyst: Analyst) -> None:
    why = Caveat(code=CaveatCode.LOW_COVERAGE, text="coverage 61 % of the window, 80 % needed")
    refused = dataclasses.replace(evidence(1), spectrum=None)
    flat = Evidence(
        target=Target(target_id="x"),
        spectrum=Spectrum(spectrum_id="3", wavelength_A=WAVELENGTH_A, flux=np.ones(WAVELENGTH_A.size)),
    )
    reports = analyst.run_many([(evidence(0), ()), (refused, (why,)), (flat, ()), (evidence(2), ())])
    assert [str(r.status) for r in reports] == ["ok", "refused", "refused", "ok"]
    assert (reports[1].spectrum_id, reports[1].reason) == ("1", why.text)
    assert "constant" in reports[2].reason
    assert reports[1].verdict is None


def test_nothing_asked_nothing_answered(analyst: Analyst) -> None:
    assert analyst.run_many([]) == []
    assert analyst.run(Evidence(target=Target(target_id="x"))).status is Status.REFUSED


def test_metadata_counts_only_as_far_as_it_was_trained(analyst: Analyst, bundle) -> None:
    def probabilities(item: Evidence) -> dict:
        return analyst.run(item).verdict.probabilities

    assert set(bundle.card["metadata"]) == {"phase", "redshift"}
    assert probabilities(evidence()) == probabilities(evidence(instrument="SEDM"))
    assert probabilities(evidence()) != probabilities(evidence(redshift=0.3))
    assert probabilities(evidence()) != probabilities(evidence(phase_days=25.0))


def test_the_input_hash_follows_the_input() -> None:
    assert input_hash(evidence(0)) == input_hash(dataclasses.replace(evidence(0), target=Target(target_id="other")))
    assert len({input_hash(e) for e in (evidence(0), evidence(1), evidence(0, redshift=0.1))}) == 3


def test_members_average_within_seed_first() -> None:
    torch.manual_seed(0)
    nets = [ASTRANet(PRESETS["tiny"].net) for _ in range(3)]
    seeds = (1, 1, 2)
    together = Ensemble([Member(net=n, seed=s, kind="best") for n, s in zip(nets, seeds, strict=True)])
    p = [prepare(spectrum())]
    prediction = together.predict(p, [Metadata()])
    assert prediction.member_fine.shape == (3, 1, len(FINE_CLASSES))
    assert prediction.member_embedding.shape == (3, 1, 192)
    a, b, c = prediction.member_fine[:, 0]
    np.testing.assert_allclose(prediction.fine[0], ((a + b) / 2 + c) / 2)
    np.testing.assert_allclose(prediction.spread[0], np.std([a, b, c], axis=0, ddof=1))


def test_networks_of_different_widths_answer_together() -> None:
    torch.manual_seed(0)
    narrow = PRESETS["tiny"].net
    nets = [ASTRANet(narrow), ASTRANet(dataclasses.replace(narrow, channels=24))]
    together = Ensemble([Member(net=n, seed=i, kind="best") for i, n in enumerate(nets)])
    first, second = (together.predict([prepare(spectrum(i))]) for i in range(2))
    both = EnsemblePrediction.joined([first, second])
    assert [t.shape for t in both.member_texture] == [(2, 5 * 16), (2, 5 * 24)]
    again = both.rows(np.array([False, True]))
    for field in dataclasses.fields(EnsemblePrediction):
        for got, expected in zip(getattr(again, field.name), getattr(second, field.name), strict=True):
            np.testing.assert_array_equal(got, expected)


def damaged(folder, what: str) -> None:
    card = json.loads((folder / CARD).read_text())
    weights = folder / card["members"][0]["file"]
    match what:
        case "no card":
            (folder / CARD).unlink()
        case "no json":
            (folder / CARD).write_text("<html>")
        case "other format":
            (folder / CARD).write_text(json.dumps(card | {"format": 99}))
        case "other classes":
            (folder / CARD).write_text(json.dumps(card | {"classes": ["A"]}))
        case "flipped bit":
            data = bytearray(weights.read_bytes())
            data[-1] ^= 1
            weights.write_bytes(bytes(data))
        case "missing file":
            weights.unlink()
        case "unlisted file":
            card["files"].pop(weights.name)
            (folder / CARD).write_text(json.dumps(card))
        case "outside":
            card["files"]["../outside"] = "0"
            (folder / CARD).write_text(json.dumps(card))
        case "impossible odds":
            (folder / CARD).write_text(json.dumps(card | {"class_odds": card["class_odds"] | {"CV": 0.0}}))
        case "other network":
            (folder / CARD).write_text(json.dumps(card | {"net": card["net"] | {"channels": 32}}))


@pytest.mark.parametrize(
    "what",
    ["no card", "no json", "other format", "other classes", "flipped bit", "missing file", "unlisted file", "outside",
     "impossible odds", "other network"],
)  # fmt: skip
def test_a_damaged_bundle_is_never_served(tmp_path, what: str) -> None:
    folder = tiny_bundle(tmp_path / "b")
    damaged(folder, what)
    with pytest.raises(BundleError, match="b"):
        load(folder)


def test_the_name_of_a_bundle_follows_its_content_not_its_figures(tmp_path) -> None:
    card = verify(tiny_bundle(tmp_path / "b"))
    assert fingerprint(card) == fingerprint(card | {"metrics": {"accuracy": 1}})
    assert fingerprint(card) != fingerprint(card | {"files": card["files"] | {"more": "0"}})


def test_the_shipped_bundle_is_whole() -> None:
    bundle = load()
    assert bundle.card["metrics"]["real"]["accuracy"]["value"] > 0.5
    assert len(bundle.calibration["nonconformity"]) == bundle.card["calibration"]["size"]
