"""`astranet map`: a picture of the archive without a marshal, the page's map with one, and what is refused."""

import numpy as np
import pytest
from typer.testing import CliRunner

from models.similar.plane import Plane
from plugin.cli import app as astranet
from plugin.cycle.spectra.likeness import remember
from plugin.store import open_store
from tests.plugin.store.test_similar import filed

URL = "https://marshal.test"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command line in an empty folder, with whatever settings are given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("plugin.ops.logs.configure", lambda **_: None)

    def called(*arguments, **settings):
        for name, text in settings.items():
            monkeypatch.setenv(f"ASTRANET_{name.upper()}", text)
        return CliRunner().invoke(astranet, ["map", *arguments])

    return called


def test_the_archive_needs_no_marshal(run, tmp_path) -> None:
    told = run("--archive", "--way", "pca", "--out", "a.svg")
    assert told.exit_code == 0, told.output
    assert "and 0 of the marshal's" in told.output
    run("--archive", "--way", "pca", "--out", "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert run("--archive").exit_code == 2
    assert run("--way", "tsne").exit_code == 2


def test_answered_spectra_are_on_the_map_of_the_page(run, tmp_path) -> None:
    from models.similar.archive import load_archive

    settings = {
        "database_url": f"sqlite:///{tmp_path / 'a.sqlite'}",
        "marshal_url": URL,
        "output_dir": str(tmp_path / "o"),
    }
    with open_store(settings["database_url"], marshal=URL) as store, store.begin() as unit:
        one = filed("ZTF26a", "1", seed=1, bundle=load_archive().bundle)
        unit.reports.put(one)
        remember(unit, one)
    told = run("--way", "pca", "--out", "m.svg", marshal_token="x" * 20, group_ids="6", **settings)
    assert told.exit_code == 0, told.output
    made = Plane.load(tmp_path / "o" / "map.safetensors")
    assert made.keys[-1] == "marshal 1"
    assert np.isfinite(made.xy).all()
    assert "ZTF26a" in (tmp_path / "m.svg").read_text()


def test_a_umap_without_the_extra_says_what_to_install(run, monkeypatch) -> None:
    monkeypatch.setattr("models.similar.plane.find_spec", lambda _name: None)
    told = run("--archive", "--way", "umap", "--out", "a.svg")
    assert told.exit_code == 2, told.output
    assert "pip install 'astranet-annotator[map]'" in told.output
    assert run("--archive", "--out", "a.svg").output.startswith("pca of")
