"""Trees without LightGBM answer as LightGBM does, which trained them and is asked here."""

import gzip

import lightgbm
import numpy as np
import pytest

from models.bundle import SHIPPED
from models.needle.model import SHIPPED as NEEDLE
from models.trees import Trees

QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "seed": 3}


def made(objective: str, classes: int, *, missing: bool, rows: int = 400, **more: object) -> lightgbm.Booster:
    rng = np.random.default_rng(classes)
    x = inputs(rows, missing=missing)
    y = rng.integers(0, max(classes, 2), rows)
    x[:, 0] += y
    about = {"objective": objective, "num_leaves": 9, "min_data_in_leaf": 5, **QUIET, **more}
    return lightgbm.train(
        about | ({"num_class": classes} if classes > 1 else {}),
        lightgbm.Dataset(x, y, feature_name=[f"f{i}" for i in range(x.shape[1])]),
        25,
    )


def inputs(rows: int, *, missing: bool, columns: int = 6) -> np.ndarray:
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows, columns))
    if missing:
        x[rng.random(x.shape) < 0.3] = np.nan
    return x


@pytest.mark.parametrize("missing", [True, False])
def test_log_odds_of_two_classes(missing: bool) -> None:
    booster = made("binary", 1, missing=missing)
    trees = Trees.from_text(booster.model_to_string())
    for new in (False, True):  # NaN where there was none in training takes another way than where there was
        x = inputs(300, missing=new)
        np.testing.assert_array_equal(trees.raw(x)[:, 0], booster.predict(x, raw_score=True))


def test_probabilities_of_several_classes() -> None:
    booster = made("multiclass", 3, missing=True, extra_trees=True)
    trees, x = Trees.from_text(booster.model_to_string()), inputs(300, missing=True)
    np.testing.assert_array_equal(trees.raw(x), booster.predict(x, raw_score=True))
    np.testing.assert_allclose(trees.predict(x), booster.predict(x), rtol=1e-14)
    assert trees.names == tuple(booster.feature_name())
    np.testing.assert_allclose(trees.gain, gains(booster), rtol=1e-6)


def gains(booster: lightgbm.Booster) -> np.ndarray:
    # From the text again: the booster that was trained knows more digits than it writes.
    return lightgbm.Booster(model_str=booster.model_to_string()).feature_importance("gain")


def test_trees_without_a_split() -> None:
    booster = made("binary", 1, missing=False, min_data_in_leaf=1000, boost_from_average=True)
    assert "num_leaves=1\n" in booster.model_to_string()
    x = inputs(5, missing=False)
    np.testing.assert_array_equal(
        Trees.from_text(booster.model_to_string()).raw(x)[:, 0], booster.predict(x, raw_score=True)
    )


def test_nothing_to_answer() -> None:
    trees = Trees.from_text(made("binary", 1, missing=False).model_to_string())
    assert trees.raw(np.zeros((0, 6))).shape == (0, 1)


@pytest.mark.parametrize("path", sorted([*SHIPPED.glob("sentinel-*.txt"), *NEEDLE.glob("*.txt.gz")][:6]))
def test_the_shipped_ones(path: object) -> None:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    trees, booster = Trees.from_text(text), lightgbm.Booster(model_str=text)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1100, len(trees.names)))
    x[rng.random(x.shape) < 0.2] = np.nan
    np.testing.assert_array_equal(np.squeeze(trees.raw(x)), booster.predict(x, raw_score=True, num_threads=1))
    np.testing.assert_allclose(trees.gain, booster.feature_importance("gain"), rtol=1e-6)


def test_what_is_refused() -> None:
    text = made("binary", 1, missing=False).model_to_string()
    with pytest.raises(ValueError, match="not a LightGBM model"):
        Trees.from_text("tree\nnothing")
    with pytest.raises(ValueError, match="not a LightGBM model"):
        Trees.from_text(text.partition("\nend of trees")[0])
    with pytest.raises(ValueError, match="no usable 'num_tree_per_iteration'"):
        Trees.from_text(text.replace("num_tree_per_iteration", "x"))
    with pytest.raises(ValueError, match="categories"):
        Trees.from_text(text.replace("num_cat=0", "num_cat=1", 1))
    with pytest.raises(ValueError, match="6 inputs"):
        Trees.from_text(text).raw(np.zeros((2, 5)))
