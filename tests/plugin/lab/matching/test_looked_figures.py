"""What is measured of the maps: the maximum in a band counts, chance is the bands' share, networks are told apart."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.bundle import load
from models.domain.looked import Looked
from plugin.lab.matching.looked import chosen, figures, random_weights
from plugin.lab.matching.looked_page import write_looked
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples

AT = np.arange(4000.0, 8000.0, 50.0)
BANDS = {"a": (5000.0, 5200.0), "b": (7000.0, 7100.0)}


def peaked(at: float) -> Looked:
    return Looked(label=0, wavelength_A=AT, change=np.exp(-0.5 * ((AT - at) / 200) ** 2), log_odds=0.0)


def measured() -> dict:
    trained = [peaked(x) for x in (5100.0, 5600.0, 7050.0, 6000.0)]
    flat = [peaked(6000.0)] * 4
    maps = {"trained": trained, "one half": trained, "other half": trained, "random": flat}
    return figures(maps, np.array([0.0, 0.1, 0.0, 0.0]), BANDS)


def test_the_maximum_counts_where_its_rest_wavelength_lies_in_a_band() -> None:
    found = measured()
    assert found["trained"]["rate"] == 0.75  # 5600 at z = 0.1 is 5091 at rest
    assert found["each"] == {"a": 0.5, "b": 0.25}
    assert found["random"]["rate"] == 0.0
    assert found["trained"]["low"] < 0.75 < found["trained"]["high"]
    # At rest 5 and 3 of the 80 windows lie in a band or at its edge; at z = 0.1 the bands are wider, 7 and 5.
    assert found["chance"] == pytest.approx((3 * 8 + 12) / 80 / 4)
    assert found["trained"]["p"] < 0.05 < found["random"]["p"]


def test_maps_of_the_same_are_alike_and_others_are_not() -> None:
    found = measured()
    assert found["halves_alike"]["median"] == 1.0
    assert found["random_alike"]["median"] < 0.9


def test_the_page_says_both_and_that_it_is_no_proof(tmp_path: Path) -> None:
    bundle = load(tiny_bundle(tmp_path / "b"))
    told = {"split": "select", "bands": {"SN Ia": BANDS}, "classes": {"SN Ia": measured()}}
    text = write_looked(tmp_path / "out", bundle, told).read_text()
    assert "| SN Ia | 4 | a 0.50, b 0.25 | **0.75 [" in text
    assert "no proof that a class is right" in text
    assert (tmp_path / "out" / "looked.json").is_file()


def test_networks_before_training_are_others_and_always_the_same_ones(tmp_path: Path) -> None:
    ensemble = load(tiny_bundle(tmp_path / "b")).ensemble
    before, again = random_weights(ensemble), random_weights(ensemble)
    one, two, three = (next(e.members[0].net.parameters()) for e in (ensemble, before, again))
    assert not torch.equal(one, two)
    assert torch.equal(two, three)


def test_each_object_is_asked_once_and_only_where_the_networks_are_right(tmp_path: Path) -> None:
    bundle, data = load(tiny_bundle(tmp_path / "b")), ripples(objects=12)
    part = chosen(bundle, data, "SN Ia")
    assert len(set(part.groups)) == len(part)
    assert (part.label == 0).all()
