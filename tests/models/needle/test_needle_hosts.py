"""What a host says: likelihood ratios of its numbers, chance neighbours, the luminosity at its redshift."""

import json

import numpy as np
import pytest

from models.domain import Host
from models.needle.hosts import LARGEST, HostModel, fit_hosts
from models.needle.inputs import NAMES, brightest, galaxy
from models.needle.lightcurves import luminosity
from models.needle.lightcurves.distance import distance_modulus
from models.needle.metadata import (
    with_hosts,
)


def three_hosts(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.repeat([0, 1, 2], 60)
    r = np.array([17.5, 21.0, 17.0])[label] + rng.normal(0, 0.5, 180)
    colour = np.array([0.6, 0.3, 0.8])[label] + rng.normal(0, 0.1, 180)
    offset = np.array([1.0, 0.0, -2.0])[label] + rng.normal(0, 0.5, 180)
    unknown = np.full((180, 2), np.nan)
    return np.column_stack([r, colour, offset, unknown]), rng.normal(18.5, 0.5, 180), label


def test_hosts_tell_classes_and_missing_ones_tell_nothing():
    galaxies, bright, label = three_hosts()
    model = fit_hosts(galaxies, bright, label, np.ones(180))
    ratio = model.log_ratio(galaxies, bright)
    assert (ratio.argmax(1) == label).mean() > 0.9
    assert np.abs(ratio).max() <= LARGEST
    nothing = np.full((2, 5), np.nan)
    np.testing.assert_array_equal(model.log_ratio(nothing, bright[:2]), 0.0)
    no_offset = galaxies.copy()
    no_offset[:, 2] = np.nan
    assert (model.log_ratio(no_offset, bright)[label == 1, 1] > 0).mean() > 0.9
    again = HostModel.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_allclose(again.log_ratio(galaxies, bright), ratio, atol=1e-3)


def test_a_host_without_colour_counts_by_its_magnitude_alone():
    galaxies, bright, label = three_hosts()
    model = fit_hosts(galaxies, bright, label, np.ones(180))
    only_r = galaxy(Host(mags={"r": 21.2}), 0.0)
    assert np.isnan(only_r[1])
    assert model.log_ratio(only_r[None], np.array([18.5]))[0, 1] > 0
    assert galaxy(Host(mags={"g": 20.0, "r": 19.5}, separation_arcsec=1.0), 0.1)[0] < 19.5
    assert np.isnan(galaxy(None, 0.0)).all()


def test_a_faint_far_galaxy_is_a_neighbour_and_speaks_for_the_class_whose_hosts_are_not_seen():
    galaxies, bright, label = three_hosts()
    (slsn,) = np.nonzero(label == 1)
    galaxies[slsn[:10], :3] = [20.5, 0.6, 2.8]
    model = fit_hosts(galaxies, bright, label, np.ones(180))
    assert model.chance[1] == pytest.approx(1 / 6, abs=0.06)
    assert max(model.chance[[0, 2]]) < 0.02
    assert model.line[1, 0, 0] == pytest.approx(21.0, abs=0.3)  # the neighbours have not moved the class's own law
    far = np.array([[20.3, 0.7, 3.0, np.nan, np.nan]])
    ratio = model.log_ratio(far, np.array([18.5]))[0]
    assert ratio[1] == pytest.approx(np.log(model.chance[1] / model.chance[0]), abs=1.0)
    # Two magnitudes bluer, it is as much a neighbour as before.
    bluer = far + np.array([0, -2, 0, 0, 0])
    assert model.log_ratio(bluer, np.array([18.5]))[0, 1] == pytest.approx(ratio[1], abs=0.5)


def law(mean: float, sd: float = 0.8) -> np.ndarray:
    return np.array([mean, sd])


def test_the_redshift_of_the_host_tells_a_snia_from_a_slsn():
    """18.5 mag at z = 0.08 is M = -19.4, at z = 0.25 it is M = -22."""
    z, sharp, bright = np.array([0.08, 0.25]), np.zeros(2), np.full(2, 18.5)
    snia, slsn = (luminosity.log_ratio(law(mean), z, sharp, bright) for mean in (-19.0, -21.5))
    assert slsn[0] - snia[0] < -1.0
    assert slsn[1] - snia[1] > 1.0
    vague = [luminosity.log_ratio(law(mean), z, np.full(2, 0.1), bright) for mean in (-19.0, -21.5)]
    assert np.abs(vague[1] - vague[0]).max() < np.abs(slsn - snia).min()
    unknown = np.array([np.nan, 0.1, 0.1, 0.1]), np.array([0.0, np.nan, 0.0, 0.0]), np.array([18.5, 18.5, np.nan, 18.5])
    assert (luminosity.log_ratio(law(-19.0), *unknown) == 0).tolist() == [True, True, True, False]


def test_the_true_redshift_is_summed_over():
    from scipy.stats import t

    z, error, bright = 0.12, 0.05, 18.5
    sigma = float(luminosity.spread(np.array([error]))[0])

    def seen(mean: float, sd: float) -> float:
        scale, true = sd * np.sqrt(3 / 5), np.geomspace(0.001, 0.57, 20_000)
        magnitude = bright - np.array([distance_modulus(v) for v in true])
        each = t.pdf((z - true) / sigma, 5) * t.pdf((magnitude - mean) / scale, 5) / scale
        return float(each.sum())  # steps of equal d ln z, which is dz / z

    exact = np.log(0.95 * seen(-19.0, 0.8) / seen(luminosity.ANY_MEAN, luminosity.ANY_SD) + 0.05)
    found = luminosity.log_ratio(law(-19.0), np.array([z]), np.array([error]), np.array([bright]))
    assert found[0] == pytest.approx(exact, abs=0.05)


def test_the_law_of_the_luminosity_is_the_priors_until_there_are_objects():
    nothing = np.full(3, np.nan)
    assert luminosity.fit(nothing, nothing, np.full(3, 18.0), np.ones(3), 1) == pytest.approx((-20.8, 0.9))
    rng = np.random.default_rng(0)
    z = rng.uniform(0.03, 0.15, 500)
    bright = np.array([distance_modulus(v) for v in z]) + rng.normal(-19.0, 0.3, 500)
    assert luminosity.fit(z, np.zeros(500), bright, np.ones(500), 0) == pytest.approx((-19.0, 0.31), abs=0.04)
    assert luminosity.fit(z, np.full(500, 0.3), bright, np.ones(500), 0) == pytest.approx((-18.7, 0.8))


def test_photometric_redshifts_of_faint_galaxies_are_left_out():
    def redshift(r: float, error: float | None, z: float = 0.2) -> float:
        return float(galaxy(Host(mags={"g": r + 0.5, "r": r}, redshift=z, redshift_error=error), 0.0)[3])

    assert redshift(19.0, 0.03) == redshift(22.0, None) == 0.2
    assert np.isnan([redshift(22.0, 0.03), redshift(19.0, None, -0.1), redshift(19.0, None, 7.0)]).all()
    assert np.isnan(galaxy(Host(redshift=0.2, redshift_error=0.03), 0.0)[3])
    assert galaxy(Host(redshift=0.2), 0.0)[3] == 0.2


def test_a_host_multiplies_and_no_host_changes_nothing():
    galaxies, bright, label = three_hosts()
    model = fit_hosts(galaxies, bright, label, np.ones(180))
    x = np.full((3, len(NAMES)), np.nan)
    x[:, NAMES.index("m_peak_r")] = 18.5
    assert brightest(x) == pytest.approx(18.5)
    p = np.tile([0.4, 0.3, 0.3], (3, 1))
    rows = np.array([galaxies[0], galaxies[100], np.full(5, np.nan)])
    found = with_hosts(p, x, rows, model)
    assert found.sum(1) == pytest.approx(1)
    assert found[0, 0] > 0.4 > 0.3 < found[1, 1]
    np.testing.assert_allclose(found[2], p[2])
