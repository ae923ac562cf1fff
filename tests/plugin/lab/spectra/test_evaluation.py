"""The evaluation runs from a bundle to tables and pictures, and every figure in the page is one of the JSON's."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from models.bundle import load
from models.conformal.domains import HIGH, LOW
from models.domain import FINE_CLASSES
from models.training.dataset import SPLITS, Dataset
from models.training.evaluate import predict_dataset
from models.training.sentinel.protocol import domain_names
from plugin.cli import app
from plugin.lab.commands import spectra as commands
from plugin.lab.dataset import labelled
from plugin.lab.dataset.headers import Header
from plugin.lab.dataset.identity.splits import splits_hash
from plugin.lab.dataset.labelled import Labelled
from plugin.lab.spectra.evaluation import DRAWS, _draws, compare_bundles, evaluate_spectra
from plugin.lab.spectra.evaluation_figures import draw_all
from plugin.lab.spectra.evaluation_tables import comparison, markdown
from plugin.lab.spectra.readme_table import readme_table
from plugin.ops.card_view import _figures, describe_card
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples


@contextmanager
def silent(what: str, total: int):
    yield lambda n: None


def both_worlds(objects: int = 30) -> Dataset:
    """The tiny set, every other object of it with the SED Machine's pixels."""
    data = ripples(objects)
    coarse = np.array([int(g.split("-")[-1]) // 10 % 2 == 0 for g in data.groups])
    return replace(data, spacing=np.where(coarse, 25.6, 2.0).astype(np.float32))


def some_headers(data: Dataset) -> dict[str, Header]:
    """Of the SED Machine's spectra: SNID calls all of them SN Ia, and finds no match for one in five."""
    return {
        name: Header(exposure_s=1800.0, quality=float(i % 2), snid=None if i % 5 == 0 else "SN Ia", rlap=float(i % 12))
        for i, (name, spacing) in enumerate(zip(data.ids, data.spacing, strict=True))
        if spacing > 20
    }


def test_from_a_bundle_to_a_page(tmp_path) -> None:
    seen: list[tuple[str, int]] = []

    @contextmanager
    def started(what: str, total: int):
        done: list[int] = []
        yield done.append
        seen.append((what, sum(done) - total))

    data = both_worlds()
    bundle = load(tiny_bundle(tmp_path / "b"))
    figures = evaluate_spectra(bundle, data, split="test", started=started, headers=some_headers(data))
    assert {difference for _, difference in seen} == {0}, "progress ends at the total"
    json.dumps(figures, allow_nan=False)
    assert list(figures["domains"]) == [LOW, HIGH]
    test = data.part("test")
    for name, found in figures["domains"].items():
        real, own = found["real"], test.rows(domain_names(test.spacing) == name)
        assert real["spectra"] == len(own) > 0
        assert real["classes"] == 7, "CV too"
        assert np.isclose(np.trace(real["confusion"]) / real["spectra"], real["accuracy"]["value"], atol=1e-4)
        assert found["calibrated_on"]["cell"] == "all", "the tiny set has too few for domains"
    assert figures["real"]["spectra"] == len(test)
    page = markdown(figures, bundle.bundle_id)
    assert bundle.bundle_id in page
    for found in figures["domains"].values():
        assert f"{found['real']['macro_recall']['value']:.3f}" in page
    assert page.index("The SED Machine's spectra") < page.index("The archive's spectra")
    assert page.count("\n### ") >= 14
    assert " nan" not in page
    for row in (*figures["sedm"], *figures["sedm_with_redshift"]):
        draws = row["macro_recall_of_draws"]
        # Every draw has the same spectra, so recalls of all together are means over the draws.
        assert np.isclose(np.mean(draws), row["macro_recall"]["value"], atol=2e-4)
        assert f"{min(draws):.3f} to {max(draws):.3f}" in page
    draw_all(figures, tmp_path)
    for name in ("confusion.png", "reliability.png", "sets.png", "sedm.png"):
        assert (tmp_path / name).stat().st_size > 5000


def test_snid_stands_beside_on_the_same_spectra_and_no_match_is_wrong(tmp_path) -> None:
    data = both_worlds()
    headers = some_headers(data)
    bundle = load(tiny_bundle(tmp_path / "b"))
    figures = evaluate_spectra(bundle, data, split="test", started=silent, headers=headers, quick=True)
    assert figures["domains"][HIGH]["snid"] is None
    test = data.part("test")
    low = test.rows(domain_names(test.spacing) == LOW)
    right = [
        headers[i].snid == "SN Ia" and k == FINE_CLASSES.index("SN Ia") for i, k in zip(low.ids, low.label, strict=True)
    ]
    found = figures["domains"][LOW]["snid"]
    everything, *good = found["by_rlap"]
    assert everything["answers"]["SNID"]["accuracy"]["value"] == round(float(np.mean(right)), 4)
    own = figures["domains"][LOW]["real"]["accuracy"]
    assert everything["answers"]["bundle"]["accuracy"] == own
    assert all(part["spectra"] < everything["spectra"] for part in good)
    assert sum(map(sum, found["confusion"])) == found["spectra"] == len(low)
    assert sum(row[-1] for row in found["confusion"]) == sum(headers[i].snid is None for i in low.ids)
    parts = {r["part"]: r["spectra"] for r in figures["domains"][LOW]["by_quality"]}
    assert set(parts) == {"0 (good)", "1 (fair) to 5 (bad)"}
    assert sum(parts.values()) == len(low)
    assert figures["sedm"] == []
    assert "SNID on the same spectra" in readme_table(figures)
    draw_all(figures, tmp_path)


def test_a_class_of_few_objects_is_in_the_table_and_in_one_of_the_two_macro_recalls(tmp_path) -> None:
    data = both_worlds()
    cv = data.label == FINE_CLASSES.index("CV")
    data = data.rows(~cv | (data.split != SPLITS.index("test")) | np.isin(data.groups, ["CV-8"]))
    bundle = load(tiny_bundle(tmp_path / "b"))
    found = evaluate_spectra(bundle, data, split="test", started=silent, quick=True)["real"]
    assert (found["classes"], found["frequent_classes"]) == (7, 6)
    recalls = {c: v["value"] for c, v in found["recall"].items()}
    assert np.isclose(np.mean(list(recalls.values())), found["macro_recall"]["value"], atol=2e-4)
    del recalls["CV"]
    assert np.isclose(np.mean(list(recalls.values())), found["macro_recall_frequent"]["value"], atol=2e-4)


def test_every_draw_has_noise_of_its_own() -> None:
    data = ripples(3)
    drawn = _draws(data, 10.0)
    assert drawn.ids == data.ids * DRAWS
    parts = np.split(drawn.flux, DRAWS)
    assert all((a != b).mean() > 0.9 for i, a in enumerate(parts) for b in parts[:i])


def test_two_bundles_side_by_side(tmp_path) -> None:
    bundles = [load(tiny_bundle(tmp_path / name, seeds=seeds)) for name, seeds in (("a", (1, 2)), ("b", (3,)))]
    data = both_worlds()
    gone = next(g for g, s in zip(data.groups, data.split, strict=True) if s == SPLITS.index("select"))
    found = compare_bundles(bundles, data, split="select", started=silent, without={gone})
    rows = data.part("select")
    assert gone in rows.groups
    rows = rows.rows((np.array(rows.groups) != gone) & (domain_names(rows.spacing) == LOW))
    right = predict_dataset(bundles[1].ensemble, rows).fine.argmax(1) == rows.label
    ids = [b.bundle_id for b in bundles]
    low, _, degraded = found["conditions"].values()
    assert list(found["conditions"])[:2] == [LOW, HIGH]
    assert low["spectra"] == len(rows)
    for one in (low, degraded):
        assert list(one["by_spectrum"]) == list(one["by_object"]) == ids
    assert low["by_spectrum"][ids[1]]["value"]["accuracy"] == round(float(right.mean()), 4)
    objects = {g: right[np.array(rows.groups) == g].mean() for g in set(rows.groups)}
    assert low["by_object"][ids[1]]["value"]["accuracy"] == round(float(np.mean(list(objects.values()))), 4)
    page = comparison(found)
    assert page.count("\n## ") == 3
    assert gone in page
    difference = low["by_spectrum"][ids[1]]["difference"]["accuracy"]
    assert f"[{difference['low']:+.3f}, {difference['high']:+.3f}]" in page
    assert len(compare_bundles(bundles, data, split="select", started=silent, quick=True)["conditions"]) == 2


def test_a_bundle_of_other_data_is_compared_only_when_asked_and_without_what_taught_it(tmp_path, monkeypatch) -> None:
    data = both_worlds()
    (taught, *_) = sorted(set(data.part("select").groups))
    monkeypatch.setattr(labelled, "TAUGHT_BEFORE", frozenset({taught}))
    monkeypatch.setattr(
        commands, "read_labelled", lambda _: Labelled(data=data, splits_hash="0" * 64, rejected=Counter())
    )
    folders = [tiny_bundle(tmp_path / name, seeds=seeds) for name, seeds in (("a", (1, 2)), ("b", (3,)))]
    words = ["evaluate", "compare", "--data", str(tmp_path), "--quick", *map(str, folders)]

    def split_of(hashes: tuple[str, str]) -> None:
        for folder, name in zip(folders, hashes, strict=True):
            card = json.loads((folder / "card.json").read_text())
            card["training"] |= {"split_hash": name, "data_hash": "other"}
            (folder / "card.json").write_text(json.dumps(card))

    earlier = splits_hash(labelled.placed_before())
    split_of((earlier, "0" * 64))
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2
    found = CliRunner().invoke(app, [*words, "--other-data"], catch_exceptions=False)
    assert found.exit_code == 0
    assert f"without {taught}" in found.stdout
    split_of((earlier, "nobody's"))
    assert CliRunner().invoke(app, [*words, "--other-data"]).exit_code == 2


def test_bundle_show_has_every_figure_by_object_where_the_card_does() -> None:
    card = dict(load().card)
    card["metrics"] = {k: v for k, v in card["metrics"].items() if k != "domains"}
    real = card["metrics"]["real"]
    older = card | {"metrics": card["metrics"] | {"real": {k: v for k, v in real.items() if k != "by_object"}}}

    def shown(which: Mapping[str, Any]) -> str:
        console = Console(width=120, record=True, file=io.StringIO())
        console.print(_figures(which["metrics"]))
        return console.export_text()

    once = {k: f"{real['by_object'][k]['value']:.3f}" for k in ("accuracy", "macro_recall")}
    assert all(value in shown(card) and value not in shown(older) for value in once.values())
    assert f"{real['macro_recall']['value']:.3f}" in shown(older)


def test_bundle_show_has_both_domains_side_by_side(tmp_path) -> None:
    bundle = load(tiny_bundle(tmp_path / "b"))
    figures = evaluate_spectra(bundle, both_worlds(), split="test", started=silent, quick=True)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(describe_card(bundle.card | {"metrics": figures}, bundle.bundle_id))
    text = console.export_text()
    for name, found in figures["domains"].items():
        assert name in text
        value = found["real"]["recall"]["CV"]
        assert f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]" in text


def test_the_readme_has_the_figures_of_the_shipped_bundle() -> None:
    metrics = load().card["metrics"]
    if "domains" not in metrics:
        pytest.skip("the shipped bundle's figures are from before domains")
    readme = (Path(__file__).parents[4] / "README.md").read_text()
    assert readme_table(metrics) in readme
