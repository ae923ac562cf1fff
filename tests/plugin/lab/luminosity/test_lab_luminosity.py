"""Laws come from training objects alone, go into the card and change no file; what they add is measured on others."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.bundle import load, verify, write_card
from models.domain import FINE_CLASSES
from models.needle.lightcurves.distance import distance_modulus
from models.training.dataset import Dataset
from plugin.lab.luminosity.curves import read_curves
from plugin.lab.luminosity.evaluation import evaluate_luminosity
from plugin.lab.luminosity.make_laws import add_luminosity, fit_laws, law_of
from plugin.lab.luminosity.page import write_page
from tests.models.bundles import tiny_bundle
from tests.models.training.data import ripples

Z = 0.1
SLSN = FINE_CLASSES.index("SLSN")


@pytest.fixture
def data() -> Dataset:
    found = ripples(objects=40)
    n = len(found)
    return replace(found, redshift=np.full(n, Z, np.float32), phase_days=np.full(n, -3.0, np.float32))


@pytest.fixture
def folder(tmp_path, data):
    """Each object brightest on day 100 at M = -22 (SLSN) or -18, fainter by one magnitude on day 90."""
    rows = []
    for group, label in {g: int(k) for g, k in zip(data.groups, data.label, strict=True)}.items():
        peak = (-22.0 if label == SLSN else -18.0) + distance_modulus(Z)
        common = {"object_id": f"ZTF {group}", "band": "g", "magerr": 0.1, "primary": True, "is_limit": False}
        rows += [common | {"mjd": 100.0, "mag": peak}, common | {"mjd": 90.0, "mag": peak + 1}]
        rows += [common | {"mjd": 95.0, "mag": peak - 5, "primary": False}]
        rows += [common | {"mjd": 80.0, "mag": None, "is_limit": True}]
    (tmp_path / "ztf").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "ztf" / "lightcurves.parquet")
    names = [
        {"object_id": f"ZTF {g}", "ztf_ids": "", "iau": g.replace(" ", ""), "other": "x"} for g in set(data.groups)
    ]
    pq.write_table(pa.Table.from_pylist(names), tmp_path / "ztf" / "crossid.parquet")
    return tmp_path


def bundle_of(tmp_path, data):
    made = tiny_bundle(tmp_path / "b")
    card = verify(made)
    told = {**card, "training": {**card["training"], "data_hash": data.hash()}}
    write_card(made, {k: v for k, v in told.items() if k not in ("files", "format")})
    return made


def test_a_curve_is_found_by_any_name_and_cut_at_the_spectrum(folder, data) -> None:
    curves = read_curves(folder)
    group = data.groups[int(np.flatnonzero(data.label != SLSN)[0])]
    assert curves.magnitude(group, Z) == pytest.approx(-18.0, abs=0.01)
    assert curves.magnitude(group, Z, -3.0) == pytest.approx(-17.0, abs=0.01)
    assert np.isnan(curves.magnitude(group, Z, -30.0))
    assert np.isnan(curves.magnitude(group, Z, float("nan")))
    assert np.isnan(curves.magnitude(group, float("nan")))
    assert np.isnan(curves.magnitude("nobody", Z))
    with pytest.raises(ValueError, match="no light curves"):
        read_curves(folder / "ztf")


def test_laws_are_of_training_objects_each_once(folder, data) -> None:
    laws = fit_laws(data, read_curves(folder))
    train = data.split == 0
    for name, law in laws.items():
        own = {g for g, k, t in zip(data.groups, data.label, train, strict=True) if t and FINE_CLASSES[k] == name}
        assert law["objects"] == len(own)
        assert law["median"] == pytest.approx(-22.0 if name == "SLSN" else -18.0, abs=0.01)
    assert "SLSN" in laws
    none_taught = replace(data, split=np.full(len(data), 3, np.int64))
    assert fit_laws(none_taught, read_curves(folder)) == {}


def test_a_law_is_robust_and_never_too_narrow() -> None:
    assert law_of(np.array([-19.0, -19.0, -19.1, -18.9, -25.0])) == {"median": -19.0, "spread": 0.4, "objects": 5}
    wide = law_of(np.random.default_rng(0).normal(-18, 1.2, 2000))
    assert wide["spread"] == pytest.approx(1.2, abs=0.1)


def test_laws_go_into_a_card_change_no_file_and_are_measured(tmp_path, folder, data) -> None:
    made = bundle_of(tmp_path, data)
    with pytest.raises(ValueError, match="no laws"):
        evaluate_luminosity(load(made), folder, data, "test")
    before = verify(made)["files"]
    section = add_luminosity(made, folder, data, today=date(2026, 1, 1), advance=lambda n: None)
    bundle = load(made)
    assert bundle.card["files"] == before
    losses = section["powers"]
    assert losses[f"{section['power']:g}"] == min(losses.values())
    figures = evaluate_luminosity(bundle, folder, data, "test")
    whole = figures["known"]["whole"]["all"]
    held = data.part("test")
    assert (whole["spectra"], whole["objects"]) == (len(held), len(set(held.groups)))
    assert whole["classes"]["SLSN"]["with"] >= whole["classes"]["SLSN"]["without"]
    assert whole["log_loss"]["low"] <= whole["log_loss"]["difference"] <= whole["log_loss"]["high"]
    assert whole["log_loss"]["difference"] < 0
    assert whole["accuracy"]["difference"] == pytest.approx(
        (whole["changed"]["better"] - whole["changed"]["worse"]) / whole["spectra"], abs=2e-4
    )
    text = write_page(tmp_path / "out", bundle, figures).read_text()
    assert "| SLSN |" in text
    assert "nan" not in text
    assert (tmp_path / "out" / "luminosity.json").exists()


def test_a_bundle_of_other_spectra_is_refused(tmp_path, folder, data) -> None:
    with pytest.raises(ValueError, match="other spectra"):
        add_luminosity(tiny_bundle(tmp_path / "b"), folder, data, today=date(2026, 1, 1), advance=lambda n: None)
