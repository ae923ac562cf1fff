"""Cleaning, features, Gaussian process and re-sampling: on light curves whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import Host, LightCurve
from models.needle.lightcurves.distance import distance_modulus
from models.needle.lightcurves.features import COMMON_HOST, NAMES, features, vector
from models.needle.lightcurves.lightcurve import (
    CleanRules,
    Photometry,
    after_gap,
    clean,
    detections,
    drop_outliers,
    galactic_latitude_deg,
    merge,
    peak_mjd,
    simulated_error,
    typical_ebv,
)
from models.training.needle.gp import fit, kernel
from models.training.needle.resample import (
    ResampleRules,
    early,
    hosts_within,
    move,
    observe,
    resample,
)


def curve(rows: list[tuple[float, str, float, float, bool]]) -> LightCurve:
    mjd, band, mag, error, limit = zip(*rows, strict=True)
    return LightCurve(
        mjd=np.array(mjd),
        band=tuple(band),
        mag=np.array(mag, float),
        mag_error=np.array(error, float),
        limit_mag=np.full(len(mjd), 20.5),
        is_limit=np.array(limit, float),
    )


def points(mjd: list[float], band: str | list[str], mag: list[float], error: float = 0.05) -> Photometry:
    bands = np.array([band] * len(mjd) if isinstance(band, str) else band)
    return Photometry(
        mjd=np.array(mjd, float), band=bands, mag=np.array(mag, float), mag_error=np.full(len(mjd), error)
    )


def supernova(n: int = 40, seed: int = 0) -> Photometry:
    """A Gaussian bump in flux that peaks at day 30 with 18.0 mag in g and 18.2 in r."""
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(0, 70, n))
    band = np.where(rng.random(n) < 0.5, "g", "r")
    mag = np.where(band == "g", 18.0, 18.2) + 1.0857 * ((mjd - 30) / 20) ** 2 / 2
    return Photometry(mjd=mjd, band=band, mag=mag + rng.normal(0, 0.03, n), mag_error=np.full(n, 0.03))


def test_only_usable_detections_in_g_and_r_stay():
    found = detections(
        curve(
            [
                (1, "g", 19.0, 0.1, False),
                (2, "i", 19.0, 0.1, False),
                (3, "r", 20.6, 0.1, False),
                (4, "r", 19.0, 0.3, False),
                (5, "r", np.nan, np.nan, True),
                (6, "r", 19.0, np.nan, False),
            ]
        )
    )
    assert found.mjd.tolist() == [1, 6]
    assert found.mag_error[1] == pytest.approx(simulated_error(np.array(19.0)))


def test_extinction_is_taken_off_by_band():
    found = clean(curve([(1, "g", 19.0, 0.1, False), (1.1, "r", 19.0, 0.1, False)]), 0.1)
    assert found.mag == pytest.approx([19.0 - 0.3303, 19.0 - 0.2285])


def test_half_a_day_is_merged_within_a_band_only():
    found = merge(points([0, 0.4, 0.6, 0.7], ["g", "g", "g", "r"], [18, 19, 20, 21]), 0.5)
    assert found.mjd == pytest.approx([0.2, 0.6, 0.7])
    assert found.mag == pytest.approx([18.5, 20, 21])
    assert found.mag_error == pytest.approx([0.05 / np.sqrt(2), 0.05, 0.05])


def test_merging_never_drifts_along_a_chain():
    """Points 0.4 d apart all the way: each window ends 0.5 d after it opened."""
    found = merge(points([0.4 * i for i in range(10)], "g", [18.0] * 10), 0.5)
    assert len(found) == 5


def test_what_precedes_a_long_gap_is_dropped_but_not_the_light_curve():
    bumps = points([0, 150, 160, 170, 400], "r", [20, 19, 18, 18.5, 20])
    assert after_gap(bumps, 100).mjd.tolist() == [150, 160, 170, 400]


def test_an_outlier_is_dropped_and_nothing_else():
    sn = supernova(60).of("g")
    bad = sn.mag.copy()
    bad[len(bad) // 2] -= 2.0
    kept = drop_outliers(Photometry(mjd=sn.mjd, band=sn.band, mag=bad, mag_error=sn.mag_error), 3.0)
    assert sn.mjd[len(bad) // 2] not in kept.mjd
    assert len(kept) >= len(sn) - 2


def test_latitude_of_the_pole_and_of_the_centre():
    assert galactic_latitude_deg(192.85948, 27.12825) == pytest.approx(90.0, abs=1e-3)
    assert galactic_latitude_deg(266.405, -28.936) == pytest.approx(0.0, abs=0.05)
    assert typical_ebv(266.405, -28.936) == 0.3
    assert typical_ebv(192.85948, 27.12825) == pytest.approx(0.019)


def test_table_1_by_hand():
    seen = points([0, 1, 10, 11, 20], ["g", "r", "g", "r", "r"], [20.0, 19.9, 18.5, 18.6, 18.2])
    got = features(seen, Host(mags={"g": 21.0, "r": 20.5}, separation_arcsec=0.3), 0.0)
    assert got["m_peak_r"] == 18.2
    assert got["m_discovery_r"] == 19.9
    assert got["dm_discovery_r"] == pytest.approx(-1.7)
    assert got["dt_discovery_r"] == 19
    assert got["dt_discovery_any_r"] == 20
    assert got["slope_recent_r"] == pytest.approx(-0.4 / 9)
    assert got["slope_discovery_r"] == pytest.approx(-1.7 / 19)
    assert got["dslope_r"] == pytest.approx(-1.7 / 19 + 0.4 / 9)
    assert got["dm_peak_gr"] == pytest.approx(0.3)
    assert got["dt_peak_gr"] == -10
    assert got["dm_discovery_gr"] == pytest.approx(0.1)
    assert got["dcolour_transient"] == pytest.approx(0.2)
    assert got["dm_host_peak_r"] == pytest.approx(2.3)
    assert got["host_gr"] == pytest.approx(0.5)
    assert got["dcolour_host_transient"] == pytest.approx(2.5 - 2.3)
    assert got["colour_mean"] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(got["host_i"])


def test_one_detection_gives_what_it_can_and_nan_elsewhere():
    got = features(points([5], "r", [19]), None)
    known = {name for name, value in got.items() if np.isfinite(value)}
    assert known == {"m_peak_r", "m_discovery_r", "dm_discovery_r", "dt_discovery_r", "dt_discovery_any_r", "rise_r",
                     "since_peak"}  # fmt: skip
    assert np.isnan(vector(features(points([], "r", []), None))).all()


def test_no_feature_knows_the_redshift():
    assert not [name for name in NAMES if "redshift" in name or name.startswith("z_")]
    host = {"g": 20.0, "r": 19.5}
    near, far = (features(supernova(), Host(mags=host, redshift=z)) for z in (0.01, 0.5))
    np.testing.assert_equal(near, far)
    assert set(COMMON_HOST) <= set(NAMES)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 300), st.sampled_from("gri"), st.floats(14, 22), st.floats(0.001, 0.5), st.booleans()),
        min_size=1,
        max_size=25,
    ),
    st.floats(0, 1),
)
def test_any_light_curve_gives_finite_or_missing_features(rows, ebv):
    found = clean(curve(sorted(rows)), ebv)
    assert len(found) <= len(rows)
    assert (np.diff(found.mjd) >= 0).all()
    assert not np.isinf(vector(features(found, None))).any()


def test_gp_agrees_with_scikit_learn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    from models.training.needle.gp import JITTER, SCALE_A, WAVELENGTH_A

    sn = supernova()
    ours = fit(sn)
    assert ours is not None
    x = np.column_stack([sn.mjd, [WAVELENGTH_A[b] for b in sn.band]])
    flux = 10 ** (-0.4 * (sn.mag - 25)) / ours.scale
    error = sn.mag_error * np.log(10) / 2.5 * flux
    matern = Matern(length_scale=[ours.time_days, SCALE_A], nu=1.5)
    theirs = GaussianProcessRegressor(
        ConstantKernel(ours.amplitude**2) * matern, alpha=error**2 + JITTER, optimizer=None
    ).fit(x, flux)
    grid = np.linspace(5, 60, 12)
    expected = 25 - 2.5 * np.log10(theirs.predict(np.column_stack([grid, [WAVELENGTH_A["g"]] * 12])) * ours.scale)
    np.testing.assert_allclose(ours.magnitudes(grid, np.array(["g"] * 12)), expected, atol=1e-6)
    assert ours.log_likelihood == pytest.approx(theirs.log_marginal_likelihood_value_, rel=1e-6)


def test_gp_finds_the_curve_and_fills_gaps_from_the_other_band():
    sn = supernova(50)
    gap = sn.where(~((sn.band == "r") & (np.abs(sn.mjd - 30) < 10)))
    found = fit(gap)
    assert found is not None
    assert found.good
    assert found.magnitudes(np.array([30.0]), np.array(["r"]))[0] == pytest.approx(18.2, abs=0.15)
    assert fit(sn.where(np.arange(len(sn)) < 2)) is None


def test_kernel_is_symmetric_and_one_at_home():
    x = np.array([[0.0, 4746.0], [3.0, 6366.0], [40.0, 4746.0]])
    k = kernel(x, x, 1.0, 20.0)
    assert np.allclose(k, k.T)
    assert np.allclose(np.diag(k), 1.0)


def test_distance_modulus_is_astropys():
    from astropy.cosmology import FlatLambdaCDM

    cosmology = FlatLambdaCDM(H0=67.7, Om0=0.31)
    for z in (0.0123, 0.1, 0.77):
        assert distance_modulus(z) == pytest.approx(cosmology.distmod(z).value, abs=2e-3)


def test_moving_away_dims_and_stretches():
    sn = supernova()
    moved = move(sn, 0.1, 0.12, peak_mjd(sn))
    assert np.ptp(moved.mjd) == pytest.approx(np.ptp(sn.mjd) * 1.12 / 1.1)
    assert moved.mag - sn.mag == pytest.approx(np.full(len(sn), distance_modulus(0.12) - distance_modulus(0.1)))


def test_simulated_errors_follow_appendix_a():
    assert simulated_error(np.array(20.5)) == pytest.approx(0.3)
    assert simulated_error(np.array(18.0)) == pytest.approx(2.4e-5 * 10 ** (0.2 * 18), rel=0.02)
    seen = observe(points(list(range(200)), "g", [19.0] * 200), np.random.default_rng(0))
    assert seen is not None
    assert np.abs(seen.mag - 19.0).max() <= simulated_error(np.array(19.0)) + 1e-12
    assert observe(points([1], "g", [22.0]), np.random.default_rng(0)) is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.8, 1.2))
def test_a_new_light_curve_is_early_bright_enough_and_no_longer_than_the_old(seed, ratio):
    found = FITTED
    drawn = resample(found, 0.1, 0.1 * ratio, np.random.default_rng(seed))
    if drawn is None:
        return
    rules = ResampleRules()
    stretch = (1 + 0.1 * ratio) / 1.1
    assert drawn.mjd.max() <= peak_mjd(found.points) + rules.latest_days * max(stretch, 1) + 1e-6
    assert (drawn.mag <= rules.limit_mag).all()
    assert len(drawn) <= len(early(found.points))


def test_hosts_lend_within_a_fifth_of_the_redshift():
    assert hosts_within(0.1, np.array([0.079, 0.081, 0.119, 0.121, np.nan])) == [1, 2]


def test_rules_can_be_changed():
    faint = curve([(1, "g", 20.8, 0.1, False)])
    assert not len(clean(faint, 0.0))
    assert len(clean(faint, 0.0, CleanRules(limit_mag=21.0))) == 1


FITTED = fit(supernova())
assert FITTED is not None
