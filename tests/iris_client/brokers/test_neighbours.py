"""The Pan-STARRS sources of an alert, and where they lie."""

import math
import os
from pathlib import Path

import pytest

from iris_client.brokers.neighbours import neighbours, place_of

DATA = os.environ.get("ASTRANET_DATA_DIR")


def row(**more):
    none = {f"{name}{n}": -999.0 for name in ("distpsnr", "sgscore", "sgmag", "srmag", "simag", "szmag") for n in "123"}
    return none | {"distpsnr1": 5.0, "sgscore1": 0.5, "srmag1": 20.0, "sgmag1": 20.5} | more


def test_nothing_is_told_of_what_is_minus_999():
    (one,) = neighbours(row())
    assert (one.separation_arcsec, one.star_score, one.mags) == (5.0, 0.5, {"r": 20.0, "g": 20.5})
    assert (one.ra_deg, one.dec_deg) == (None, None)
    assert neighbours({}) == ()
    assert neighbours(row(distpsnr1=-999.0)) == ()


def test_the_nearest_comes_first_and_what_is_too_far_is_none():
    found = neighbours(row(distpsnr2=1.0, sgscore2=-999.0, distpsnr3=120.0, sgscore3=0.2))
    assert [(one.separation_arcsec, one.star_score) for one in found] == [(1.0, None), (5.0, 0.5)]


@pytest.mark.parametrize("odd", [None, "5.0", True, float("nan"), float("inf"), 10**400])
def test_odd_values_are_none(odd):
    assert neighbours(row(distpsnr1=odd)) == ()
    (one,) = neighbours(row(sgscore1=odd, srmag1=odd, objectidps1=odd))
    assert (one.star_score, one.mags, one.ra_deg) == (None, {"g": 20.5}, None)


def test_the_number_of_a_source_holds_its_place():
    ra, dec = place_of(131211500123455000)
    assert ra == pytest.approx(150.012345)
    assert dec == pytest.approx(0.0083333 * 13121.5 - 90)
    assert place_of(0) == place_of(-999) == place_of(10**18) == (None, None)


@pytest.mark.skipif(DATA is None, reason="needs real packets")
def test_places_of_real_packets_are_where_their_distances_say():
    fastavro = pytest.importorskip("fastavro")
    apart = []
    for path in sorted(Path(DATA or "", "ztf", "alerts", "original").glob("*.avro"))[:120]:
        with path.open("rb") as file:
            candidate = next(iter(fastavro.reader(file)))["candidate"]
        for one in neighbours(candidate):
            if one.ra_deg is not None and one.dec_deg is not None:
                east = (one.ra_deg - candidate["ra"]) * math.cos(math.radians(candidate["dec"]))
                away = 3600 * math.hypot(east, one.dec_deg - candidate["dec"])
                apart.append(abs(away - one.separation_arcsec))
    assert len(apart) > 200
    assert sorted(apart)[int(0.95 * len(apart))] < 1.0
