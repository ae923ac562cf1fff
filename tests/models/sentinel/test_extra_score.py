"""A score more: old layers answer as before, new ones use it, and a score that is gone is named."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from models.analyst import Analyst
from models.bundle import SHIPPED, load, write_card
from models.cards import CARD, BundleError
from models.domain import Evidence, Report, Spectrum, Target
from models.sentinel.scores import names, registry, score
from models.sentinel.stored import load_sentinel, save_sentinel
from models.training.sentinel.fitting import fit_sentinel, tuned_scores
from tests.models.sentinel.made import clouds
from tests.models.training.layered import layered


@contextmanager
def registered(name: str, family: str) -> Iterator[None]:
    """Take a made-up score into the list for a while."""

    @score(name, family)
    def norm(x, bank):
        return np.linalg.norm(x.embedding, axis=1)

    try:
        yield
    finally:
        del registry._SCORES[name]


def answer(folder: Path | None = None) -> Report:
    wavelength = np.arange(3700.0, 9300.0, 8.0)
    spectrum = Spectrum(spectrum_id="1", wavelength_A=wavelength, flux=2 + np.sin(wavelength / 150))
    return Analyst(load(folder)).run(Evidence(target=Target(target_id="t"), spectrum_id="1", spectrum=spectrum))


def test_the_shipped_bundle_answers_the_same_with_one_score_more_in_the_list() -> None:
    before = answer()
    with registered("embedding_norm", "distance"):
        assert "embedding_norm" in names("distance")
        assert answer().to_json() == before.to_json()
    assert "embedding_norm" not in names()
    assert before.anomaly is not None
    assert len(before.anomaly.scores) == len(tuned_scores())


def test_a_new_layer_uses_the_score_and_is_refused_by_name_once_it_is_gone(tmp_path) -> None:
    material = layered()
    plain = fit_sentinel(material)
    with registered("embedding_norm", "distance"):
        layer = fit_sentinel(material)
        assert layer.scores == (*plain.scores, "embedding_norm")
        section = save_sentinel(layer, tmp_path)
        assert section["scores"] == list(layer.scores)
        seen = material.test.prediction
        again = load_sentinel(tmp_path, section).judge(seen)
        np.testing.assert_array_equal(again.ranks, layer.judge(seen).ranks)
        # Its rank counts in its family: the mean over seven scores and not over six.
        six, seventh = plain.judge(seen), again.ranks[:, -1]
        np.testing.assert_allclose(again.families[:, 1], (6 * six.families[:, 1] + seventh) / 7, atol=1e-12)
        np.testing.assert_array_equal(again.families[:, [0, 2, 3]], six.families[:, [0, 2, 3]])
    with pytest.raises(ValueError, match="does not know: embedding_norm"):
        load_sentinel(tmp_path, section)


def test_a_bundle_whose_score_is_gone_is_refused_by_name_but_a_new_layer_can_be_fitted(tmp_path) -> None:
    folder = shutil.copytree(SHIPPED, tmp_path / "bundle")
    card = json.loads((folder / CARD).read_text())
    card["sentinel"]["scores"].append("phlogiston")
    write_card(folder, card)
    with pytest.raises(BundleError, match="phlogiston"):
        load(folder)
    # What `astranet bundle add-sentinel` begins with.
    bundle = load(folder, layer=False)
    assert bundle.sentinel is None
    assert bundle.ensemble.seeds == load().ensemble.seeds


def test_without_a_family_there_is_no_layer() -> None:
    from models.sentinel.combine import families

    features, _ = clouds(3, 0)
    with pytest.raises(ValueError, match="density, hybrid"):
        families(np.zeros((len(features), 2)), ("msp", "knn"))
