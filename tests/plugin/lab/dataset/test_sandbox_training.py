"""Which real spectra the simulator learns from: those of training objects, and only the good ones."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.simulation.summary import Summary
from models.training.simulation.fit import Sample
from plugin.lab.dataset import simulator as training
from plugin.lab.dataset.identity.splits import assign_splits, splits_hash


def _write(path: Path, n: int, label: str, *, semi_real: bool = False, **change: object) -> list[str]:
    names = [f"{path.stem}-{label}-{i}" for i in range(n)]
    row = {
        "spec_id": [f"{name}__1" for name in names],
        "object_id": names,
        "split_group": names,
        "fine_class": [label] * n,
        "ambiguous": [False] * n,
        "semi_real": [semi_real] * n,
        "main_set": [True] * n,
        "redshift": [0.01] * n,
        "phase_days": [None] * n,
        "raw_type": [label] * n,
        "recipe": [None] * n,
        "snr_est": [20.0] * n,
        "wavelength": [[4000.0, 5000.0]] * n,
        "flux": [[1.0, 2.0]] * n,
    }
    pq.write_table(pa.table(row | {key: [value] * n for key, value in change.items()}), path)
    return names


@pytest.fixture
def learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Sample], dict[str, str], list[str]]:
    """What the fit was given, with which provenance, and every object of the usable file."""
    folder = tmp_path / "spectra"
    folder.mkdir()
    names = _write(folder / "spectra_pool.parquet", 40, "SN Ia")
    _write(folder / "spectra_pool_extra.parquet", 40, "SN II", redshift=None)
    _write(folder / "spectra_semireal.parquet", 40, "AGN", semi_real=True)
    given: list[Sample] = []

    def keep(samples: list[Sample], provenance: dict[str, str], *, seed: int) -> Summary:
        given.extend(samples)
        return Summary(populations={}, provenance=provenance)

    monkeypatch.setattr(training, "fit", keep)
    return given, dict(training.train_simulator(tmp_path).provenance), names


def test_only_training_objects(learned: tuple[list[Sample], dict[str, str], list[str]]) -> None:
    given, provenance, names = learned
    others = [f"{stem}-{i}" for stem in ("spectra_pool_extra-SN II", "spectra_semireal-AGN") for i in range(40)]
    classes = ["SN Ia"] * 40 + ["SN II"] * 40 + ["AGN*"] * 40
    split = assign_splits(names + others, classes)
    assert provenance["splits_sha256"] == splits_hash(split)
    assert {s.group for s in given} == {name for name in names if split[name] == "train"}
    assert 20 < len(given) < 35


def test_no_redshift_and_semi_real_agn_stay_out(learned: tuple[list[Sample], dict[str, str], list[str]]) -> None:
    given, _, _ = learned
    assert {s.label for s in given} == {"SN Ia"}
    assert not any(s.semi_real for s in given)
    assert given[0].wavelength_A.tolist() == [4000.0, 5000.0]
