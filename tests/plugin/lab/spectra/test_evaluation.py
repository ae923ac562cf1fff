"""The evaluation runs from a bundle to tables and pictures, and every figure in the page is one of the JSON's."""

import io
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console

from models.bundle import load
from models.domain import FINE_CLASSES
from models.training.evaluate import believe
from plugin.lab.spectra.evaluation import DRAWS, _draws, compare_bundles, evaluate_spectra
from plugin.lab.spectra.evaluation_figures import draw_all
from plugin.lab.spectra.evaluation_tables import comparison, markdown
from plugin.ops.card_view import _figures
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples


def test_from_a_bundle_to_a_page(tmp_path) -> None:
    seen: list[tuple[str, int]] = []

    @contextmanager
    def started(what: str, total: int):
        done: list[int] = []
        yield done.append
        seen.append((what, sum(done) - total))

    data = ripples(30)
    bundle = load(tiny_bundle(tmp_path / "b"))
    figures = evaluate_spectra(bundle, data, split="test", started=started)
    assert {difference for _, difference in seen} == {0}, "progress ends at the total"
    real = figures["real"]
    assert real["spectra"] == int((data.part("test").label != FINE_CLASSES.index("CV")).sum())
    assert real["recall"]["CV"] is None
    assert np.isclose(np.trace(real["confusion"]) / real["spectra"], real["accuracy"]["value"], atol=1e-4)
    page = markdown(figures, bundle.bundle_id)
    assert bundle.bundle_id in page
    assert f"{real['macro_recall']['value']:.3f}" in page
    assert page.count("\n## ") >= 14
    for row in (*figures["sedm"], *figures["sedm_with_redshift"]):
        draws = row["macro_recall_of_draws"]
        # Every draw has the same spectra, so recalls of all together are means over the draws.
        assert np.isclose(np.mean(draws), row["macro_recall"]["value"], atol=2e-4)
        assert f"{min(draws):.3f} to {max(draws):.3f}" in page
    draw_all(figures, tmp_path)
    for name in ("confusion.png", "reliability.png", "sedm.png"):
        assert (tmp_path / name).stat().st_size > 5000


def test_every_draw_has_noise_of_its_own() -> None:
    data = ripples(3)
    drawn = _draws(data, 10.0)
    assert drawn.ids == data.ids * DRAWS
    parts = np.split(drawn.flux, DRAWS)
    assert all((a != b).mean() > 0.9 for i, a in enumerate(parts) for b in parts[:i])


def test_two_bundles_side_by_side(tmp_path) -> None:
    @contextmanager
    def started(what: str, total: int):
        yield lambda n: None

    bundles = [load(tiny_bundle(tmp_path / name, seeds=seeds)) for name, seeds in (("a", (1, 2)), ("b", (3,)))]
    data = ripples(30)
    found = compare_bundles(bundles, data, split="select", started=started)
    rows = data.part("select")
    rows = rows.rows(rows.label != FINE_CLASSES.index("CV"))
    right = (believe(bundles[1].ensemble, rows).fine.argmax(1) == rows.label).mean()
    ids = [b.bundle_id for b in bundles]
    observed, degraded = found["conditions"].values()
    assert list(observed) == list(degraded) == ids
    assert observed[ids[1]]["value"]["accuracy"] == round(float(right), 4)
    page = comparison(found)
    assert page.count("\n## ") == 2
    difference = observed[ids[1]]["difference"]["accuracy"]
    assert f"[{difference['low']:+.3f}, {difference['high']:+.3f}]" in page


def test_bundle_show_has_every_figure_by_object_where_the_card_does() -> None:
    card = dict(load().card)
    real = card["metrics"]["real"]
    older = card | {"metrics": card["metrics"] | {"real": {k: v for k, v in real.items() if k != "by_object"}}}

    def shown(which: Mapping[str, Any]) -> str:
        console = Console(width=120, record=True, file=io.StringIO())
        console.print(_figures(which["metrics"]))
        return console.export_text()

    once = {k: f"{real['by_object'][k]['value']:.3f}" for k in ("accuracy", "macro_recall")}
    assert all(value in shown(card) and value not in shown(older) for value in once.values())
    assert f"{real['macro_recall']['value']:.3f}" in shown(older)
