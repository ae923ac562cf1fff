"""Short trainings with one part changed: what they learn from, what they are scored on, and that each change is one."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.spectral.prepare import GRID_SIZE
from models.training.dataset import SPLITS
from models.training.spectral.ablation import COMBINED, SCALED, VARIANTS, development_split, run_variant, shortened
from models.training.spectral.presets import PRESETS
from models.training.spectral.scaling import SCALINGS, scaled
from plugin.lab.spectra.ablation_tables import draw_learning_curve, markdown
from tests.models.training.data import ripples


def test_calibrate_and_test_are_out_and_no_object_is_on_both_sides() -> None:
    data = ripples(40)
    part = development_split(data)
    assert {SPLITS[i] for i in part.split} == {"train", "select"}
    learned, scored = (set(np.array(part.groups)[part.split == SPLITS.index(s)]) for s in ("train", "select"))
    assert not learned & scored
    earlier = set(np.array(data.groups)[data.split == SPLITS.index("train")])
    assert learned < earlier
    assert 0.1 < len(scored & earlier) / len(earlier) < 0.3


def test_shares_are_nested_and_scored_on_the_same_spectra() -> None:
    data = ripples(40)
    half, whole = development_split(data, share=0.5), development_split(data)
    assert half.part("select").ids == whole.part("select").ids
    small, large = set(half.part("train").ids), set(whole.part("train").ids)
    assert small < large
    assert 0.35 < len(small) / len(large) < 0.65


def test_disputed_spectra_are_learned_from_only_where_asked_and_never_scored() -> None:
    data = ripples(40)
    train = data.split == SPLITS.index("train")
    data = replace(data, disputed=train & (data.label == FINE_CLASSES.index("TDE")))
    part = development_split(data)
    assert not part.disputed[part.split == SPLITS.index("select")].any()
    assert part.disputed.any()


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - {"full"}))
def test_each_variant_changes_one_preset_or_the_other(name) -> None:
    changed = [VARIANTS[name](PRESETS[p]) != PRESETS[p] for p in ("paper", "compact", "coarse")]
    assert any(changed), f"{name} changes nothing"


def test_a_run_is_scored_once_and_ends_in_the_table(tmp_path) -> None:
    data = development_split(ripples(20))
    config = shortened(PRESETS["tiny"], 2)
    rows: list[dict[str, object]] = []
    runs = [("full", config), ("no MixUp", VARIANTS["no MixUp"](config))]
    results = [run_variant([data], c, n, tmp_path, preset="tiny", seed=1, report=rows.append) for n, c in runs]
    assert len(rows) == 4
    again = run_variant([data], config, "full", tmp_path, preset="tiny", seed=1, report=rows.append)
    assert len(rows) == 4, "a finished variant is read, not trained"
    assert again == json.loads(json.dumps(results[0]))
    with pytest.raises(ValueError, match="another folder"):
        run_variant([data], shortened(PRESETS["tiny"], 3), "full", tmp_path, preset="tiny", seed=1, report=rows.append)
    results.append(run_variant([development_split(ripples(20), share=0.5)], config, "50% of the training objects",
                               tmp_path, preset="tiny", seed=1, report=rows.append))  # fmt: skip
    page = markdown(results)
    assert "| no MixUp |" in page
    assert "## Learning curve" in page
    assert f"{results[0]['scored']['macro_recall']['value']:.3f}" in page
    draw_learning_curve(results, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 5000


def test_parts_cover_every_training_object_once_and_select_once(tmp_path) -> None:
    data = ripples(30)
    parts = [development_split(data, part=k) for k in range(5)]
    before = {s: set(np.array(data.ids)[data.split == SPLITS.index(s)]) for s in ("train", "select")}
    held = [set(p.part("select", real=False).ids) - before["select"] for p in parts]
    assert sum(map(len, held)) == len(set.union(*held)) == len(before["train"])
    result = run_variant(parts[:2], shortened(PRESETS["tiny"], 1), "full", tmp_path, preset="tiny", seed=1,
                         report=lambda _: None)  # fmt: skip
    asked = [p.part("select") for p in parts[:2]]
    assert result["scored"]["spectra"] == len(set(asked[0].ids) | set(asked[1].ids))
    assert result["scored"]["spectra"] < len(asked[0]) + len(asked[1])
    assert "2 fifths, each held out" in markdown([result])


def test_parts_taken_out_together_are_those_taken_out_alone() -> None:
    base = PRESETS["coarse"]
    hierarchy, stem, pool = (VARIANTS[n](base) for n in COMBINED[1:4])
    every = VARIANTS[COMBINED[-1]](base)
    assert not every.net.hierarchy
    assert every.loss == hierarchy.loss
    assert every.net.stem_kernels == stem.net.stem_kernels
    assert not every.net.attention
    assert VARIANTS[COMBINED[4]](base).net == replace(stem.net, hierarchy=False)
    assert VARIANTS[COMBINED[5]](base) == replace(stem, net=replace(stem.net, attention=False))
    assert VARIANTS[COMBINED[6]](base) == replace(hierarchy, net=replace(hierarchy.net, attention=False))
    assert pool.net.hierarchy


def test_variants_in_pairs_and_scalings_have_tables_of_their_own(tmp_path) -> None:
    data = development_split(ripples(20))
    coarse = np.arange(len(data)) % 2 == 0
    data = replace(data, spacing=np.where(coarse, 25, 2).astype(np.float32))
    config = shortened(PRESETS["tiny"], 1)
    full = run_variant([data], config, "full", tmp_path, preset="tiny", seed=1, report=lambda _: None)
    results = [{**full, "variant": name} for name in dict.fromkeys((*COMBINED, *SCALED))]
    low, high = (results[0]["domains"][name]["scored"] for name in (LOW, HIGH))
    assert low["spectra"] + high["spectra"] == results[0]["scored"]["spectra"]
    page = markdown(results)
    assert "Table XVIII" in page
    assert page.count("| continuum removed |") == 1
    gap = markdown(results[:-1])
    assert "Scalings" not in gap, "a table with a gap says nothing"
    assert gap.count("| scaled by z-score |") == 1, "and what was trained is shown all the same"


def rows_of(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    mask = torch.ones(3, GRID_SIZE)
    mask[1, :500] = 0
    mask[2, 1000:2000] = 0
    return torch.randn(3, GRID_SIZE, generator=rng) * mask, mask


def test_scalings_are_what_they_are_called() -> None:
    flux, mask = rows_of()
    seen = mask > 0
    for row, there in zip(SCALINGS["z-score"](flux, mask), seen, strict=True):
        assert float(row[there].mean()) == pytest.approx(0, abs=1e-5)
        assert float(row[there].std(correction=0)) == pytest.approx(1, abs=1e-4)
        assert not row[~there].any()
    for row, there in zip(SCALINGS["min-max"](flux, mask), seen, strict=True):
        assert (float(row[there].min()), float(row[there].max())) == (0.0, 1.0)
        assert not row[~there].any()
    assert SCALINGS["percentile"](flux, mask) is flux


def test_a_removed_continuum_leaves_lines_and_no_slope() -> None:
    pixel = torch.linspace(0, 1, GRID_SIZE)
    line = torch.exp(-0.5 * ((pixel - 0.5) / 0.005) ** 2)
    mask = torch.ones(2, GRID_SIZE)
    mask[:, :300] = 0
    flat, sloped = (
        SCALINGS["continuum removed"]((c + line)[None] * mask[:1], mask[:1])[0] for c in (0 * pixel, 9 * pixel)
    )
    inside = slice(1000, 3100)  # the median leans at the ends
    assert abs(int(sloped[inside].argmax()) + 1000 - int(line.argmax())) < 5
    away = slice(1000, 1900)
    assert float(sloped[away].max() - sloped[away].min()) < 0.05 * float(sloped[inside].max() - sloped[away].min())
    assert float(flat[inside].max()) > 0.5
    assert not sloped[:300].any()


def test_spectra_are_scaled_alike_for_training_and_scoring() -> None:
    data = ripples(4)
    assert scaled(data, "percentile") is data
    other = scaled(data, "min-max")
    there = data.masks()
    assert other.flux[there].min() == 0
    assert other.flux[there].max() == 1
    np.testing.assert_array_equal(other.mask, data.mask)
    with pytest.raises(KeyError):
        scaled(data, "log")
