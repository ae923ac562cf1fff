"""The training set of a data folder: which files, which split, which noise."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.bundle import SHIPPED
from models.spectral.prepare import GRID_SIZE
from plugin.lab.dataset.identity.splits import splits_hash
from plugin.lab.dataset.labelled import load_labelled, placed_before
from plugin.lab.dataset.noise_curves import noise_curves
from plugin.lab.dataset.records import catalogue_files, read_catalogue

DATA = os.environ.get("ASTRANET_DATA_DIR")
COMPACT_9 = "51e6f7b94e70c11cedf1ef52b5568bec6351599b4255a501de51f2597fb54e09"


def write(folder: Path, name: str, objects: list[str], *, pixels: int = 400, **columns) -> None:
    rng = np.random.default_rng(len(name))
    wave = np.linspace(3600, 9300, pixels)
    rows = [
        {
            "spec_id": f"{o}__000",
            "object_id": o,
            "split_group": o,
            "fine_class": "SN Ia",
            "snr_est": 20.0,
            "wavelength": wave.tolist(),
            "flux": (1 + 0.1 * rng.normal(size=pixels) + np.sin(wave / rng.uniform(100, 300))).tolist(),
        }
        | columns
        for o in objects
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / name)


def test_every_pool_file_is_read_whatever_it_is_called(tmp_path) -> None:
    for name in ("spectra_pool.parquet", "spectra_pool_new_telescope.parquet", "spectra_semireal.parquet"):
        write(tmp_path, name, [f"{name}-{i}" for i in range(3)])
    write(tmp_path, "spectra_rare_more.parquet", ["rare"])
    assert [p.name for p in catalogue_files(tmp_path)] == [
        "spectra_pool.parquet",
        "spectra_pool_new_telescope.parquet",
        "spectra_semireal.parquet",
    ]
    assert len(list(read_catalogue(tmp_path))) == 9
    with pytest.raises(FileNotFoundError, match="no labelled spectra in"):
        catalogue_files(tmp_path / "spectra")


def test_the_objects_of_the_earlier_bundles_are_remembered_as_they_were_dealt_out() -> None:
    assert splits_hash(placed_before()) == COMPACT_9


def test_an_object_that_was_placed_stays_and_others_are_dealt_out(tmp_path) -> None:
    earlier = placed_before()
    old = [name for name in earlier if not name.startswith("SEMI")][:30]
    write(tmp_path / "spectra", "spectra_pool.parquet", old)
    new = [f"NEW{i}" for i in range(60)]
    write(tmp_path / "spectra", "spectra_pool_sedm.parquet", new, instrument="SEDM", pixels=220)
    data = load_labelled(tmp_path).data
    split = {g: ("train", "select", "calibrate", "test")[s] for g, s in zip(data.groups, data.split, strict=True)}
    assert {name: split[name] for name in old} == {name: earlier[name] for name in old}
    # Dealt out among themselves, by the shares of the paper.
    mine = [split[name] for name in new]
    assert (mine.count("train"), mine.count("test")) == (42, 9)
    coarse = np.array([g.startswith("NEW") for g in data.groups])
    assert (data.spacing[coarse] > 15).all()
    assert (data.spacing[~coarse] < 15).all()


def test_noise_runs_along_wavelength_as_the_errors_do(tmp_path) -> None:
    wave = np.linspace(3800, 9200, 214)
    blue = np.where(wave < 5000, 8.0, 1.0) * 1e-17
    errors = {"a": blue, "b": np.where(np.arange(214) % 2, np.nan, 1.0), "of the test": blue}
    table = pa.table({"spec_id": [*errors, "none"], "flux_err": [e.tolist() for e in errors.values()] + [None]})
    pq.write_table(table, tmp_path / "sedm_aux.parquet")
    curves = noise_curves(tmp_path, {"a": wave, "b": wave, "none": wave})
    assert curves is not None
    assert curves.shape == (1, GRID_SIZE)
    assert curves[0, 100] == pytest.approx(8.0)
    assert np.median(curves) == pytest.approx(1.0)
    assert noise_curves(tmp_path / "elsewhere", {"a": wave}) is None
    assert noise_curves(tmp_path, {"other": wave}) is None


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="ASTRANET_DATA_DIR is not set: no real spectra")
def test_on_the_real_spectra_no_object_moved_and_none_stands_on_two_sides() -> None:
    labelled = load_labelled(Path(DATA or ""))
    data = labelled.data
    sides: dict[str, set[int]] = {}
    for group, split in zip(data.groups, data.split.tolist(), strict=True):
        sides.setdefault(group, set()).add(split)
    assert max(map(len, sides.values())) == 1
    earlier = placed_before()
    names = ("train", "select", "calibrate", "test")
    clear = zip(data.groups, data.split, data.disputed, strict=True)
    moved = {g for g, s, d in clear if g in earlier and not d and names[s] != earlier[g]}
    assert not moved
    coarse = (data.spacing > 15) & ~data.semi_real & ~data.disputed
    shares = np.bincount(data.split[coarse], minlength=4) / coarse.sum()
    np.testing.assert_allclose(shares, (0.70, 0.07, 0.08, 0.15), atol=0.02)
    assert labelled.noise_curves is not None
    trained = json.loads((SHIPPED / "card.json").read_text())["training"]
    assert trained["split_hash"] in (COMPACT_9, labelled.splits_hash)
    assert trained["data_hash"] == data.hash()  # else no command measures or calibrates the shipped bundle any more
