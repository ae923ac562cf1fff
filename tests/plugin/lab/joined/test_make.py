"""From a data folder to what joins: laws of training objects, powers of held-back ones, a page; others are refused."""

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from models.bundle import load as load_bundle
from models.bundle import verify, write_card
from models.conformal.domains import LOW
from models.domain import FINE_CLASSES
from models.joined.evidence import EVIDENCE
from models.joined.stored import load
from models.training.dataset import Dataset
from plugin.lab.commands import joined
from plugin.lab.joined.laws import fit_laws
from plugin.lab.joined.make import make_joined
from plugin.lab.joined.material import KNOWN
from plugin.lab.joined.sources import read_sources
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples

CV = FINE_CLASSES.index("CV")


@pytest.fixture
def data() -> Dataset:
    found = ripples(objects=40)
    return replace(found, spacing=np.full(len(found), 25.0, np.float32))


@pytest.fixture
def folder(tmp_path, data):
    """CVs lie near the plane (RA 290, Dec 20), all others near the pole; each is detected before its spectrum."""
    labels = {g: int(k) for g, k in zip(data.groups, data.label, strict=True)}
    spectra = [
        {"spec_id": i, "object_id": g, "aliases": "", "mjd": 60110.0}
        for i, g in zip(data.ids, data.groups, strict=True)
    ]
    objects = [
        {"object_id": f"ZTF {g}", "ztf_ids": "", "iau": g.replace(" ", ""), "other": "", "cls": FINE_CLASSES[k]}
        | {"ra": 290.0 if k == CV else 190.0, "dec": 20.0 + 0.01 * n}
        for n, (g, k) in enumerate(labels.items())
    ]
    rng = np.random.default_rng(0)
    common = {"magerr": 0.1, "primary": True, "is_limit": False}
    curves = [
        common | {"object_id": f"ZTF {g}", "band": band, "mjd": mjd + rng.uniform(), "mag": mag + 0.2 * rng.normal()}
        for g in labels
        for band, mjd, mag in (("g", 60100.0, 19.5), ("g", 60108.0, 18.5), ("r", 60108.0, 18.4), ("g", 60200.0, 16.0))
    ]
    hosts = [
        {"object_id": f"ZTF {g}", "sep_arcsec": 0.5, "galaxy_score": 0.05 if k == CV else 0.95}
        | {"source": "gmzsebastian/FLEET"}
        for g, k in labels.items()
    ]
    (tmp_path / "ztf").mkdir()
    (tmp_path / "spectra").mkdir()
    pq.write_table(pa.Table.from_pylist(spectra), tmp_path / "spectra" / "spectra_pool.parquet")
    for name, rows in (("crossid", objects), ("lightcurves", curves), ("hosts", hosts)):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "ztf" / f"{name}.parquet")
    return tmp_path


def test_from_folder_to_page_by_the_commands(tmp_path, folder, data, monkeypatch) -> None:
    made = tiny_bundle(tmp_path / "b")
    told = verify(made)
    card = {**told, "training": {**told["training"], "data_hash": data.hash()}}
    write_card(made, {k: v for k, v in card.items() if k not in ("files", "format")})
    monkeypatch.setattr("plugin.lab.commands.common.read_labelled", lambda _folder: SimpleNamespace(data=data))
    out, pages = tmp_path / "joined", tmp_path / "docs"
    joined.train_joined_command(data=folder, out=out, bundle=made, seed=0, threads=1)
    joiner = load(out)
    fitted = joiner.card
    assert fitted["training"]["law_objects"]["latitude"]["CV"] == 24
    assert fitted["powers"]["latitude"] + fitted["powers"]["counterpart"] > 0.2
    assert fitted["bundle"] == load_bundle(made).bundle_id
    joined.evaluate_joined_command(data=folder, out=pages, joined=out, bundle=made, split="test", threads=1)
    figures = json.loads((pages / "joined.json").read_text())
    for name in KNOWN:
        found = figures["figures"][name][LOW]
        assert found["objects"] == len(set(data.part("test").groups))
        assert found["classes"]["CV"]["with"] >= found["classes"]["CV"]["without"]
    assert set(figures["evidence"][LOW]) == set(EVIDENCE)
    text = (pages / "joined.md").read_text()
    assert "nan" not in text
    assert f"| {LOW} | redshift known | CV |" in text
    with pytest.raises(typer.BadParameter, match="fitted for"):
        joined.evaluate_joined_command(data=folder, out=pages, joined=None, bundle=made, split="test", threads=1)
    with pytest.raises(typer.BadParameter, match="choose from"):
        joined.evaluate_joined_command(data=folder, out=pages, joined=out, bundle=made, split="train", threads=1)


def test_a_bundle_of_other_spectra_is_refused(tmp_path, folder, data) -> None:
    bundle = load_bundle(tiny_bundle(tmp_path / "c"))
    with pytest.raises(ValueError, match="other spectra"):
        make_joined(tmp_path / "j", bundle, data, read_sources(folder), today=date(2026, 1, 1))


def test_what_was_detected_later_is_not_measured_and_no_held_back_object_makes_a_law(folder, data) -> None:
    sources = read_sources(folder)
    laws, counts = fit_laws(data, sources)
    taught = {g for g, s in zip(data.groups, data.split, strict=True) if s == 0}
    assert sum(counts["rise"].values()) == sum(counts["luminosity"].values()) == len(taught)
    brightest = laws.luminosity.median[0]
    assert brightest == pytest.approx(18.4 - 36.7, abs=0.3)  # of day 108 and not of day 200
    none = replace(data, split=np.full(len(data), 3, np.int64))
    _, without = fit_laws(none, sources)
    assert sum(sum(each.values()) for each in without.values()) == 0
