"""Light-curve files as people have them: bands, flags, dates and names of every kind."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.domain import LightCurve
from plugin.batch.needle_answers import _account, _file_name
from plugin.batch.needle_files import Curve, NeedleInputError, read_curves

N = 20
BANDS = ["ztfg", "ztfr"] * (N // 2)
LIMITS = [i % 5 == 0 for i in range(N)]


def read(tmp_path, **columns) -> list[Curve]:
    table = {
        "object_id": ["a"] * N,
        "mjd": [61000.0 + 3 * i for i in range(N)],
        "band": BANDS,
        "mag": [float("nan") if limit else 18.5 for limit in LIMITS],
        "magerr": [0.05] * N,
        "limmag": [20.6] * N,
        "is_limit": LIMITS,
    } | columns
    pq.write_table(pa.table({k: v for k, v in table.items() if v is not None}), tmp_path / "c.parquet")
    return list(read_curves(tmp_path / "c.parquet"))


def one(tmp_path, **columns) -> LightCurve:
    (found,) = read(tmp_path, **columns)
    assert found.curve is not None, found.trouble
    return found.curve


def same(left: LightCurve, right: LightCurve) -> bool:
    columns = ("mjd", "mag", "is_limit", "limit_mag")
    return left.band == right.band and all(
        np.allclose(getattr(left, c), getattr(right, c), equal_nan=True, atol=1e-6) for c in columns
    )


@pytest.mark.parametrize(
    "bands",
    [
        ["zg", "zr"], ["ZTF_g", "ZTF_r"], ["g", "r"], ["ztf-g", "ztf-r"], ["G", "R"], ["p48g", "p48r"],
        ["gZTF", "rZTF"], ["1", "2"], ["1.0", "2.0"], [1, 2], [1.0, 2.0],
    ],
)  # fmt: skip
def test_bands_however_they_are_called(tmp_path, bands) -> None:
    assert same(one(tmp_path, band=bands * (N // 2)), one(tmp_path))


def test_filter_numbers_are_told(tmp_path) -> None:
    (found,) = read(tmp_path, band=["1", "2"] * (N // 2))
    assert "1 as g, 2 as r" in found.notes[0]


@pytest.mark.parametrize("bands", [["V", "B"], ["sdssg", "ps1::r"], ["7", "8"], ["1", "g2"], ["i", "z"]])
def test_bands_that_are_not_known_are_named(tmp_path, bands) -> None:
    (found,) = read(tmp_path, band=bands * (N // 2))
    assert found.curve is None
    assert "no row in g or r" in (found.trouble or "")
    assert all(repr(b.lower()) in (found.trouble or "") for b in bands)


@pytest.mark.parametrize(
    "spell",
    [
        str, lambda v: "t" if v else "f", lambda v: "1" if v else "0", lambda v: int(v), lambda v: float(v),
        lambda v: "yes" if v else "NO", lambda v: "T" if v else None, lambda v: 1.0 if v else float("nan"),
    ],
)  # fmt: skip
def test_flags_in_any_spelling(tmp_path, spell) -> None:
    assert same(one(tmp_path, is_limit=[spell(v) for v in LIMITS]), one(tmp_path))


def test_without_the_column_the_magnitudes_tell(tmp_path) -> None:
    assert same(one(tmp_path, is_limit=None), one(tmp_path))


@pytest.mark.parametrize("word", ["maybe", "detection", "2"])
def test_a_flag_that_says_neither_refuses_the_file(tmp_path, word) -> None:
    with pytest.raises(NeedleInputError, match=f"is_limit is '{word}' in row 1"):
        read(tmp_path, is_limit=[word] * N)


def test_julian_dates_and_fill_values(tmp_path) -> None:
    mag = [99.0 if limit else 18.5 for limit in LIMITS]
    julian = one(tmp_path, mjd=[2461000.5 + 3 * i for i in range(N)], mag=mag, is_limit=None)
    assert same(julian, one(tmp_path, is_limit=None, mag=[float("nan") if v > 90 else v for v in mag]))


@pytest.mark.parametrize(("no", "yes"), [("f", "t"), ("False", "True"), (0, 1), ("-1", "1")])
def test_negative_subtractions_are_no_detections(tmp_path, no, yes) -> None:
    signs = [no if i % 4 == 1 else yes for i in range(N)]
    (found,) = read(tmp_path, isdiffpos=signs)
    assert found.curve is not None
    assert "negative subtractions" in found.notes[0]
    assert found.curve.is_limit.sum() == sum(limit or i % 4 == 1 for i, limit in enumerate(LIMITS))
    (mostly,) = read(
        tmp_path, isdiffpos=[no if i else {"f": "t", "False": "True", 0: 1, "-1": "1"}[no] for i in range(N)]
    )
    assert mostly.curve is None
    assert "subtractions are negative" in (mostly.trouble or "")


def test_two_versions_of_an_object_are_two(tmp_path) -> None:
    names = ["sn_2455800.2"] * 10 + ["sn_2455800.7"] * 10
    assert [c.object_id for c in read(tmp_path, object_id=names)] == names[::10]
    taken: set[str] = set()
    files = [_file_name(n, taken) for n in ("a.b", "a_b", "A b", "x" * 200, "x" * 201)]
    assert len({f.lower() for f in files}) == 5


def test_a_refusal_counts_what_was_there(tmp_path) -> None:
    curve = one(tmp_path, is_limit=[True] * N)
    assert _account(curve) == "of 20 rows (10 in g, 10 in r) 20 are limits"
    assert "brightest of the others is 18.50 mag" in _account(one(tmp_path))


def test_columns_by_the_names_of_ztf(tmp_path) -> None:
    names = {"object_id": "objectId", "mjd": "jd", "band": "fid", "mag": "magpsf", "limmag": "diffmaglim"}
    read(tmp_path)
    table = pq.read_table(tmp_path / "c.parquet")
    table = table.set_column(table.column_names.index("mjd"), "mjd", pa.array([2461000.5 + 3 * i for i in range(N)]))
    table = table.set_column(table.column_names.index("band"), "band", pa.array([1, 2] * (N // 2)))
    pq.write_table(table.rename_columns([names.get(n, n) for n in table.column_names]), tmp_path / "ztf.parquet")
    (found,) = read_curves(tmp_path / "ztf.parquet")
    assert found.curve is not None
    assert same(found.curve, one(tmp_path))


def test_a_missing_column_is_named_with_those_there_are(tmp_path) -> None:
    with pytest.raises(NeedleInputError, match="no column band; the columns are object_id, mjd, mag"):
        read(tmp_path, band=None)


def test_a_dust_map_serves_objects_whose_rows_tell_nothing(tmp_path) -> None:
    from plugin.batch.needle_answers import _curves

    def reddening(ra: float, dec: float) -> float:
        return ra / 1000

    read(tmp_path, ra=[150.0] * N, dec=[20.0] * N)
    assert [c.ebv_mag for c in _curves(tmp_path / "c.parquet", reddening)] == [0.15]
    assert [c.ebv_mag for c in _curves(tmp_path / "c.parquet", None)] == [None]
    read(tmp_path, ra=[150.0] * N, dec=[20.0] * N, ebv_mw=[0.3] * N)
    assert [c.ebv_mag for c in _curves(tmp_path / "c.parquet", reddening)] == [0.3]
    read(tmp_path)
    assert [c.ebv_mag for c in _curves(tmp_path / "c.parquet", reddening)] == [None]
