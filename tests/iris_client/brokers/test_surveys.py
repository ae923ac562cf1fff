"""Packets of other surveys, limits without fluxes, and flags and filters in every spelling."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_client.brokers.alert import alert
from iris_client.brokers.history import light_curve, positive
from iris_client.brokers.records import from_stream, packet_of, stub
from iris_client.brokers.words import band, numbered_band, truth
from iris_client.errors import BadPayload
from models.domain import LightCurve

JD = 2461200.75


def packet(**rest: Any) -> dict[str, Any]:
    now = {"jd": JD + 6, "band": "g", "magpsf": 18.5, "sigmapsf": 0.05, "diffmaglim": 20.5, "isdiffpos": "True"}
    return {"objectId": "ZTF00invented", "candid": 1, "candidate": now, "prv_candidates": [], "fp_hists": []} | rest


def curve(found: Any) -> LightCurve:
    assert found.light_curve is not None
    return found.light_curve


def test_an_error_without_a_flux_is_a_limit() -> None:
    """Babamul's non-detections hold `psfFluxErr` alone: five sigma at ZTF's zero point."""
    rows = [{"jd": JD, "band": "g", "psfFluxErr": 7.5e9}, {"jd": JD + 3, "band": "g", "psfFluxErr": 9.6e9}]
    found = alert(packet(prv_nondetections=rows))
    limits = [-2.5 * math.log10(5 * error * 1e-9) + 23.9 for error in (7.5e9, 9.6e9)]
    assert limits == pytest.approx([19.965, 19.697], abs=1e-3)
    assert curve(found).limit_mag[:2] == pytest.approx(limits)
    assert curve(found).is_limit.tolist() == [1, 1, 0]
    assert curve(found).mag[2] == 18.5
    assert found.positive
    assert not any("left out" in c.text for c in found.caveats)


@pytest.mark.parametrize("key", ["fp_hists", "prv_candidates"])
@pytest.mark.parametrize(
    ("row", "limit"),
    [
        ({"psfFluxErr": 7.5e9, "psfFlux": None}, 19.965),
        ({"psfFluxErr": 7.5e9, "psfFlux": math.nan}, 19.965),
        ({"forcediffimfluxunc": 10.0, "magzpsci": 26.3}, 26.3 - 2.5 * math.log10(50.0)),
        ({"psfFluxErr": 7.5e9, "diffmaglim": 20.1}, 20.1),
    ],
)
def test_wherever_it_stands(key: str, row: dict[str, Any], limit: float) -> None:
    found = curve(alert(packet(**{key: [{"jd": JD, "band": "g", **row}]})))
    if key == "prv_candidates" and "magzpsci" in row:
        assert found.mjd.size in (1, 2)
    else:
        assert found.limit_mag[0] == pytest.approx(limit, abs=1e-3)


@pytest.mark.parametrize("error", [0.0, -1.0, None, math.inf, "1", -99999.0])
def test_an_error_that_is_none_gives_no_limit(error: Any) -> None:
    found, caveats = light_curve(packet(prv_nondetections=[{"jd": JD, "band": "g", "psfFluxErr": error}]))
    assert found is not None
    assert found.mjd.size == 1
    assert "1 row(s)" in caveats[0].text


def test_a_magnitude_without_its_error_is_a_detection() -> None:
    row = {"jd": JD, "band": "g", "magpsf": 18.0, "diffmaglim": 20.5, "isdiffpos": "t"}
    found = curve(alert(packet(prv_candidates=[row])))
    assert found.mag[0] == 18.0
    assert np.isnan(found.mag_error[0])


def test_a_flux_without_its_error_takes_that_of_the_limit() -> None:
    row = {"jd": JD, "band": "g", "psfFlux": 10 ** (-0.4 * (18.0 - 23.9)) * 1e9, "diffmaglim": 20.5}
    found = curve(alert(packet(fp_hists=[row])))
    assert found.mag[0] == pytest.approx(18.0)
    assert found.mag_error[0] == pytest.approx(1.0857 / 5 / 10.0, rel=1e-3)


YES: tuple[Any, ...] = ("t", "T", "true", "True", "TRUE", 1, 1.0, True, "1", "1.0", "yes", "+", "positive", b"t")
NO: tuple[Any, ...] = ("f", "F", "false", "False", 0, 0.0, False, "0", "-", "negative", "no", -1, np.bool_(False))
NEITHER: tuple[Any, ...] = (None, math.nan, "", "maybe", 7, [], {}, 10**400, "nan")


@pytest.mark.parametrize(
    ("value", "said"), [*((v, True) for v in YES), *((v, False) for v in NO), *((v, None) for v in NEITHER)]
)
def test_truth(value: Any, said: bool | None) -> None:
    assert truth(value) is said
    assert positive({"isdiffpos": value}) is (said is not False)


def test_a_sign_that_says_neither_is_told() -> None:
    row = {"jd": JD, "band": "g", "magpsf": 18.0, "sigmapsf": 0.1, "isdiffpos": "perhaps"}
    found, caveats = light_curve(packet(prv_candidates=[row]))
    assert found is not None
    assert found.mjd.size == 1
    assert "'perhaps'" in caveats[0].text


@pytest.mark.parametrize(
    ("name", "short"),
    [("g", "g"), ("ztfg", "g"), ("ZTF_r", "r"), ("zi", "i"), ("ztf-g", "g"), ("p48r", "r"), ("gZTF", "g"),
     ("ztf_zr", "r"), ("g-band", "g"), ("sdssg", "sdssg"), ("ps1::r", "ps1::r"), ("V", "v"), ("z", "z")],
)  # fmt: skip
def test_bands(name: str, short: str) -> None:
    assert band(name) == short


def test_filter_numbers() -> None:
    assert [numbered_band(n) for n in ("1", "2.0", " 3 ", "9", "g")] == ["g", "r", "i", None, None]


@pytest.mark.parametrize("fid", [1, 1.0, "1"])
def test_filter_numbers_of_a_packet(fid: Any) -> None:
    row = {"jd": JD, "fid": fid, "diffmaglim": 20.0}
    assert curve(alert(packet(prv_candidates=[row]))).band[0] == "g"


RUBIN = {
    "diaSourceId": 77,
    "diaSource": {"diaSourceId": 77, "diaObjectId": 1234, "midpointMjdTai": 61200.0, "band": "r", "ra": 10.0,
                  "dec": -5.0, "psfFlux": 3631.0, "psfFluxErr": 36.31, "isNegative": False},
    "prvDiaSources": [{"midpointMjdTai": 61197.0, "band": "g", "psfFlux": -4e3, "psfFluxErr": 9.0, "isNegative": True}],
    "prvDiaForcedSources": [{"midpointMjdTai": 61190.0, "band": "g", "psfFlux": 1.0, "psfFluxErr": 36.31}],
    "prvDiaNondetectionLimits": [{"midpointMjdTai": 61180.0, "band": "i", "diaNoise": 36.31}],
}  # fmt: skip


def test_a_packet_of_rubin() -> None:
    for found in (alert(RUBIN), from_stream(RUBIN)):
        assert (found.target.target_id, found.cutouts.candid) == ("1234", "77")
        points = curve(found)
        assert points.band == ("i", "g", "g", "r")
        assert points.mag[3] == pytest.approx(22.5, abs=1e-3)  # 3631 nJy
        assert points.is_limit.tolist() == [1, 1, 1, 0]
        assert points.limit_mag[0] == pytest.approx(22.5 + 5.0 - 2.5 * math.log10(5.0), abs=1e-3)
        assert points.mjd[3] == pytest.approx(61200.0 - 37 / 86400, abs=1e-6)
    assert stub(packet_of(RUBIN)).target_id == "1234"


def test_solar_system_objects_are_no_transients() -> None:
    moving = {**RUBIN, "diaSource": {**RUBIN["diaSource"], "diaObjectId": None}, "ssObject": {"ssObjectId": 5}}
    with pytest.raises(BadPayload, match="solar-system"):
        alert(moving)


@pytest.mark.parametrize(
    ("name", "fid", "expected"), [("WNTR26aaaab", 2, "J"), ("PGIR26abc", 1, "J"), ("WIRC26aaaaa", 0, "Y")]
)
def test_infrared_surveys_count_their_filters_themselves(name: str, fid: int, expected: str) -> None:
    now = {"jd": JD, "fid": fid, "magpsf": 15.0, "sigmapsf": 0.1, "isdiffpos": True, "candid": 4}
    record = {"objectid": name, "candid": 4, "candidate": now, "prv_candidates": [{**now, "jd": JD - 1, "fid": 9}],
              "cutout_science": b"", "cutout_template": b"", "cutout_difference": b""}  # fmt: skip
    for found in (alert(record), from_stream(record)):
        assert found.target.target_id == name
        assert found.cutouts.band == expected
        assert curve(found).band == ("filter 9", expected)


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from([*RUBIN, "objectid", "objectId", "candid", "candidate", "ssObject", "diaObject", "fp_hists"])
rows = st.dictionaries(st.sampled_from([*RUBIN["diaSource"], "jd", "fid", "isdiffpos", "magpsf", "sigmapsf"]), junk)


@given(st.dictionaries(keys, junk | rows | st.lists(rows, max_size=2)))
def test_no_packet_breaks_it(record: dict[str, Any]) -> None:
    for read in (alert, from_stream):
        try:
            read(record)
        except BadPayload:
            continue
