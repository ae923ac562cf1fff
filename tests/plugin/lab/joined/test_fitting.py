"""Powers of experts: objects are never split, what tells the class counts, and noise does not."""

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from models.joined.evidence import EVIDENCE
from models.joined.product import SPECTRUM
from models.training.metrics import expected_calibration_error
from plugin.lab.dataset.contested import bare
from plugin.lab.joined.figures import covered, figures_of, is_better
from plugin.lab.joined.fitting import FOLDS, Material, chosen, crossed, fitted, folds, losses, stacked
from plugin.lab.joined.laws import _shares
from plugin.lab.joined.sources import Nearest, Sources
from plugin.lab.luminosity.curves import Curves
from tests.models.training.data import ripples

K = len(FINE_CLASSES)


def material(n: int = 240, strength: float = 2.0, seed: int = 1) -> Material:
    """Vague spectra of objects with two each; the latitude tells the class by `strength` nats, the rise is noise."""
    rng = np.random.default_rng(seed)
    label = np.repeat(rng.integers(0, K, n // 2), 2)
    own = np.eye(K)[label]
    fine = np.exp(own * 1.0 + rng.normal(0, 1, (n, K)))
    right = own * strength + rng.normal(0, 1, (n, K))
    likely = {name: np.full((n, K), np.nan) for name in EVIDENCE}
    likely |= {"latitude": right, "rise": rng.normal(0, 2, (n, K))}
    likely["latitude"][::3] = np.nan
    return Material(fine / fine.sum(1, keepdims=True), likely, label, np.repeat(np.arange(n // 2), 2))


def test_objects_are_on_one_side_of_every_fold():
    one = material()
    both = stacked([one, one])
    seen = np.zeros(len(both.label), int)
    for _, rest, mine in folds(both, 0):
        assert not set(both.group[rest].tolist()) & set(both.group[mine].tolist())
        assert (rest ^ mine).all()
        seen += mine
    assert (seen == 1).all()
    assert len(folds(one, 0)) == FOLDS
    assert both.weight.sum() == pytest.approx(len(set(both.group.tolist())))


def test_evidence_that_tells_the_class_counts_and_noise_does_not():
    one = material()
    powers = fitted(one, 0.003).powers
    assert powers["latitude"] > 0.4
    assert powers["rise"] < 0.15
    assert powers["counterpart"] == pytest.approx(0.0, abs=0.01)
    assert powers[SPECTRUM] > 0.3
    found = crossed(one)
    assert found.sum(1) == pytest.approx(np.ones(len(found)))
    figures = figures_of(one, found)
    assert figures["log loss"]["high"] < 0
    assert is_better(figures)
    assert figures["changed"]["better"] > figures["changed"]["worse"]


def test_a_strong_hold_leaves_the_spectrum_alone():
    powers = fitted(material(), 100.0).powers
    assert powers[SPECTRUM] == pytest.approx(1.0, abs=0.02)
    assert max(powers[name] for name in EVIDENCE) < 0.02
    held, means = chosen(material(), 0)
    assert means[f"{held:g}"] == min(means.values())


def test_noise_is_not_called_better():
    one = material(strength=0.0)
    assert not is_better(figures_of(one, crossed(one)))
    assert not is_better({"spectra": 3, "objects": 3})


def test_figures_count_each_object_once():
    one = material()
    figures = figures_of(one, one.fine)
    assert figures["log loss"]["without"] == pytest.approx(
        float(np.average(losses(one.fine, one.label), weights=one.weight)), abs=1e-4
    )
    assert figures["log loss"]["difference"] == figures["log loss"]["low"] == 0.0
    error = expected_calibration_error(one.fine.max(1), one.fine.argmax(1) == one.label)
    assert figures["ece"] == [round(error, 4)] * 2
    scores = np.linspace(0, 1, 100)
    wide, narrow = (covered(scores, np.arange(100), one, one.fine, a) for a in (0.01, 0.5))
    assert wide["coverage"] >= narrow["coverage"]
    assert wide["size"] > narrow["size"]


def test_shares_are_drawn_to_the_mean_and_few_objects_have_no_law():
    index = np.array([0] * 50 + [1] * 50 + [0] * 2 + [-1] * 9)
    label = np.array([0] * 50 + [1] * 50 + [2] * 2 + [2] * 9)
    found = _shares(index, label, 2, 3)
    assert np.nansum(found[:2], axis=1) == pytest.approx([1, 1])
    assert 0.9 < found[0, 0] < 1.0
    assert 0.0 < found[0, 1] < 0.1
    assert np.isnan(found[2]).all()


def test_strangers_are_no_objects_with_spectra_under_any_name_or_at_their_place():
    data = ripples(objects=1)
    group = bare(data.groups[0])
    near = {name: Nearest(0.1, 1.0, "SN Ia") for name in ("alias", "beside", "far")}
    near["ztf1"] = near["alias"]
    sources = Sources(
        taken={},
        names={data.ids[0]: ("alias",)},
        places={group: (10.0, 20.0), "beside": (10.0, 20.0 + 1 / 3600), "far": (10.0, 21.0)},
        nearest=near,
        curves=Curves({}, {}),
    )
    assert set(sources.strangers(data)) == {"far"}
    found, taken = sources.around(data.ids[0], data.groups[0])
    assert (found.star_score, found.nearest_arcsec, taken) == (0.1, 1.0, None)
    assert found.latitude_deg is not None
    assert found.mjd == ()
