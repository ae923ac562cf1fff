"""The figures of what an operator can choose: from a bundle to a page, and by which rule the constants were chosen."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.bundle import load
from models.decision import STRATEGIES
from models.domain import FINE_CLASSES
from models.sentinel.detector import Calibration
from models.training.dataset import joined
from models.training.evaluate import predict_dataset
from plugin.lab.spectra.choices import MOST_LOST, chosen_factor, chosen_power, evaluate_choices
from plugin.lab.spectra.choices_page import page
from plugin.lab.spectra.partial import windowed
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples


@contextmanager
def silent(what: str, total: int):
    yield lambda n: None


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Untrained networks with the probabilities of their calibration spectra, as an anomaly layer keeps them."""
    made = load(tiny_bundle(tmp_path_factory.mktemp("bundle")))
    part = ripples().part("calibrate")
    n, fine = len(part), predict_dataset(made.ensemble, part).fine
    kept = Calibration(
        seed_scores=np.zeros((n, 1)), families=np.zeros((n, 4)), fine=fine, epistemic=np.zeros(n), label=part.label
    )
    shares = dict.fromkeys(FINE_CLASSES, 1 / 7)
    return replace(
        made,
        card={**made.card, "prior": {"answered": shares, "shown": shares}},
        sentinel=SimpleNamespace(calibration=kept),
    )


@pytest.fixture(scope="module")
def figures(bundle):
    data = ripples()
    return evaluate_choices(bundle, joined([data, windowed(data, 3800.0, 7800.0)]), split="test", started=silent)


def test_every_strategy_is_measured_on_the_same_spectra_against_the_default(figures) -> None:
    (found,) = figures["strategies"].values()
    assert list(found["strategies"]) == list(STRATEGIES)
    for name, f in found["strategies"].items():
        assert f["spectra"] == found["spectra"] == 28
        differs = f["accuracy"]["value"] - found["strategies"]["within_seed"]["accuracy"]["value"]
        assert f["difference"]["accuracy"]["value"] == pytest.approx(differs, abs=2e-4), name
    assert found["strategies"]["within_seed"]["others"] == 0
    # All classes have the same share: nothing counts for more.
    assert found["strategies"]["cost_sensitive"]["others"] == 0
    tde = found["strategies"]["tde_priority"]
    assert tde["recall"]["TDE"]["value"] >= found["strategies"]["within_seed"]["recall"]["TDE"]["value"]


def test_served_sets_are_measured_and_adaptive_ones_never_empty(figures) -> None:
    assert set(figures["sets"]) == {"high resolution", "high resolution, red end missing"}
    for found in figures["sets"].values():
        assert all(row["empty"] == 0 for row in found["aps"])
        for rows in (found["lac"], found["aps"]):
            sizes = [row["size"] for row in rows]
            assert sizes == sorted(sizes, reverse=True)
            assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


def test_the_page_says_what_was_measured_and_how_it_was_chosen(figures) -> None:
    text = page("tiny@1", figures)
    for words in ("astranet evaluate choices", *STRATEGIES, "How they were chosen", "### Sets: high resolution"):
        assert words in text
    (found,) = figures["strategies"].values()
    assert f"{found['strategies']['tde_priority']['accuracy']['value']:.3f} [" in text


def test_the_rules_by_which_the_constants_were_chosen() -> None:
    def rows(**by: list[float]) -> list[dict[str, float]]:
        names = list(by)
        return [dict(zip(names, values, strict=True)) for values in zip(*by.values(), strict=True)]

    powers = rows(value=[0.0, 0.25, 0.5], macro_recall=[0.8, 0.9, 0.9])
    assert chosen_power(powers) == 0.25
    factors = rows(value=[1.0, 4.0, 5.0, 6.0], accuracy=[0.94, 0.94, 0.94 - MOST_LOST / 2, 0.94 - 2 * MOST_LOST])
    assert chosen_factor(factors) == 5.0


def test_a_bundle_that_keeps_too_little_is_refused(bundle) -> None:
    with pytest.raises(ValueError, match="keeps no probabilities"):
        evaluate_choices(replace(bundle, sentinel=None), ripples(), split="test", started=silent)
