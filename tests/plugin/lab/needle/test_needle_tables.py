"""Objects of several tables: one side each under all their names, two curves of one, kinds that are not taught."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.training.needle.examples import ExampleRules, Labelled, histories, owners
from models.training.needle.mix import kind_index
from plugin.lab.needle.compare import compare, markdown
from plugin.lab.needle.data import load, load_survey
from plugin.lab.needle.landing import landing
from plugin.lab.needle.sides import by_hash, same_objects, sides
from tests.plugin.lab.needle.test_needle_figures import made


def rows(name, kind, *, z=0.1, phot="alert_diff", primary=True, ra=None, quality=None, mag=18.5, needle3=None):
    about = {
        "object_id": name, "class": kind, "subclass": kind, "redshift": z, "ra": ra, "dec": 20.0 if ra else None,
        "needle3": needle3 or (kind if kind in ("SLSN-I", "TDE") else "other" if kind == "SLSN-II" else "SN"),
        "magerr": 0.05, "mag_obs": None, "limmag": 20.5, "is_limit": False, "phot_type": phot, "primary": primary,
        "ebv_mw": None, "telescope": "P48/ZTF", "quality": quality, "source": phot,
    }  # fmt: skip
    return [about | {"mjd": 59000.0 + 3 * i, "band": "gr"[i % 2], "mag": mag + 0.01 * i} for i in range(8)]


def write(path, records) -> None:
    pq.write_table(pa.Table.from_pylist([r for record in records for r in record]), path)


@pytest.fixture
def folder(tmp_path):
    ztf = tmp_path / "ztf"
    ztf.mkdir()
    first = [rows(f"ZTF19old{i:02d}", "SN Ia", ra=10.0 + i) for i in range(20)]
    first += [rows(f"SN2019s{i}", "SLSN-I", phot="literature", ra=100.0 + i) for i in range(8)]
    write(ztf / "lightcurves.parquet", first)
    alerts = [rows(f"ZTF20new{i:02d}", "SN II") for i in range(40)]
    alerts += [rows(f"SN2019s{i}", "SLSN-I", primary=False, mag=18.7) for i in range(8)]  # alerts of known ones
    alerts += [rows("ZTF19old00", "SN Ia", primary=False)]  # the same kind of photometry again
    alerts += [rows("ZTF20far", "SLSN-I", z=0.9), rows("ZTF20sl", "SLSN-I", z=None), rows("ZTF20two", "SLSN-II")]
    alerts += [rows("ZTF20doubt", "SN IIn", quality="label_conflict:SLSN-I"), rows("SN2019s0", "SN Ibc")]
    write(ztf / "lightcurves_alerce.parquet", alerts)
    write(ztf / "lightcurves_extra2.parquet", [rows(f"ZTF21near{i}", "SN IIn", ra=10.0 + i) for i in range(5, 20)])
    hosts = [{"object_id": "ZTF19old01", "g": 19.0, "r": 18.5, "sep_arcsec": 1.0, "source": "FLEET"}]
    pq.write_table(pa.Table.from_pylist(hosts), ztf / "hosts.parquet")
    names = {"ztf_ids": "ZTF20new05;ZTF20new06", "iau": "2020abc", "other": None, "ra": None, "dec": None}
    pq.write_table(pa.Table.from_pylist([{"object_id": "ZTF20new05", **names}]), ztf / "crossid.parquet")
    bts = [{"object_id": "ZTF20new01", "A_V": "0.319", "ra": 200.0, "dec": 5.0}]
    pq.write_table(pa.Table.from_pylist(bts), ztf / "bts_catalog.parquet")
    return tmp_path


def test_the_first_test_stays_and_no_object_is_on_two_sides(folder) -> None:
    old, new = load(folder), load_survey(folder)
    assert [o.object_id for o in new.test] == [o.object_id for o in old.test]
    tested = {o.object_id for o in new.survey_test}
    assert {o.object_id for o in old.test} <= tested
    assert not tested & {o.object_id for o in new.develop}
    assert len(tested) == len(new.survey_test)
    side = {o.object_id: "test" for o in new.survey_test} | {o.object_id: "develop" for o in new.develop}
    for i in range(5, 20):  # the same place as an old one: its other name, so its side
        assert f"ZTF21near{i}" not in side
        curves = [o for o in new.develop if o.object_id == f"ZTF19old{i:02d}"]
        assert len(curves) == (2 if side[f"ZTF19old{i:02d}"] == "develop" else 0)
    assert side["ZTF20new05"] == side.get("ZTF20new06", side["ZTF20new05"])


def test_an_object_may_teach_with_two_curves_and_is_tested_by_its_alerts(folder) -> None:
    data = load_survey(folder)
    both = [o for o in data.develop if o.label == 1 and o.object_id.startswith("SN2019s")]
    assert {o.phot_type for o in both} == {"literature", "alert_diff"}
    assert len(both) == 2 * len({o.object_id for o in both})
    assert all(o.phot_type == "alert_diff" for o in data.survey_test if o.label == 1)
    assert sum(o.object_id == "ZTF19old00" for o in (*data.develop, *data.survey_test)) == 1


def test_what_is_left_out_and_what_is_filled_in(folder) -> None:
    data = load_survey(folder)
    every = {o.object_id: o for o in (*data.develop, *data.survey_test)}
    assert not {"ZTF20far", "ZTF20doubt", "ZTF20two"} & set(every)
    assert "ZTF20sl" in every
    assert every["SN2019s0"].kind == "SLSN-I"
    assert [o.object_id for o in data.untaught] == ["ZTF20two"]
    assert every["ZTF20new01"].ebv_mag == pytest.approx(0.1)
    assert (every["ZTF20new01"].ra_deg, every["ZTF20new01"].dec_deg) == (200.0, 5.0)


def test_a_hash_deals_a_quarter_and_names_are_followed() -> None:
    names = [f"ZTF22x{i}" for i in range(2000)]
    assert np.mean([by_hash(n) == "test" for n in names]) == pytest.approx(0.25, abs=0.03)
    one = same_objects(["a", "b", "c", "d"], [("a", "SN1"), ("SN1", "c")], {"b": (10.0, 0.0), "d": (10.0, 0.0003)})
    assert one == {"a": "a", "c": "a", "b": "b", "d": "b"}
    side = sides(one, {"c": "test", "b": "develop"})
    assert side == {"a": "test", "c": "test", "b": "develop", "d": "develop"}
    assert sides({"a": "a", "b": "a", "c": "a"}, {"a": "develop", "b": "test"})["c"] == "test"


def test_two_curves_of_one_object_are_one_object() -> None:
    from dataclasses import replace

    from models.needle.model import load as shipped

    first, second = made(1, 0), made(2, 0)
    curves = [first, second, replace(second, object_id=first.object_id)]
    assert owners(curves) == [0, 1, 0]
    found = histories(curves, ExampleRules(), shipped().bank, most=3)
    assert found.weight[found.object_index == 0].sum() == pytest.approx(1)
    assert set(found.object_index) == {0, 1}


def test_answers_are_compared_by_object_and_better_ones_are_told() -> None:
    rng = np.random.default_rng(3)
    n, label = 600, np.repeat([0, 1, 2], [500, 50, 50])
    blank = {"x": np.zeros((n, 1)), "galaxies": np.zeros((n, 5)), "days": np.zeros(n), "as_it_was": np.ones(n, bool)}
    from models.training.needle.examples import Examples

    epochs = Examples(**blank, label=label, object_index=np.arange(n), weight=np.ones(n))
    poor, good = (np.exp(rng.normal(0, 1, (n, 3)) + s * np.eye(3)[label]) for s in (0.5, 4.0))
    poor, good = (p / p.sum(1, keepdims=True) for p in (poor, good))
    found = compare(poor, good, epochs, np.zeros(n, int))
    assert all(row["area"]["difference"]["low"] > 0 for row in found.values())
    same = compare(good, good, epochs, np.zeros(n, int))
    assert same["TDE"]["area"]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert len(markdown(found)) == 2 + 6
    objects = [Labelled(
        object_id=str(i), label=int(k), kind=("SN Ia", "SLSN-I", "TDE")[k], curve=made(0, 0).curve, ebv_mag=None,
        ra_deg=None, dec_deg=None, redshift=None, host=None,
        subclass="SN Ia-norm" if i < 300 else "SN IIn" if i < 302 else "",
    ) for i, k in enumerate(label)]  # fmt: skip
    lands = landing(objects, epochs, good)
    assert {name: row["objects"] for name, row in lands.items()} == {"SN Ia": 500}
    share = lands["SN Ia"]["said"]["SLSN-I"]
    assert share["low"] <= share["value"] <= share["high"]
    assert sum(lands["SN Ia"]["most"].values()) == pytest.approx(1, abs=1e-3)
    assert set(kind_index([o.kind for o in objects])) == {0, -1}
