"""`astranet classify`: every format, every order, refused spectra included."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from models.domain import COARSE_CLASSES, FINE_CLASSES
from plugin.batch.classify import named
from plugin.cli import app
from tests.models.bundles import tiny_bundle

WAVELENGTH_A = np.arange(3700.0, 9300.0, 8.0)
KEYS = {"spec_id", "status", "reason", "label", "probabilities", "coarse", "prediction_sets", "bundle"}


def flux(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 3 + np.sin(WAVELENGTH_A / 120 + seed) + 0.05 * rng.normal(size=WAVELENGTH_A.size)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("classify"))


def run(bundle, out, *files) -> list[dict]:
    result = CliRunner().invoke(app, ["classify", *map(str, files), "-o", str(out), "--bundle", str(bundle)])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_a_parquet_file_is_answered_row_by_row(bundle, tmp_path) -> None:
    rows = {
        "spec_id": ["good", "short", "none", "strings", "late"],
        "wavelength": [WAVELENGTH_A, WAVELENGTH_A[:100], [], WAVELENGTH_A, WAVELENGTH_A],
        "flux": [flux(0), flux(0)[:100], [], np.full(WAVELENGTH_A.size, np.nan), flux(1)],
        "redshift": [0.1, None, None, None, None],
        "phase_days": [None, None, None, None, 30.0],
        "instrument": ["SEDM", None, None, None, None],
    }
    pq.write_table(
        pa.table({k: pa.array([list(x) if isinstance(x, np.ndarray) else x for x in v]) for k, v in rows.items()}),
        tmp_path / "s.parquet",
    )
    lines = run(bundle, tmp_path / "out.jsonl", tmp_path / "s.parquet")
    assert [line["spec_id"] for line in lines] == rows["spec_id"]
    assert [line["status"] for line in lines] == ["ok", "refused", "refused", "refused", "ok"]
    for line in lines:
        assert set(line) >= KEYS
        if line["status"] == "ok":
            assert set(line["probabilities"]) == set(FINE_CLASSES)
            assert set(line["coarse"]) == set(COARSE_CLASSES)
            assert set(line["prediction_sets"]) == {"0.01", "0.025", "0.05", "0.1", "0.2"}
            assert line["label"] in FINE_CLASSES
            assert line["reason"] is None
        else:
            assert line["label"] is None
            assert len(line["reason"]) > 10


def test_every_format_gives_the_same_answer(bundle, tmp_path) -> None:
    columns = np.column_stack([WAVELENGTH_A, flux(2)])
    np.savetxt(tmp_path / "a.ascii", columns, header="wavelength flux")
    np.savetxt(tmp_path / "b.csv", columns, delimiter=",", header="wavelength,flux", comments="")
    header = fits.Header({"CRVAL1": 3700.0, "CDELT1": 8.0, "CRPIX1": 1.0, "CUNIT1": "Angstrom"})
    fits.PrimaryHDU(flux(2), header).writeto(tmp_path / "c.fits")
    lines = run(bundle, tmp_path / "o.jsonl", tmp_path / "a.ascii", tmp_path / "b.csv", tmp_path / "c.fits")
    assert [line["spec_id"] for line in lines] == ["a", "b", "c"]
    first, *others = [line["probabilities"] for line in lines]
    for other in others:
        assert other == pytest.approx(first, abs=1e-5)


def test_what_cannot_be_read_is_a_line_too(bundle, tmp_path) -> None:
    (tmp_path / "page.fits").write_text("<html>Login</html>")
    whole = tmp_path / "whole.fits"
    fits.PrimaryHDU(flux(0)).writeto(whole)
    (tmp_path / "cut.fits").write_bytes(whole.read_bytes()[:3000])
    files = [tmp_path / n for n in ("page.fits", "cut.fits", "missing.fits")]
    lines = run(bundle, tmp_path / "o.jsonl", *files)
    assert [line["status"] for line in lines] == ["refused"] * 3
    assert all(line["reason"] for line in lines)


def test_a_damaged_bundle_stops_the_command(bundle, tmp_path) -> None:
    result = CliRunner().invoke(app, ["classify", "x.fits", "-o", str(tmp_path / "o"), "--bundle", str(tmp_path)])
    assert result.exit_code == 1
    assert not (tmp_path / "o").exists()


def test_bundle_commands(bundle, tmp_path) -> None:
    runner = CliRunner()
    verified = runner.invoke(app, ["bundle", "verify", "--bundle", str(bundle)])
    assert (verified.exit_code, "verified" in verified.output) == (0, True)
    shown = runner.invoke(app, ["bundle", "show", "--bundle", str(bundle)])
    assert "calibrated on 14 spectra of 7 objects" in shown.output
    other = tiny_bundle(tmp_path / "other")
    card = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps(card | {"name": "renamed"}))
    assert runner.invoke(app, ["bundle", "diff", str(bundle), str(other)]).output == "name: 'tiny' -> 'renamed'\n"


def test_no_two_spectra_of_a_run_share_a_name(tmp_path) -> None:
    columns = np.column_stack([WAVELENGTH_A, flux(2)])
    (tmp_path / "b").mkdir()
    files = [tmp_path / n for n in ("sn_2455800.2", "sn_2455800.7", "a.txt", "a.dat", "b/a.dat", "a.txt")]
    for file in files:
        np.savetxt(file, columns)
    names = [raw.spectrum_id for raw in named(files)]
    assert names == ["sn_2455800.2", "sn_2455800.7", "a", "a.dat", str(tmp_path / "b/a.dat"), "a.txt"]
    pq.write_table(
        pa.table({"spec_id": ["x"] * 4, "wavelength": [[1.0]] * 4, "flux": [[1.0]] * 4}), tmp_path / "p.parquet"
    )
    assert [raw.spectrum_id for raw in named([tmp_path / "p.parquet"])] == ["x", "x#2", "x#3", "x#4"]
