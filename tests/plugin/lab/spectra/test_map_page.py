"""The page of the archive's map: what a picture keeps is measured against the embeddings themselves."""

from models.similar.archive import load_archive
from plugin.lab.similar import map_evaluation
from plugin.lab.similar.map_evaluation import evaluate_map, write_page


def test_a_picture_keeps_less_than_there_is_and_the_page_says_how_much(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(map_evaluation, "has_umap", lambda: False)
    archive = load_archive()
    figures = evaluate_map(archive, tmp_path)
    assert figures["ways"]["embeddings"]["kept"] == 1.0
    pca, true = figures["ways"]["pca"], figures["ways"]["embeddings"]
    assert 0 < pca["kept"] < 0.5
    assert all(pca["same_class"][c] <= true["same_class"][c] + 0.05 for c in true["same_class"])
    text = write_page(tmp_path, archive.bundle, figures).read_text()
    assert f"{pca['kept']:.3f}" in text
    assert "map-pca.svg" in text
    assert "map-umap.svg" not in text
    assert (tmp_path / "map-pca.svg").stat().st_size > 10_000
