"""`astranet needle`: one line per object, stable keys, and a reason for whatever cannot be answered."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from plugin.batch.needle_files import NeedleInputError, read_curves, read_hosts
from plugin.commands import needle as command
from plugin.lab.needle.data import NeedleData, folds

KEYS = ["object_id", "status", "reason", "model", "probabilities", "p_mondrian", "prediction_sets", "n_g", "n_r",
        "caveats"]  # fmt: skip
APP = typer.Typer()
APP.command()(command.needle)


def rows(name: str | None, n: int = 8, **changed: object) -> list[dict[str, object]]:
    out = []
    for i in range(n):
        row = {"object_id": name, "ra": 150.0, "dec": 20.0, "mjd": 59000.0 + 3 * i, "band": "gr"[i % 2],
               "mag": 19.5 - 0.15 * i, "magerr": 0.08, "limmag": None, "is_limit": False, "ebv_mw": 0.03}  # fmt: skip
        out.append(row | changed)
    return out


def write(tmp_path, records):
    path = tmp_path / "curves.parquet"
    pq.write_table(pa.Table.from_pylist(records), path)
    return path


def run(tmp_path, records, *options):
    out = tmp_path / "out.jsonl"
    result = CliRunner().invoke(APP, [str(write(tmp_path, records)), "-o", str(out), *options])
    assert result.exit_code == 0, result.output
    return {line["object_id"]: line for line in map(json.loads, out.read_text().splitlines())}


@pytest.fixture
def hosts(tmp_path):
    path = tmp_path / "hosts.parquet"
    table = [
        {"object_id": "good", "g": 19.0, "r": 18.4, "i": None, "z": float("inf"), "sep_arcsec": 0.4, "source": "FLEET"},
        {"object_id": "star", "g": 15.0, "r": 14.4, "galaxy_score": 0.0, "sep_arcsec": 3.0,
         "source": "ZTF alert packet (PS1)"},
        {"object_id": "two", "g": 19.0, "r": 18.4, "i": 18.0, "source": "manyTDE"},
        {"object_id": "two", "g": 19.1, "r": 18.5, "sep_arcsec": 0.1, "source": "FLEET"},
        {"object_id": "nonsense", "g": -999.0, "r": None, "sep_arcsec": 1.0, "source": "FLEET"},
    ]  # fmt: skip
    names = sorted({k for row in table for k in row})
    pq.write_table(pa.Table.from_pylist([dict.fromkeys(names) | row for row in table]), path)
    return path


def test_every_object_has_a_line_with_all_keys(tmp_path, hosts):
    records = [
        *rows("good"),
        *rows("star"),
        *rows("faint", mag=22.0),
        *rows("limits", mag=None, magerr=None, limmag=20.5, is_limit=True),
        *rows("undated", mjd=None),
        *rows("one", n=1),
        *rows("infrared", band="i"),
        *rows(None),
    ]
    found = run(tmp_path, records, "--hosts", str(hosts))
    assert list(found) == ["good", "star", "faint", "limits", "undated", "one", "infrared", ""]
    assert all(list(line) == KEYS for line in found.values())
    refused = {name for name, line in found.items() if line["status"] == "refused"}
    assert refused == {"faint", "limits", "undated", "infrared", ""}
    assert all(found[name]["reason"] and found[name]["probabilities"] is None for name in refused)
    good = found["good"]
    assert (good["n_g"], good["n_r"]) == (4, 4)
    assert sum(good["probabilities"].values()) == pytest.approx(1)
    assert list(good["probabilities"]) == ["SN", "SLSN-I", "TDE"]
    assert set(good["prediction_sets"]) == {"0.05", "0.1", "0.2"}
    assert " TH " in good["model"]
    assert " T " in found["star"]["model"]


def test_bad_numbers_among_good_ones_are_left_out_and_told(tmp_path):
    records = rows("a") + rows("a", n=2, mag=float("nan")) + rows("a", n=1, mjd=float("inf"))
    line = run(tmp_path, records)["a"]
    assert line["status"] == "ok"
    assert any(c["code"] == "repaired" and "3 rows" in c["text"] for c in line["caveats"])
    without = run(tmp_path, rows("a"))["a"]
    assert line["probabilities"] == without["probabilities"]


def test_missing_columns_and_missing_reddening_are_borne(tmp_path):
    few = [{k: row[k] for k in ("object_id", "mjd", "band", "mag")} for row in rows("a")]
    line = run(tmp_path, few)["a"]
    assert line["status"] == "ok"
    assert any("E(B-V)" in c["text"] for c in line["caveats"])


def test_the_order_of_rows_and_other_objects_change_nothing(tmp_path):
    one = run(tmp_path, rows("a"))["a"]
    mixed = [r for pair in zip(rows("b", mag=17.0), reversed(rows("a")), strict=True) for r in pair]
    assert run(tmp_path, mixed)["a"] == one


def test_histories_are_drawn_under_safe_names_and_change_no_answer(tmp_path):
    folder = tmp_path / "drawn"
    records = [*rows("a"), *rows("../b c"), *rows("faint", mag=22.0)]
    with_pictures = run(tmp_path, records, "--history", str(folder))
    assert sorted(p.name for p in folder.iterdir()) == ["___b_c.png", "a.png"]
    assert with_pictures == run(tmp_path, records)


def test_a_redshift_column_changes_nothing(tmp_path):
    assert run(tmp_path, rows("a", redshift=0.5))["a"] == run(tmp_path, rows("a"))["a"]


def test_a_file_that_is_none_is_refused_in_one_line(tmp_path):
    path = tmp_path / "curves.parquet"
    path.write_text("not parquet")
    result = CliRunner().invoke(APP, [str(path), "-o", str(tmp_path / "out.jsonl")])
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    with pytest.raises(NeedleInputError, match="no column band"):
        list(read_curves(write(tmp_path, [{"object_id": "a", "mjd": 1.0, "mag": 19.0}])))


def test_hosts_are_galaxies_with_magnitudes(hosts):
    found = read_hosts(hosts)
    assert set(found) == {"good", "two"}
    assert found["good"].mags == {"g": 19.0, "r": 18.4}
    assert found["two"].separation_arcsec == 0.1
    assert found["two"].mags == {"g": 19.1, "r": 18.5, "i": 18.0}


def test_the_redshift_of_a_host_is_the_galaxys_and_never_the_transients(tmp_path):
    path = tmp_path / "hosts.parquet"
    names = ("both", "photo", "bare", "none")
    row = {"g": 19.0, "r": 18.4, "sep_arcsec": 0.4, "source": "FLEET", "redshift": 0.5, "redshift_src": 0.5}
    own = [{"specz": 0.1, "photoz": 0.2, "photoz_err": 0.03}, {"photoz": 0.2, "photoz_err": 0.03}, {"photoz": 0.2}, {}]
    empty = dict.fromkeys(("specz", "photoz", "photoz_err"))
    table = [{"object_id": name, **row, **empty, **more} for name, more in zip(names, own, strict=True)]
    pq.write_table(pa.Table.from_pylist(table), path)
    found = read_hosts(path)
    assert [(found[n].redshift, found[n].redshift_error) for n in names] == [
        (0.1, None), (0.2, 0.03), (0.2, 0.05), (None, None),
    ]  # fmt: skip
    records = [line for name in names for line in rows(name)]
    lines = run(tmp_path, records, "--hosts", str(path))
    assert lines["both"]["probabilities"] != lines["none"]["probabilities"]
    pq.write_table(pa.Table.from_pylist([line | {"redshift": 0.01, "redshift_src": 0.01} for line in table]), path)
    assert run(tmp_path, records, "--hosts", str(path)) == lines


def test_folds_share_no_object_and_real_splits_neither(data_dir):
    from plugin.lab.needle.data import load

    data = load(data_dir)
    assert isinstance(data, NeedleData)
    assert not {o.object_id for o in data.develop} & {o.object_id for o in data.test}
    assert all(o.survey for o in data.test)
    assert max(o.redshift for o in data.develop if o.label == 1 and o.redshift) < 0.6
    fold = np.array(folds(data.develop, 10))
    assert np.bincount(fold).min() > 0.08 * len(fold)


@pytest.fixture
def data_dir():
    import os
    from pathlib import Path

    folder = os.environ.get("ASTRANET_DATA_DIR")
    if not folder or not (Path(folder) / "ztf" / "lightcurves.parquet").exists():
        pytest.skip("ASTRANET_DATA_DIR with ztf/lightcurves.parquet is not there")
    return Path(folder)
