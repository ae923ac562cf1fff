"""The hybrid network on real stamps: a folder of packets and a table of classes, no drawn image anywhere."""

import os
from dataclasses import replace
from datetime import date
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from iris_client.protocols import Alert
from models.domain import NEEDLE_CLASSES, Cutouts, Host, LightCurve, Target
from models.needle.hybrid.model import load
from models.needle.images.prepare import prepare
from models.needle.images.quality import load as load_checker
from plugin.cli import app
from plugin.lab.needle import real_stamps
from plugin.lab.needle.hybrid_train import settings, train
from plugin.lab.needle.real_stamps import RealSource, StampsError, read_labels
from tests.models.needle.stamps import sky, star

RUN = settings("tiny", epochs=1, up_samples=None, device="cpu")
NIGHTS = 4


def alerts_of(name: str, seed: int) -> list[Alert]:
    """A rise over four nights; every third object has no host, and the last alert is a negative subtraction."""
    mjd = 60000.0 + 3.0 * np.arange(NIGHTS)
    found = []
    for i in range(NIGHTS + 1):
        n = min(i + 1, NIGHTS)
        curve = LightCurve(
            mjd=mjd[:n], band=("g",) * n, mag=19.5 - 0.3 * np.arange(n), mag_error=np.full(n, 0.05),
            limit_mag=np.full(n, 20.5), is_limit=np.zeros(n),
        )  # fmt: skip
        stamps = Cutouts(
            candid=f"{name}{i}", band="g", mjd=float(60000 + 3 * i), science=sky(seed, 63) + star(31, 31, 600, size=63),
            template=sky(seed + 1, 63) + star(31, 31, 300, size=63),
        )  # fmt: skip
        found.append(Alert(
            target=Target(target_id=name, ra_deg=150.0, dec_deg=20.0), cutouts=stamps, light_curve=curve,
            host=Host(mags={"g": 19.0, "r": 18.5}, separation_arcsec=1.0) if seed % 3 else None, star_score=0.1,
            positive=i < NIGHTS,
        ))  # fmt: skip
    return found


NAMES = {f"ZTF20{'abc'[k]}{i:02d}": NEEDLE_CLASSES[k] for k in range(3) for i in range(10)}


@pytest.fixture
def packets(monkeypatch):
    made = [a for i, name in enumerate(NAMES) for a in alerts_of(name, 2 * i)]
    monkeypatch.setattr(real_stamps, "_packets", lambda folder, left_out: iter(made))
    return made


def test_samples_are_the_stamps_as_they_came(packets, tmp_path) -> None:
    told: list[str] = []
    source = RealSource(tmp_path, {**NAMES, "ZTF20nowhere": "SN"}, RUN.samples, told.append)
    assert told[0] == f"{30 * NIGHTS} epochs of 10 SN, 10 SLSN-I, 10 TDE"
    held_out = source.training("T").validation.samples
    assert np.bincount(held_out.object_index).max() == RUN.samples.validation_epochs
    assert (held_out.folds == np.array(source.fold)[held_out.object_index][:, None]).all()
    hosted = {i for i, o in enumerate(source.data.develop) if o.host is not None}
    parts = source.training("TH")
    assert set(parts.real.samples.object_index) == hosted
    assert len(parts.real.samples) == NIGHTS * real_stamps.TURNS * len(hosted)
    assert not len(parts.up.samples)
    first = source.data.develop[0].object_id
    mine = [a.cutouts for a in packets if a.target.target_id == first and a.positive]
    made = [prepare(mine[: i + 1], load_checker()) for i in range(NIGHTS)]
    assert all(e.images.pair is not None for e in source._epochs if e.index == 0)
    kept = [e.images.pair.science for e in source._epochs if e.index == 0]
    assert all(any(np.array_equal(k, m.pair.science) for m in made if m.pair) for k in kept)


def test_a_model_of_real_stamps_says_so_and_not_that_it_is_semi_real(packets, tmp_path) -> None:
    card = train(
        RealSource(tmp_path, NAMES, RUN.samples), tmp_path / "run", RUN, today=date(2026, 1, 1), tell=lambda _: None
    )
    assert card["images"] == "real"
    model = load(tmp_path / "run" / "needle-hybrid")
    curve, host = packets[3].light_curve, packets[3].host
    found = model.answer(curve, host, prepare([packets[3].cutouts], load_checker()), ebv_mag=0.1)
    assert found.verdict is not None
    assert found.verdict.model.startswith("needle-hybrid-real-1@")
    assert not any("semi-real" in c.text for c in found.caveats)


def test_too_few_of_a_class_and_tables_that_are_none_are_refused(packets, tmp_path) -> None:
    some = {name: kind for name, kind in NAMES.items() if kind != "TDE"} | {"ZTF20c00": "SN IIn", "ZTF20c01": "AGN"}
    with pytest.raises(StampsError, match="0 of TDE; 10 of each class"):
        RealSource(tmp_path, some, RUN.samples)
    path = tmp_path / "labels.csv"
    for text, why in (
        ("name,class\na,SN\n", "object_id and class"),
        ("object_id,class\na,\n", "line 2 lacks"),
        ("object_id,class\na,SN\na,TDE\n", "line 3 calls a TDE, an earlier one SN"),
    ):
        path.write_text(text)
        with pytest.raises(StampsError, match=why):
            read_labels(path)
    path.write_text("\ufeffobject_id,class,z\nZTF20a00,SN IIn,0.1\nZTF20a01, TDE ,\n")
    assert read_labels(path) == {"ZTF20a00": "SN IIn", "ZTF20a01": "TDE"}
    run = CliRunner().invoke(app, ["train", "needle-hybrid", "--alerts", str(tmp_path), "-o", str(tmp_path / "o")])
    assert run.exit_code == 2
    given = ["--alerts", str(tmp_path), "--labels", str(path), "-o", str(tmp_path / "o"), "--preset", "tiny"]
    run = CliRunner().invoke(app, ["train", "needle-hybrid", *given])
    assert run.exit_code == 1
    assert "input refused" in run.output


@pytest.mark.slow
def test_real_packets_become_samples() -> None:
    """Real packets, unreadable ones among them; the classes are made up, for there are no stamps of the rare ones."""
    folder = Path(os.environ.get("ASTRANET_DATA_DIR", "nowhere")) / "ztf" / "alerts"
    if not folder.exists():
        pytest.skip("ASTRANET_DATA_DIR with ztf/alerts is not there")
    names = sorted({a.target.target_id for a in real_stamps._packets(folder, real_stamps.Counter())})
    labels = dict(zip(names, cycle(NEEDLE_CLASSES), strict=False))
    told: list[str] = []
    source = RealSource(folder, labels, RUN.samples, told.append)
    assert "packets that cannot be read" in told[1] or "without" in told[1]
    for variant in ("TH", "T"):
        parts = source.training(variant)
        assert set(parts.validation.samples.label) == {0, 1, 2}
        assert parts.real.samples.images.shape[1:] == (2, 60, 60)
        assert np.isfinite(parts.real.samples.images).all()
        assert np.isfinite(parts.real.samples.x).any(1).all()
    assert replace(RUN, samples=source.rules) == RUN
