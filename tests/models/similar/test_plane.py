"""Maps of embeddings: deterministic, neighbours near each other, readable again, and nothing of the extra at import."""

import subprocess
import sys

import numpy as np
import pytest

from models.similar.plane import Plane, has_umap, sample

KINDS, EACH = 4, 40


def clusters(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of four kinds, (n, 192) of unit length; and which kind each is."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(KINDS, 192))
    kind = np.repeat(np.arange(KINDS), EACH)
    wide = centres[kind] + 0.35 * rng.normal(size=(KINDS * EACH, 192))
    return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float16), kind


def keys(n: int, start: int = 0) -> list[str]:
    return [f"archive {i}" for i in range(start, start + n)]


def purity(xy: np.ndarray, kind: np.ndarray, of: np.ndarray, of_kind: np.ndarray) -> float:
    """How often the nearest fitted point is of the same kind."""
    distance = np.linalg.norm(of[:, None] - xy[None], axis=2)
    return float((kind[distance.argmin(1)] == of_kind).mean())


@pytest.mark.parametrize("way", ["pca", pytest.param("umap", marks=pytest.mark.slow)])
def test_like_spectra_lie_together_and_new_ones_among_their_like(way: str, tmp_path) -> None:
    if way == "umap":
        pytest.importorskip("umap")
    (unit, kind), (new, new_kind) = clusters(), clusters(1)
    made = Plane.fit(unit, keys(len(unit)), bundle="b@1", way=way)
    again = Plane.fit(unit, keys(len(unit)), bundle="b@1", way=way)
    np.testing.assert_array_equal(made.xy, again.xy)
    np.testing.assert_allclose(made.place(unit, made.keys), made.xy, atol=1e-4)
    assert purity(made.xy, kind, made.place(new), new_kind) > 0.9
    made.save(tmp_path / "map.safetensors")
    read = Plane.load(tmp_path / "map.safetensors")
    assert (read.way, read.bundle, read.keys) == (way, "b@1", made.keys)
    np.testing.assert_array_equal(read.place(new), made.place(new))


def test_what_a_umap_was_fitted_on_lies_where_it_lay_and_others_among_their_neighbours() -> None:
    unit, _ = clusters()
    xy = np.random.default_rng(2).uniform(size=(len(unit), 2)).astype(np.float32)
    made = Plane(way="umap", bundle="b", unit=unit, xy=xy, keys=tuple(keys(len(unit))))
    np.testing.assert_array_equal(made.place(unit[[3, 1]], ["archive 3", "archive 1"]), xy[[3, 1]])
    inside = made.place(unit[:40])  # by no name: near its neighbours' mean, so within their reach
    assert (inside >= xy.min(0)).all()
    assert (inside <= xy.max(0)).all()


@pytest.mark.parametrize("damage", ["text", "empty", "way", "short", "other", "no centre", "not finite"])
def test_what_is_no_map_is_refused(damage: str, tmp_path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "map.safetensors"
    unit, _ = clusters()
    arrays = {"unit": unit, "xy": np.zeros((len(unit), 2), np.float32)}
    told = {"way": "umap", "bundle": "b", "keys": str(keys(len(unit))).replace("'", '"')}
    if damage == "text":
        path.write_text("no map")
    elif damage == "empty":
        save_file({}, path)
    else:
        told |= {"way": "tsne"} if damage == "way" else {}
        told |= {"keys": '["a"]'} if damage == "short" else {}
        arrays |= {"axes": np.zeros((192, 2), np.float32)} if damage == "other" else {}
        if damage == "no centre":
            told, arrays = told | {"way": "pca"}, arrays | {"axes": np.zeros((192, 2), np.float32)}
        if damage == "not finite":
            arrays |= {"unit": np.full_like(unit, np.nan)}
        save_file(arrays, path, metadata=told)
    with pytest.raises(ValueError, match="is no map"):
        Plane.load(path)


def test_too_few_and_too_many() -> None:
    unit, _ = clusters()
    with pytest.raises(ValueError, match="too few"):
        Plane.fit(unit[:2], keys(2), bundle="b", way="pca")
    some = sample(50_000, 20_000)
    assert len(some) == 20_000
    assert (np.diff(some) > 0).all()
    np.testing.assert_array_equal(some, sample(50_000, 20_000))
    assert sample(5, 20_000).tolist() == [0, 1, 2, 3, 4]


def test_without_the_extra_a_umap_says_what_to_install(monkeypatch) -> None:
    unit, _ = clusters()
    monkeypatch.setattr("models.similar.plane.find_spec", lambda _name: None)
    assert not has_umap()
    with pytest.raises(ValueError, match=r"pip install 'astranet-annotator\[map\]'"):
        Plane.fit(unit, keys(len(unit)), bundle="b", way="umap")


def test_asking_whether_there_is_a_umap_loads_none() -> None:
    script = (
        "import sys, models.similar.plane as p; p.has_umap(); print([m for m in ('umap', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
