"""Which of the sources around a transient is its host, by chance coincidence; and stars at its place."""

import math

import pytest

from models.domain import Host, Neighbour
from models.needle.neighbours import MOST_CHANCE, chance, likely_host, of_host, of_neighbours, r_of, radius, star_at


def source(away: float, r: float | None = 20.0, score: float | None = 0.05, **mags: float) -> Neighbour:
    return Neighbour(separation_arcsec=away, star_score=score, mags=({} if r is None else {"r": r}) | mags)


def test_the_probability_by_chance_is_that_of_bloom_et_al():
    """Counted by hand for r = 20: 10^(0.33 (20 - 24) - 2.44) / (0.33 ln 10) galaxies per square arcsec."""
    density = 10 ** (-1.32 - 2.44) / (0.33 * math.log(10))
    assert density == pytest.approx(2.287e-4, rel=1e-3)
    area = math.pi * (5.0**2 + 4 * radius(20.0) ** 2)
    assert chance(5.0, 20.0) == pytest.approx(1 - math.exp(-area * density))
    assert 0 < chance(0.0, 15.0) < chance(5.0, 15.0) < chance(5.0, 21.0) < chance(20.0, 21.0) < 1


def test_a_usual_galaxy_is_larger_when_it_is_brighter():
    assert radius(18.0) == pytest.approx(10**0.32)
    assert radius(15.0) > radius(18.0) > radius(21.0) > 0


def test_a_bright_galaxy_farther_away_is_more_probable_than_a_faint_one_nearby():
    faint, bright = source(5.2, 20.4), source(6.8, 17.0)
    found = likely_host([faint, bright])
    assert found is not None
    assert found[0] is bright
    assert found[1] == chance(6.8, 17.0)
    assert likely_host([source(0.4, 19.7), source(6.4, 19.0)])[0].separation_arcsec == 0.4


@pytest.mark.parametrize("others", [[], [source(1.0, 15.0, 0.9)], [source(1.0, 15.0, None)], [source(1.0, None)]])
def test_a_star_what_nobody_scored_and_what_has_no_magnitude_is_never_a_host(others):
    assert likely_host(others) is None
    found = likely_host([*others, source(3.0, 18.0)])
    assert found is not None
    assert found[0].separation_arcsec == 3.0


def test_what_is_as_well_there_by_chance_is_no_host():
    assert chance(20.0, 21.5) > MOST_CHANCE
    assert likely_host([source(20.0, 21.5)]) is None


def test_another_band_stands_in_for_r():
    assert r_of(source(1.0, None, g=20.6)) == pytest.approx(20.0)
    assert r_of(source(1.0, None, z=19.0, i=19.0)) == pytest.approx(19.3)
    assert r_of(source(1.0, 20.0, g=25.0)) == 20.0


def test_a_star_is_at_the_place_only_where_it_is_the_nearest_source():
    star = source(0.4, 17.0, 0.98)
    assert star_at([source(3.0), star]) is star
    assert star_at([source(0.2), star]) is None
    assert star_at([source(2.1, 17.0, 0.98)]) is None
    assert star_at([]) is None
    assert of_neighbours([star, source(3.0, 18.0)]) == {
        "galaxy_sep": 3.0, "galaxy_chance": round(chance(3.0, 18.0), 4), "star_sep": 0.4, "star_score": 0.98,
    }  # fmt: skip


def test_what_is_told_of_a_host():
    assert of_host(None) == {}
    assert of_host(Host(mags={"r": 19.0})) == {}
    told = Host(
        separation_arcsec=1.234, redshift=0.123456, redshift_kind="photometric", source="Sherlock, PS1", dlr=0.456
    )
    assert of_host(told) == {
        "host_sep": 1.23, "host_from": "Sherlock, PS1", "host_z": 0.12346, "host_z_kind": "photometric",
        "host_dlr": 0.46,
    }  # fmt: skip
    assert of_host(Host(redshift=0.02))["host_z_kind"] == "kind not told"
