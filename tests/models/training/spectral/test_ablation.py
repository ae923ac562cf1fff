"""Short trainings with one part changed: what they learn from, what they are scored on, and that each change is one."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.domain import FINE_CLASSES
from models.training.dataset import SPLITS
from models.training.spectral.ablation import VARIANTS, development_split, run_variant, shortened
from models.training.spectral.presets import PRESETS
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
