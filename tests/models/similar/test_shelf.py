"""Search: the same as a plain one, whatever is missing; and a copy that was made worse is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.similar.shelf import (
    LEAST_OVERLAP,
    MISSING,
    POINTS_A,
    Query,
    Shelf,
    shape_of,
    to_bytes,
    unit_from_text,
    unit_to_text,
)


def shelf(n: int, seed: int = 0, *, missing: float = 0.1) -> Shelf:
    rng = np.random.default_rng(seed)
    shape = rng.integers(0, 255, (n, 200)).astype(np.uint8)
    shape[rng.random((n, 200)) < missing] = MISSING
    unit = rng.normal(size=(n, 192))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    names = tuple(f"o{i // 2}" for i in range(n))
    return Shelf(shape=shape, unit=unit.astype(np.float16), objects=names, entries=tuple(range(n)))


@given(st.integers(0, 10_000), st.floats(0.0, 0.7))
def test_correlations_are_those_of_numpy(seed, missing):
    rng = np.random.default_rng(seed)
    kept = shelf(6, seed, missing=missing)
    asked = rng.normal(size=200) * 10 ** rng.uniform(-18, 3)
    asked[rng.random(200) < missing] = np.nan
    for row, found in zip(kept.shape, kept.correlations(asked), strict=True):
        both = (row != MISSING) & np.isfinite(asked)
        if both.sum() < LEAST_OVERLAP * 200:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(np.corrcoef(row[both], asked[both])[0, 1], abs=2e-3)


def test_each_object_once_the_own_one_never_and_best_first():
    kept = shelf(40)
    asked = Query(shape=np.where(kept.shape[7] == MISSING, np.nan, kept.shape[7].astype(float)), unit=kept.unit[7])
    for way in ("both", "shape", "network"):
        found = kept.nearest(asked, 5, way=way)
        assert found[0].row == 7
        assert len({kept.objects[f.row] for f in found}) == 5
        assert "o3" not in {kept.objects[f.row] for f in kept.nearest(asked, 5, way=way, without="o3")}
    scores = [f.network for f in kept.nearest(asked, 19, way="network")]
    assert scores == sorted(scores, reverse=True)


def test_what_cannot_be_compared_is_not_named():
    kept = shelf(4)
    kept.shape[0] = MISSING
    kept.unit[1] = np.nan
    asked = Query(shape=np.arange(200.0), unit=kept.unit[3])
    assert 0 not in [f.row for f in kept.nearest(asked, 9, way="shape")]
    assert 1 not in [f.row for f in kept.nearest(asked, 9, way="network")]
    assert kept.nearest(Query(shape=np.full(200, np.nan)), 9) == []
    with pytest.raises(ValueError, match="no embedding"):
        kept.nearest(Query(shape=np.arange(200.0)), 9, way="network")
    empty = Shelf(shape=np.empty((0, 200), np.uint8), unit=np.empty((0, 192), np.float16), objects=(), entries=())
    assert empty.nearest(asked, 3) == []


def test_a_shape_is_the_mean_in_bins_and_a_hole_stays_one():
    wave = np.arange(3600.0, 9400.0, 1.0)
    flux = wave.copy()
    flux[(wave > 5000) & (wave < 5300)] = np.nan
    shape = shape_of(wave, flux)
    assert np.isnan(shape[(POINTS_A > 5030) & (POINTS_A < 5270)]).all()
    known = np.isfinite(shape)
    assert known.sum() > 180
    assert np.abs(shape[known] - POINTS_A[known]).max() < 15
    coarse = shape_of(wave[::60], wave[::60])
    assert np.isfinite(coarse).all()  # coarser pixels than bins are no holes
    codes = to_bytes(shape)
    assert (codes == MISSING).sum() == np.isnan(shape).sum()
    assert np.isnan(shape_of(wave[:1], wave[:1])).all()


def test_an_embedding_as_text():
    embedding = np.random.default_rng(0).normal(size=192)
    back = unit_from_text(unit_to_text(embedding)).astype(float)
    assert back @ embedding / np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-3)
    assert unit_from_text(None) is None
    assert unit_from_text("AAAA") is None
    assert unit_from_text("not base64!") is None
